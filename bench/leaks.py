"""Leaks: what a request tells that it must not, and outputs that are too like what they should be found out by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, read_audio
from bench.errors import BenchError
from bench.example import Request, read_request
from bench.wav import read_header

SAME_SOUND = 0.95
"""Correlation at any lag from which a file counts as holding the hole's own sound: a copy under noise 10 dB below it.
On the synthetic songs a drum stem reaches 0.74 with its mix, a rendered control 0.53, the context 0.60 where bars
recur."""
EQUAL_DB = -40.0
"""Level of what is left of an output, at the best gain and lag, from which it counts as the same sound."""
MOST_LAG_S = 0.1
_TINY = 1e-20

Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Resemblance:
    """How like two sounds are at the best gain and lag.

    Attributes:
        residual_db: Level of the difference against the first sound; -inf for the same samples, 0 for unrelated sounds.
        gain: Factor on the second sound; below 0 where it is inverted.
        lag_s: By how much the second comes later.
    """

    residual_db: float
    gain: float
    lag_s: float

    @property
    def is_equal(self) -> bool:
        """Whether they count as one sound."""
        return self.residual_db <= EQUAL_DB


def resemblance(first: Sound, second: Sound, sample_rate: int) -> Resemblance:
    """Compare two sounds over lags of +-0.1 s (whole samples) and any gain.

    The residual of the best fit is 10 log10(1 - rho^2), rho being their highest normalised correlation: a gain, a delay
    or an inversion leaves nothing, rounding to 16 bits -60 dB or less, noise its own level.

    Args:
        first: (n,).
        second: (n,).
        sample_rate: Of both, in Hz.
    """
    most = min(round(MOST_LAG_S * sample_rate), len(first) - 1)
    if not np.any(first) or not np.any(second):
        return Resemblance(0.0, 0.0, 0.0)
    products = _correlation(second, first)
    lags = np.arange(-most, most + 1)
    # Energies of the stretches that overlap at a lag, so that a delay costs nothing.
    rises = [np.concatenate([[0.0], np.cumsum(x**2)]) for x in (first, second)]
    n = len(first)
    of_first = rises[0][n - np.maximum(lags, 0)] - rises[0][np.maximum(-lags, 0)]
    of_second = rises[1][n - np.maximum(-lags, 0)] - rises[1][np.maximum(lags, 0)]
    found = products[lags] / np.sqrt(np.maximum(of_first * of_second, _TINY))
    best = int(np.argmax(np.abs(found)))
    rho, lag = float(np.clip(found[best], -1, 1)), int(lags[best])
    left = max(1 - rho**2, 0.0)
    gain = float(products[lag] / max(of_first[best], _TINY))
    return Resemblance(float(10 * np.log10(left)) if left > 0 else -np.inf, gain, lag / sample_rate)


def highest_correlation(piece: Sound, sound: Sound) -> float:
    """Return the highest |correlation| of a piece with any stretch of a sound of its length, 0 to 1."""
    if len(sound) < len(piece) or not np.any(piece):
        return 0.0
    products = np.abs(_correlation(sound, piece)[: len(sound) - len(piece) + 1])
    rises = np.concatenate([[0.0], np.cumsum(sound**2)])
    energies = rises[len(piece) :] - rises[: len(rises) - len(piece)]
    floor = max(float(energies.max()) * 1e-6, _TINY)
    return float(np.max(products / np.sqrt(np.maximum(energies, floor) * float(piece @ piece))))


def scan(requests: Path, references: Path) -> list[str]:
    """List what requests tell of the sound in their holes, one line each; nothing for a clean folder.

    Looked at: files that nothing declares; chunks of a WAV beside sound and format, and bytes behind them; holes that
    are not silent; and the sound of a hole, found by correlation at any lag in the context or in a control. Music that
    repeats itself to the sample is found in its context too, and is no leak: the line says so.

    Raises:
        BenchError: a request or a reference cannot be read, naming it.
    """
    return [
        line
        for home in sorted(path for path in requests.iterdir() if path.is_dir())
        for line in scan_request(home, read_audio(references / f"{home.name}.wav"))
    ]


def scan_request(home: Path, reference: Audio) -> list[str]:
    """List what one request tells of its holes."""
    request = read_request(home)
    allowed = {"request.yaml", "masked.wav", *(f"control-{kind}.wav" for kind in request.controls)}
    allowed |= {"control-chords.lab", "beats.txt"} if "chords" in request.controls else set()
    allowed |= {"control-piano.mid"} if "piano" in request.controls else set()
    lines = [f"{home.name}: {path.name} is declared by nothing" for path in home.iterdir() if path.name not in allowed]
    for path in sorted(home.glob("*.wav")):
        try:
            lines += [f"{home.name}: {path.name} {what}" for what in read_header(path).surplus]
        except BenchError as error:
            lines.append(str(error))
    return lines + _sounds(home.name, request, reference)


def _sounds(name: str, request: Request, reference: Audio) -> list[str]:
    masked, mask = request.masked, request.mask
    hidden = mask.inside(masked.sample_rate)
    lines = [f"{name}: masked.wav is not silent in the hole"] if np.any(masked.mono[hidden]) else []
    if reference.n_samples != masked.n_samples:
        raise BenchError(f"{name}: the reference has {reference.n_samples} samples, the request {masked.n_samples}")
    for start, end in mask.holes_s:
        piece = _level(reference.cut(start, end).mono)
        told = {"masked.wav": masked} | {f"control-{kind}.wav": c.audio for kind, c in request.controls.items()}
        for file, audio in told.items():
            if (rho := highest_correlation(piece, _level(audio.mono))) >= SAME_SOUND:
                why = "the music repeats itself, or" if file == "masked.wav" else "the control is the whole music, or"
                lines.append(f"{name}: {file} holds the sound of the hole at {start:g} s ({rho:.1%}); {why} it leaks")
    return lines


def _level(sound: npt.NDArray[np.float32]) -> Sound:
    """Take an offset away, which two sounds may share."""
    values = sound.astype(np.float64)
    return values - values.mean() if len(values) else values


def _correlation(long: Sound, short: Sound) -> Sound:
    """Return sum over t of long[t + lag] short[t] at index `lag`; lags below 0 at the end, as FFTs have it."""
    import scipy.fft

    size = scipy.fft.next_fast_len(len(long) + len(short), real=True)
    spectrum = scipy.fft.rfft(long, size) * np.conj(scipy.fft.rfft(short, size))
    return np.asarray(scipy.fft.irfft(spectrum, size))
