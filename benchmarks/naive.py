"""The chain that a researcher would write today, frozen, for `speed.py` to measure against; nothing else may use it.

museval for the separation, librosa for what is heard, mir_eval for the scores: libraries' defaults, whole files, every
step on its own. As a command, `python benchmarks/naive.py REFERENCE OUTPUT CONTROL START END`, it scores one file in a
process of its own.
"""

import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import librosa
import mir_eval
import numpy as np
import pyloudnorm
import soundfile

TRIADS = ([1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0])
TEMPLATES = np.array([np.roll(triad, k) for triad in TRIADS for k in range(12)])
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NAMES = [f"{note}:{kind}" for kind in ("maj", "min") for note in NOTES]


def naive_scores(reference: Path, output: Path, control: Path, start_s: float, end_s: float) -> dict[str, float]:
    """Score an output about as the task `inpaint-drums` does.

    Args:
        reference: WAV of the song.
        output: WAV of what a system made.
        control: WAV of the drums to follow.
        start_s: Where the hole begins.
        end_s: Where it ends.
    """
    (ref, rate), (out, _), (drums, _) = (soundfile.read(path) for path in (reference, output, control))
    hole = slice(int(start_s * rate), int(end_s * rate))
    heard_ref, heard_out = (librosa.effects.percussive(x) for x in (ref, out))
    scores = {"sdr": _sdr(drums[hole], heard_out[hole], rate)}
    onsets = [librosa.onset.onset_detect(y=x[hole], sr=rate, units="time") for x in (drums, heard_out)]
    scores["onset-f1"] = mir_eval.onset.f_measure(*onsets, window=0.05)[0]
    beats = [librosa.beat.beat_track(y=x[hole], sr=rate, units="time")[1] for x in (ref, out)]
    scores["beat-f1"] = mir_eval.beat.evaluate(*beats)["F-measure"]
    scores["chords"] = _chords(ref, out, rate)
    chroma = [librosa.feature.chroma_cqt(y=x[hole], sr=rate) for x in (ref, out)]
    lengths = np.linalg.norm(chroma[0], axis=0) * np.linalg.norm(chroma[1], axis=0)
    scores["chroma"] = float(np.mean(np.sum(chroma[0] * chroma[1], axis=0) / np.maximum(lengths, 1e-9)))
    spectra = [librosa.amplitude_to_db(np.abs(librosa.stft(x, n_fft=2048, hop_length=512))) for x in (ref, out)]
    scores["lsd"] = float(np.mean(np.sqrt(np.mean((spectra[0] - spectra[1]) ** 2, axis=0))))
    fluxes = [librosa.onset.onset_strength(y=x, sr=rate) for x in (ref, out)]
    edges = librosa.time_to_frames([start_s, end_s], sr=rate)
    scores["seam"] = float(np.mean([fluxes[1][e - 2 : e + 3].max() - fluxes[0][e - 2 : e + 3].max() for e in edges]))
    meter = pyloudnorm.Meter(rate)
    scores["loudness"] = meter.integrated_loudness(out[hole]) - meter.integrated_loudness(ref[hole])
    rests = [np.sqrt(np.mean((x[hole] - y[hole]) ** 2)) for x, y in ((out, heard_out), (ref, heard_ref))]
    scores["fill"] = 20 * np.log10(max(rests[0], 1e-9) / max(rests[1], 1e-9))
    levels = [librosa.power_to_db(librosa.feature.melspectrogram(y=x[hole], sr=rate, n_mels=48)) for x in (ref, out)]
    scores["embedding"] = float(np.linalg.norm(levels[0].mean(axis=1) - levels[1].mean(axis=1)))
    return {name: float(value) for name, value in scores.items()}


def _sdr(drums: Any, found: Any, rate: int) -> float:
    sys.modules.setdefault("musdb", types.ModuleType("musdb"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import museval

        return float(np.nanmedian(museval.evaluate(drums[None, :, None], found[None, :, None], win=rate, hop=rate)[0]))


def _chords(ref: Any, out: Any, rate: int) -> float:
    """Return the accuracy of the best template per frame, both heard by the same ear."""
    labelled = []
    for x in (ref, out):
        chroma = librosa.feature.chroma_cqt(y=librosa.effects.harmonic(x), sr=rate)
        best = np.argmax(TEMPLATES @ chroma, axis=0)
        times = librosa.frames_to_time(np.arange(len(best) + 1), sr=rate)
        labelled.append((np.stack([times[:-1], times[1:]], axis=1), [NAMES[k] for k in best]))
    scores = mir_eval.chord.evaluate(labelled[0][0], labelled[0][1], labelled[1][0], labelled[1][1])
    return float(scores["majmin"])


if __name__ == "__main__":
    files = [Path(word) for word in sys.argv[1:4]]
    sys.stdout.write(json.dumps(naive_scores(files[0], files[1], files[2], float(sys.argv[4]), float(sys.argv[5]))))
