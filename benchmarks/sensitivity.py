"""Which metric notices what: known damage done to the reference, through every metric.

`PYTHONPATH=. python benchmarks/sensitivity.py [OUT [MANIFEST]]` builds `inpaint-drums`, hands in the reference with one
kind of damage at a time, scores it as a stranger's submission, and prints the tables of docs/sensitivity.md. A value is
a mean over songs; a metric *notices* where the interval of its difference from the unharmed reference excludes 0 by
more than rounding. What each entry means stands in sensitivity.yaml; the command fails where an entry has no line.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from bench.audio import Audio, write_audio
from bench.board.compare import Comparison
from bench.board.readings import advantage, readings
from bench.example import Example, other_songs
from bench.formats import read_yaml
from bench.music.loudness import loudness
from bench.pipeline.build import build
from bench.pipeline.source import source_of
from bench.runtime.executor import Processes
from bench.runtime.layout import Layout, Setting
from bench.scores import read_rows
from bench.scoring.columns import columns_of
from bench.scoring.results import score_into
from bench.submission import Card, Submission, write_card
from bench.task import load_task, with_metrics

TASK, ADDED = "inpaint-drums", ("note-f1", "fad[logmel-stats]", "clap-score[logmel-stats]")
Sound = npt.NDArray[np.float32]
Harm = Callable[[Example, Example], Sound]


def _in_the_hole(example: Example, sound: Sound) -> Sound:
    inside = example.request.mask.inside(example.reference.sample_rate)
    return np.where(inside, sound, example.reference.mono).astype(np.float32)


def _noise(example: Example, _: Example) -> Sound:
    reference = example.reference
    sound = np.random.default_rng(example.request.seed).standard_normal(reference.n_samples) * 0.1
    gain = loudness(reference) - loudness(Audio(sound, reference.sample_rate))
    return _in_the_hole(example, (sound * 10 ** (gain / 20)).astype(np.float32))


def _silence(example: Example, _: Example) -> Sound:
    return _in_the_hole(example, np.zeros(example.reference.n_samples, np.float32))


def _wrong_song(example: Example, other: Example) -> Sound:
    return _in_the_hole(example, other.reference.mono)


def _gained(db: float) -> Harm:
    return lambda example, _: (example.reference.mono * np.float32(10 ** (db / 20))).astype(np.float32)


def _delayed(seconds: float) -> Harm:
    def delay(example: Example, _: Example) -> Sound:
        n = round(seconds * example.reference.sample_rate)
        return np.concatenate([np.zeros(n, np.float32), example.reference.mono[:-n]])

    return delay


def _vorbis(example: Example, _: Example) -> Sound:
    """Vorbis at its lowest quality, decoded again: a codec that every installation has."""
    file, rate = io.BytesIO(), example.reference.sample_rate
    with soundfile.SoundFile(file, "w", rate, 1, format="OGG", subtype="VORBIS", compression_level=1.0) as out:
        out.write(example.reference.mono)
    file.seek(0)
    sound, _rate = soundfile.read(file, dtype="float32")
    return np.asarray(np.resize(sound, example.reference.n_samples), np.float32)


HARMS: dict[str, tuple[str, Harm]] = {
    "unharmed": ("reference", lambda example, _: example.reference.mono),
    "white-noise": ("white noise in the hole, at the reference's loudness", _noise),
    "silence": ("silence in the hole", _silence),
    "wrong-song": ("another song in the hole", _wrong_song),
    "gain-up": ("everything 6 dB louder", _gained(6.0)),
    "gain-down": ("everything 6 dB softer", _gained(-6.0)),
    "delay-10": ("everything 10 ms late", _delayed(0.010)),
    "delay-100": ("everything 100 ms late", _delayed(0.100)),
    "codec": ("everything through Vorbis at its lowest quality and back", _vorbis),
}


def measured(out: Path, manifest: str) -> dict[tuple[str, str], Comparison]:
    """Return every shown column of every harm, compared with the unharmed reference."""
    task = load_task(TASK)
    setting = Setting(Layout(out), Processes(2), {}, None, ADDED)
    examples = build(task, source_of(manifest, None, None, task), setting.layout, setting.executor)
    loaded = {name: examples.example(name) for name in examples.ids}
    others = other_songs(examples.ids)
    rows = {}
    for harm, (_, harmed) in HARMS.items():
        folder = out / "harmed" / harm
        write_card(folder, Card(harm, task.name, task.version, examples.manifest.name))
        for name, example in loaded.items():
            write_audio(folder / f"{name}.wav", Audio(harmed(example, loaded[others[name]]), task.sample_rate))
        card = Card(harm, task.name, task.version, examples.manifest.name)
        rows[harm] = read_rows(score_into(Submission(folder, card), examples, setting))
    scores = readings(row for found in rows.values() for row in found)
    result = {}
    for column in columns_of(with_metrics(task, ADDED)):
        for harm in HARMS:
            if column.name not in scores[harm]:
                continue
            mine, whole = scores[harm][column.name], scores["unharmed"][column.name].whole
            found = advantage(mine, scores["unharmed"][column.name], column.direction)
            result[column.name, harm] = Comparison(
                task.name, manifest, column.name, column.unit, column.direction, mine.whole.value, whole.value,
                found.mean, found.low, found.high, found.p, mine.n_songs, mine.whole.state,
            )  # fmt: skip
    return result


def notices(one: Comparison) -> bool:
    """Whether the metric tells the harmed sound from the unharmed one."""
    least = 1e-6 * max(1.0, abs(one.second))
    return bool(abs(one.better_by) > least and not (one.low <= 0 <= one.high))


def main(arguments: list[str]) -> int:
    """Print the table and the lines under it; 1 where an entry has no line."""
    out, manifest = Path(arguments[0] if arguments else "runs-sensitivity"), (arguments[1:] or ["synthetic-test"])[0]
    found = measured(out, manifest)
    columns = list(dict.fromkeys(column for column, _ in found))
    sys.stdout.write("| column | " + " | ".join(HARMS) + " |\n|---|" + "---:|" * len(HARMS) + "\n")
    for column in columns:
        cells = []
        for harm in HARMS:
            one = found[column, harm]
            text = "—" if one.first != one.first else f"{one.first:.3g}"
            cells.append(f"**{text}**" if harm != "unharmed" and notices(one) else text)
        sys.stdout.write(f"| `{column}` | " + " | ".join(cells) + " |\n")
    sys.stdout.write("\n" + "\n".join(f"- *{harm}*: {about}" for harm, (about, _) in HARMS.items()) + "\n")
    return _explained(columns)


def _explained(columns: list[str]) -> int:
    """Print a line for every entry; columns of one family (`sdr`, `fad[...]`, `chord-accuracy-root`) share theirs."""
    lines = read_yaml(Path(__file__).with_name("sensitivity.yaml"))
    families: dict[str, list[str]] = {}
    for column in columns:
        bare = column.partition("[")[0]
        fits = [name for name in lines if bare == name or bare.startswith(f"{name}-")]
        families.setdefault(max(fits, key=len, default=""), []).append(column)
    for family, members in families.items():
        sys.stdout.write(f"\n{', '.join(f'`{column}`' for column in members)}\n\n")
        sys.stdout.writelines(f"- *{harm}*: {lines.get(family, {}).get(harm, '?')}\n" for harm in list(HARMS)[1:])
    missing = [f"{f or m}, {h}\n" for f, m in families.items() for h in list(HARMS)[1:] if h not in lines.get(f, {})]
    sys.stderr.writelines(f"no line for {one}" for one in missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
