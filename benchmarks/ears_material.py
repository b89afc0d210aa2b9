"""Building the items of the real-music table; truth is known by construction, and nothing here is trained or tuned on.

(a) recorded drum loops over recorded music without drums, listed in ears_mixtures.csv; (b) one produced song with its
stems; (d) the suite's own test songs. Material (c) is in ears_pop909.py.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio, read_audio, stretch
from bench.errors import MissingComponent
from bench.music.loudness import lufs
from bench.symbols import DRUM_PROGRAM, Notes
from bench.upkeep.material import Item
from benchmarks.ears_sources import Sources

SAMPLE_RATE, DURATION_S, PEAK = 44100, 15.0, 0.99
MIXTURES = Path(__file__).with_name("ears_mixtures.csv")
SONG = "falcon69"
"""The song of (b): 6.1 s, streams mix, drums, bass, other, vocals."""
_SONG_LEVELS_LU = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0)
_SONG_LOOPS = ("amen", "compus", "garzul", "jungle01", "break03", "electro_beat01")
_N_SUITE = 16

Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """A row of ears_mixtures.csv; without drums where `drums` is empty.

    Attributes:
        name: Of the item.
        drums: A drum loop of ears_sources.csv.
        rest: Music without drums of ears_sources.csv.
        start_s: Where the music begins.
        level_lu: Loudness of the drums relative to the music.
    """

    name: str
    drums: str
    rest: str
    start_s: float
    level_lu: float


def mixtures() -> list[Mixture]:
    """Return the rows of ears_mixtures.csv."""
    with MIXTURES.open(encoding="utf-8", newline="") as file:
        return [
            Mixture(row["name"], row["drums"], row["rest"], float(row["start_s"]), float(row["level_lu"] or 0))
            for row in csv.DictReader(file)
        ]


def needed(material: str) -> set[str]:
    """Return the names of the sources that a material needs."""
    if material == "a":
        return {name for row in mixtures() for name in (row.drums, row.rest) if name}
    return {"b": {SONG, *_SONG_LOOPS}, "c": {"merlin", "black-pearl", "red-zeppelin"}}.get(material, set())


def real_mixtures(sources: Sources, limit: int | None = None) -> Iterator[Item]:
    """Yield the items of (a), 15 s at 44.1 kHz."""
    for row in mixtures()[:limit]:
        music = stretch(sources.path(row.rest), row.start_s, DURATION_S)
        rest = _mono(music)
        drums = looped(sources, row.drums, len(rest)) if row.drums else np.zeros_like(rest)
        yield mixed("a", row.name, drums, rest, row.level_lu)


def song_mixtures(sources: Sources, limit: int | None = None) -> Iterator[Item]:
    """Yield the items of (b): the song with its drums at several levels, and its other stems with recorded loops.

    Bass, other and vocals are the rest; the published mix is within 16 dB of the stems' sum, which stands for it.
    """
    stems = _song_stems(sources.path(SONG))
    drums, rest = stems[0], np.sum(stems[1:], axis=0)
    own = lufs(drums, SAMPLE_RATE) - lufs(rest, SAMPLE_RATE)
    items = [("own-mix", drums, own)]
    items += [(f"own{level:+.0f}", drums, level) for level in _SONG_LEVELS_LU]
    items += [(f"{name}+0", looped(sources, name, len(rest)), 0.0) for name in _SONG_LOOPS]
    for name, sound, level in items[:limit]:
        yield mixed("b", name, sound, rest, level)


def suite_songs(limit: int | None = None) -> Iterator[Item]:
    """Yield the items of (d): excerpts of `synthetic-test`, as a mix and as the piano stem alone."""
    dataset = plugins.load("datasets", "synthetic")
    for excerpt in dataset.select("synthetic-test").excerpts[: _N_SUITE if limit is None else limit]:
        start, end = excerpt.start_s, excerpt.start_s + excerpt.duration_s
        notes, chords = dataset.read(excerpt, "notes"), dataset.read(excerpt, "chords")
        mix, drums = dataset.read(excerpt, "mix"), dataset.read(excerpt, "drums")
        rate = mix.sample_rate
        yield Item(
            "d-mix",
            excerpt.track,
            Audio(mix.mono, rate),
            Audio(drums.mono, rate),
            notes.where(notes.programs != DRUM_PROGRAM),
            chords,
        )
        stem = Audio(dataset.stem(excerpt.track, "piano").mono, rate).cut(start, end)
        piano: Notes = dataset.song(excerpt.track).parts["piano"].cut(start, end).shifted(-start)
        yield Item("d-piano", excerpt.track, stem, None, piano, chords)


def mixed(condition: str, name: str, drums: Sound, rest: Sound, level_lu: float) -> Item:
    """Return the sum of drums and rest, with the drums at a loudness relative to the rest, and a peak of 0.99 at most.

    Silent drums stay silent.
    """
    gain = 10 ** ((level_lu + lufs(rest, SAMPLE_RATE) - lufs(drums, SAMPLE_RATE)) / 20) if drums.any() else 0.0
    scaled = drums * gain
    scale = min(1.0, PEAK / max(float(np.abs(scaled + rest).max()), 1e-9))
    truth = (scaled * scale).astype(np.float32)
    mix = ((scaled + rest) * scale).astype(np.float32)
    return Item(condition, name, Audio(mix, SAMPLE_RATE), Audio(truth, SAMPLE_RATE))


def looped(sources: Sources, name: str, n: int) -> Sound:
    """Return a drum loop repeated to n samples at 44.1 kHz, its tempo kept."""
    return np.resize(_mono(read_audio(sources.path(name))), n)


def _mono(audio: Audio) -> Sound:
    return Audio(audio.mono, audio.sample_rate).resampled(SAMPLE_RATE).mono.astype(np.float64)


@lru_cache(maxsize=1)
def _song_stems(path: Path) -> list[Sound]:
    """Return drums, bass, other and vocals of a file in the format of Stems (streams 1 to 4), mono at 44.1 kHz."""
    import subprocess

    stems = []
    for stream in range(1, 5):
        command = [_ffmpeg(), "-v", "error", "-i", str(path), "-map", f"0:a:{stream}", "-ac", "1"]
        command += ["-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
        raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        stems.append(np.frombuffer(raw, dtype="<f4").astype(np.float64))
    shortest = min(map(len, stems))
    return [stem[:shortest] for stem in stems]


def _ffmpeg() -> str:
    """Return a program ffmpeg: that of the system, or of the package imageio-ffmpeg."""
    import shutil

    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError as error:
        raise MissingComponent(
            "ffmpeg: missing; material b needs it to read its song; `pip install imageio-ffmpeg`"
        ) from error
    return str(get_ffmpeg_exe())
