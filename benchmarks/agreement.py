"""Our numbers against other people's code: the table of docs/agreement.md.

`PYTHONPATH=. python benchmarks/agreement.py [--require]`. A row names what is compared, with what, on how many cases,
and the largest difference seen; the command fails where one is beyond its limit. Packages that are not installed are
named, and with `--require` fail the command: `tox -e py` has them all. Real recordings join the SDR cases where
`$STEERBENCH_REAL_AUDIO` names a folder.
"""

import importlib.util
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.signal

from bench import plugins
from bench.audio import Audio, read_audio
from bench.example import Example, Request, Truth, masked
from bench.extractors.clap import RATE as CLAP_RATE
from bench.extractors.clap import Clap
from bench.extractors.vggish import log_mel
from bench.mask import Mask
from bench.metrics.fad import frechet, frechet_of
from bench.metrics.sdr import framewise_sdr, si_sdr, spectral_sdr
from bench.music.loudness import at_loudness
from bench.music.matching import pooled_f
from bench.symbols import Chords, Notes
from bench.upkeep.clap_convert import convert

RATE = 16000
Differences = list[float]


@dataclass(frozen=True)
class Agreement:
    """What is compared.

    Attributes:
        what: Of ours.
        other: Whose code it is held against.
        limit: Largest difference that counts as agreement.
        unit: Of the difference.
        needs: Package that must be installed.
        cases: Returns the difference of every case.
    """

    what: str
    other: str
    limit: float
    unit: str
    needs: str
    cases: Callable[[], Differences]


def _museval(reference: np.ndarray, estimate: np.ndarray, rate: int) -> np.ndarray:
    """Return museval's framewise SDR; its package wants ffmpeg through musdb, which its metrics do not use."""
    sys.modules.setdefault("musdb", types.ModuleType("musdb"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from museval.metrics import bss_eval

        # A second source that is never silent: museval leaves a frame out for all sources together.
        sources = np.stack([reference, np.roll(reference, 7) + 1e-3])[:, :, None].astype(float)
        guesses = np.stack([estimate, np.roll(estimate, 7) + 1e-3])[:, :, None].astype(float)
        found = bss_eval(sources, guesses, window=rate, hop=rate, compute_permutation=False)
    return np.asarray(found[0][0])


def _recordings() -> Iterator[Audio]:
    folder = os.environ.get("STEERBENCH_REAL_AUDIO")
    for path in sorted(Path(folder).iterdir()) if folder else []:
        if path.suffix in (".wav", ".flac", ".ogg", ".mp3"):
            audio = read_audio(path)
            yield Audio(audio.mono, audio.sample_rate).resampled(RATE).cut(5.0, 11.4)


def sdr() -> Differences:
    """Random and real pairs, none silent."""
    found = []
    sounds = [Audio(np.random.default_rng(k).normal(0, 0.1 + 0.02 * k, 4 * RATE + 333), RATE) for k in range(20)]
    for k, sound in enumerate([*sounds, *_recordings()]):
        rng = np.random.default_rng(1000 + k)
        estimate = sound.mono * rng.uniform(0.2, 1.5) + rng.normal(0, 0.05, sound.n_samples)
        ours = np.array(framewise_sdr(sound, Audio(estimate, RATE)))
        theirs = _museval(sound.mono, Audio(estimate, RATE).mono, RATE)[: len(ours)]
        found.append(float(np.abs(ours - theirs).max()))
    return found


def sdr_silences() -> Differences:
    """1 for every frame that one leaves undefined and the other does not."""
    found = []
    for k in range(20):
        rng = np.random.default_rng(k)
        sound = rng.normal(0, 0.1, 5 * RATE).astype(np.float32)
        for frame in rng.permutation(5)[: 1 + k % 4]:
            sound[frame * RATE : (frame + 1) * RATE] = 0
        estimate = rng.normal(0, 0.1, 5 * RATE).astype(np.float32)
        ours = np.array(framewise_sdr(Audio(sound, RATE), Audio(estimate, RATE)))
        found.append(float(np.sum(np.isnan(ours) != np.isnan(_museval(sound, estimate, RATE)))))
    return found


def si_sdr_torchmetrics() -> Differences:
    """SI-SDR of random pairs in the range that ours is not held to."""
    import torch
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as theirs

    found = []
    for k in range(20):
        rng = np.random.default_rng(k)
        s = rng.normal(size=RATE)
        e = rng.uniform(0.3, 2) * s + rng.uniform(0.1, 3) * rng.normal(size=RATE)
        found.append(abs(si_sdr(s, e) - float(theirs(torch.from_numpy(e), torch.from_numpy(s)))))
    return found


def spectral() -> Differences:
    """Spectral SDR of random holes against scipy's spectra and its least squares without negative gains."""
    found = []
    for k in range(20):
        rng = np.random.default_rng(k)
        s = [rng.normal(size=int(rng.integers(1000, 2 * RATE))) for _ in range(1 + k % 3)]
        e = [rng.uniform(0.3, 2) * one + rng.uniform(0.1, 3) * rng.normal(size=len(one)) for one in s]
        both = [Audio(one, RATE) for one in (*s, *e)]
        a, b = (np.concatenate([_magnitudes(one.mono) for one in half]) for half in (both[: len(s)], both[len(s) :]))
        (gain,), _ = scipy.optimize.nnls(b[:, None], a)
        theirs = 10 * np.log10(np.sum(a**2) / np.sum((a - gain * b) ** 2))
        found.append(abs(spectral_sdr(both[: len(s)], both[len(s) :], 0)[0] - theirs))
    return found


def _magnitudes(sound: np.ndarray) -> np.ndarray:
    return np.abs(scipy.signal.stft(sound.astype(float), nperseg=2048, noverlap=1536)[2]).ravel()


def _times(rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.uniform(0, 7.5, int(rng.integers(1, 60))))


def onsets() -> Differences:
    """F of random and of jittered lists."""
    found = []
    for k in range(200):
        rng = np.random.default_rng(k)
        a = _times(rng)
        b = np.sort(a + rng.normal(0, 0.04, len(a))) if k % 2 else _times(rng)
        found.append(abs(pooled_f([a], [b], 0.05) - mir_eval.onset.f_measure(a, b, window=0.05)[0]))
    return found


def beats() -> Differences:
    """F of beats, nothing trimmed."""
    found = []
    for k in range(200):
        rng = np.random.default_rng(k)
        a = np.arange(0.2, 7.5, rng.uniform(0.3, 0.8))
        b = np.sort(a + rng.normal(0, 0.06, len(a))) if k % 2 else _times(rng)
        found.append(abs(pooled_f([a], [b], 0.07) - mir_eval.beat.f_measure(a, b, 0.07)))
    return found


class _Heard:
    """Gives a metric one hole's findings."""

    def __init__(self, wanted: Any, found: Any) -> None:
        self._wanted, self._found = [wanted], [found]

    def wanted(self, kind: str) -> list[Any]:
        return self._wanted

    def found(self, who: str, kind: str) -> list[Any]:
        return self._found


def _measured(name: str, wanted: Any, found: Any) -> dict[str, float]:
    mask, sound = Mask(((0, 375),), 375), Audio(np.zeros(7 * RATE + RATE // 2), RATE)
    example = Example(Request("x", "t", 1, masked(sound, mask), mask, {}, seed=1), sound, Truth())
    metric = plugins.load("metrics", name)
    return {key: one.value for key, one in metric.measure(example, _Heard(wanted, found)).items()}


def notes() -> Differences:
    """F of onset and pitch."""
    found = []
    for k in range(100):
        rng = np.random.default_rng(k)
        a = _notes(rng, 40)
        b = Notes(a.intervals_s + rng.normal(0, 0.03), a.pitches + (rng.uniform(size=len(a)) < 0.2), a.velocities)
        b = b if k % 2 else _notes(rng, 30)
        hz = [440 * 2 ** ((x.pitches - 69) / 12) for x in (a, b)]
        theirs = mir_eval.transcription.precision_recall_f1_overlap(
            a.intervals_s, hz[0], b.intervals_s, hz[1], onset_tolerance=0.05, offset_ratio=None
        )[2]
        found.append(abs(_measured("note-f1", a, b)["note-f1"] - theirs))
    return found


def _notes(rng: np.random.Generator, n: int) -> Notes:
    starts = np.sort(rng.uniform(0.1, 7, n))
    return Notes(np.stack([starts, starts + 0.3], axis=1), rng.integers(60, 66, n), np.full(n, 80))


LABELS = ("C:maj", "A:min", "G:7", "D:min7", "F:maj7", "E:maj", "B:min", "N", "C:sus4", "F:maj/3")
REDUCTIONS = ("root", "thirds", "triads", "sevenths", "tetrads")


def chords() -> Differences:
    """Weighted accuracy of all reductions, reference chord by reference chord with its borders cut off."""
    found = []
    for k in range(60):
        rng = np.random.default_rng(k)
        reference, estimate = (_chords(rng, n) for n in (5, 9))
        ours = _measured("chord-accuracy", reference, estimate)
        theirs = _their_chords(reference, estimate)
        found += [abs(ours[name] - theirs[name]) for name in theirs if not np.isnan(theirs[name])]
    return found


def _chords(rng: np.random.Generator, n: int) -> Chords:
    edges = np.concatenate([[0.0], np.sort(rng.uniform(0.3, 7.2, n - 1)), [7.5]])
    return Chords(np.stack([edges[:-1], edges[1:]], axis=1), tuple(rng.choice(LABELS, n).tolist()))


def _their_chords(reference: Chords, estimate: Chords) -> dict[str, float]:
    compare = {"chord-accuracy": mir_eval.chord.majmin}
    compare |= {f"chord-accuracy-{name}": getattr(mir_eval.chord, name) for name in REDUCTIONS}
    totals = {name: np.zeros(2) for name in compare}
    for (start, end), label in zip(reference.intervals_s, reference.labels, strict=True):
        start, end = start + 0.1, end - 0.1
        if end <= start:
            continue
        intervals, labels = mir_eval.util.adjust_intervals(
            estimate.intervals_s, list(estimate.labels), start, end, "N", "N"
        )
        seconds = mir_eval.util.intervals_to_durations(intervals)
        for name, function in compare.items():
            scores = np.asarray(function([label] * len(labels), labels), float)
            totals[name] += [scores[scores >= 0] @ seconds[scores >= 0], seconds[scores >= 0].sum()]
    return {name: hit / seconds if seconds > 0 else float("nan") for name, (hit, seconds) in totals.items()}


def _clouds(k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    n, d = ((1000, 128), (300, 64), (2000, 512))[k % 3]
    mix = rng.normal(size=(2, d, d)) / d**0.5
    return rng.normal(size=(n, d)) @ mix[0], rng.normal(0.1, 1.1, (n, d)) @ mix[1]


def frechet_sqrtm() -> Differences:
    """Against the general matrix square root."""
    found = []
    for k in range(6):
        a, b = _clouds(k)
        root = np.real(scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)))
        gap = a.mean(0) - b.mean(0)
        theirs = gap @ gap + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * np.trace(root)
        found.append(float(abs(frechet_of(a, b) - theirs)))
    return found


def frechet_small() -> Differences:
    """The way for fewer vectors than dimensions against the way for more, on the same few vectors."""
    found = []
    for k in range(20):
        rng = np.random.default_rng(k)
        a, b = rng.normal(size=(int(rng.integers(2, 60)), 64)), rng.normal(0.2, 1, (int(rng.integers(2, 60)), 64))
        theirs = frechet(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
        found.append(abs(frechet_of(a, b) - theirs))
    return found


def frechet_toolkit() -> Differences:
    """Against frechet-audio-distance, on shared embeddings."""
    from tests.agreement.stand_ins import install

    install()
    from frechet_audio_distance.fad import FrechetAudioDistance

    found = []
    for k in range(6):
        a, b = _clouds(k)
        theirs = FrechetAudioDistance.calculate_frechet_distance(
            types.SimpleNamespace(), a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T)
        )
        found.append(float(abs(frechet_of(a, b) - theirs)))
    return found


def clap(amodel: str) -> Callable[[], Differences]:
    """Return the comparison of a converted checkpoint of random weights: embeddings of noise, chords and clicks."""

    def cases() -> Differences:
        import torch

        from tests.agreement.stand_ins import laion_model
        from tests.agreement.test_laion_clap import sounds

        theirs, found = laion_model(amodel), []
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"state_dict": theirs.model.state_dict()}, f"{folder}/x.pt")
            convert(Path(folder) / "x.pt", Path(folder) / "converted")
            ours = Clap("x", Path(folder) / "converted")
            for sound in sounds():
                ready = torch.from_numpy(at_loudness(sound, CLAP_RATE)).float()[None]
                with torch.no_grad():
                    wanted = theirs.get_audio_embedding_from_data(ready, use_tensor=True)[0].numpy()
                found.append(float(np.abs(ours.extract(Audio(sound, CLAP_RATE)).values[0] - wanted).max()))
        return found

    return cases


def vggish() -> Differences:
    """Log-mel front end against one made from the published constants with another spectrogram and slow triangles."""
    from tests.extractors.test_vggish import slow_bands

    found, window = [], scipy.signal.get_window("hann", 400, fftbins=True)
    for k in range(5):
        samples = np.random.default_rng(k).normal(0, 0.1, 16000 + 1000 * k)
        rows = [np.abs(np.fft.rfft(samples[i : i + 400] * window, 512)) for i in range(0, len(samples) - 399, 160)]
        found.append(float(np.abs(log_mel(samples) - np.log(np.array(rows) @ slow_bands() + 0.01)).max()))
    return found


AGREEMENTS = [
    Agreement("sdr, frame by frame", "museval", 1e-9, "dB", "museval", sdr),
    Agreement("sdr, silent frames of the reference", "museval", 0, "frames", "museval", sdr_silences),
    Agreement("si-sdr", "torchmetrics", 1e-6, "dB", "torchmetrics", si_sdr_torchmetrics),
    Agreement("sdr-spectral", "scipy.signal.stft", 1e-6, "dB", "scipy", spectral),
    Agreement("onset F", "mir_eval", 1e-12, "", "mir_eval", onsets),
    Agreement("beat F", "mir_eval", 1e-12, "", "mir_eval", beats),
    Agreement("note-f1", "mir_eval", 1e-12, "", "mir_eval", notes),
    Agreement("chord-accuracy, all reductions", "mir_eval", 1e-9, "", "mir_eval", chords),
    Agreement("Fréchet distance", "scipy.linalg.sqrtm", 1e-6, "", "scipy", frechet_sqrtm),
    Agreement("Fréchet distance", "frechet-audio-distance", 1e-6, "", "frechet_audio_distance", frechet_toolkit),
    Agreement("CLAP, HTSAT-tiny, converted", "laion-clap", 1e-4, "", "laion_clap", clap("HTSAT-tiny")),
    Agreement("CLAP, HTSAT-base, converted", "laion-clap", 1e-4, "", "laion_clap", clap("HTSAT-base")),
    Agreement("VGGish front end", "its published constants", 1e-9, "", "scipy", vggish),
    Agreement("Fréchet distance, n < d", "our own for n > d", 1e-6, "", "scipy", frechet_small),
]


def main(arguments: list[str]) -> int:
    """Print the table; 1 where something disagrees, or with `--require` is missing."""
    print_ = sys.stdout.write
    print_("| ours | against | cases | largest difference | limit | |\n|---|---|---:|---:|---:|---|\n")
    is_good = True
    for one in AGREEMENTS:
        if importlib.util.find_spec(one.needs) is None:
            print_(f"| {one.what} | {one.other} | | not installed: `tox -e py` | {one.limit:g} | |\n")
            is_good &= "--require" not in arguments
            continue
        found = one.cases()
        agrees = max(found) <= one.limit and len(found) > 0
        is_good &= agrees
        unit = f" {one.unit}" if one.unit else ""
        verdict = "agrees" if agrees else "**disagrees**"
        print_(f"| {one.what} | {one.other} | {len(found)} | {max(found):.1e}{unit} | {one.limit:g} | {verdict} |\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
