"""Material: sounds of one's own with what is known of them, and what extractors find in them.

A folder of items, `NAME/` or `CONDITION/NAME/`. An item has `mix.wav`, which extractors are given, and of the truth
what is known: `drums.wav` (the drums in the mix, silence where there are none), `notes.mid` and `chords.lab`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plugins
from bench.audio import Audio, is_silent, read_audio
from bench.errors import BenchError
from bench.music.choice import chosen_for
from bench.protocols import Extractor
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes, read_chords, read_notes
from bench.upkeep.noise_floor import Values, available, chord_accuracies, drum_sdr, note_f, onset_f, row_of

MIX, DRUMS, NOTES, CHORDS = "mix.wav", "drums.wav", "notes.mid", "chords.lab"
END_S = 0.5
"""By how much the end of the chords may differ from the end of the mix."""
GAP_S = 0.01


@dataclass(frozen=True, eq=False)
class Item:
    """A sound with its truth; a part that is not known is None.

    Attributes:
        condition: Name of a group of items, over which means are taken.
        name: Unique within its condition.
        mix: What extractors are given.
        drums: The drums in it, at its rate and length; silence where there are none.
        notes: Its notes; those of percussion are not used.
        chords: Its chords, without gaps up to its end.
    """

    condition: str
    name: str
    mix: Audio
    drums: Audio | None = None
    notes: Notes | None = None
    chords: Chords | None = None

    @property
    def has_drums(self) -> bool:
        """Whether drums are known and not silent."""
        return self.drums is not None and not is_silent(self.drums.mono)

    def knows(self, kind: str) -> bool:
        """Whether findings of this kind have a truth here."""
        return kind in MEASURES and getattr(self, kind) is not None


def item_folders(root: Path, limit: int | None = None) -> list[Path]:
    """Return the folders of the items below `root`, in the order of their paths; at most `limit` of each condition.

    Raises:
        BenchError: there are none, or `limit` is under 1.
    """
    if limit is not None and limit < 1:
        raise BenchError(f"--limit {limit}: want at least 1 item")
    found = sorted({path.parent for pattern in (f"*/{MIX}", f"*/*/{MIX}") for path in root.glob(pattern)})
    if not found:
        why = "holds no item" if root.is_dir() else "is no folder"
        raise BenchError(
            f"{root}: {why}; an item is NAME/{MIX} or CONDITION/NAME/{MIX} with what is known of it beside it: "
            f"{DRUMS}, {NOTES}, {CHORDS}"
        )
    of_each: dict[Path, list[Path]] = {}
    for folder in found:
        of_each.setdefault(folder.parent, []).append(folder)
    return [folder for group in of_each.values() for folder in group[:limit]]


def read_item(folder: Path) -> Item:
    """Read an item; its condition is the name of the folder above.

    Raises:
        BenchError: a file cannot be read, or its truth is not as long as its mix.
    """

    def part(name: str, read: Callable[[Path], Any]) -> Any:
        return read(folder / name) if (folder / name).is_file() else None

    mix = read_audio(folder / MIX)
    truth = part(DRUMS, read_audio), part(NOTES, read_notes), part(CHORDS, read_chords)
    item = Item(folder.resolve().parent.name, folder.name, mix, *truth)
    _check_drums(folder / DRUMS, item)
    _check_notes(folder / NOTES, item)
    _check_chords(folder / CHORDS, item)
    return item


def _check_drums(path: Path, item: Item) -> None:
    drums, mix = item.drums, item.mix
    if drums is not None and (drums.n_samples, drums.sample_rate) != (mix.n_samples, mix.sample_rate):
        raise BenchError(
            f"{path}: {drums.n_samples} samples at {drums.sample_rate} Hz, but {MIX} has {mix.n_samples} at "
            f"{mix.sample_rate} Hz; cut both to the same stretch"
        )


def _check_notes(path: Path, item: Item) -> None:
    last = item.notes.intervals_s[:, 0].max() if item.notes is not None and len(item.notes) else 0.0
    if last > item.mix.duration_s:
        raise BenchError(
            f"{path}: a note begins at {last:.2f} s, but {MIX} ends at {item.mix.duration_s:.2f} s; cut both to the "
            "same stretch"
        )


def _check_chords(path: Path, item: Item) -> None:
    import mir_eval

    if item.chords is None:
        return
    spans, end_s = item.chords.intervals_s, item.mix.duration_s
    if not len(spans) or abs(spans[-1, 1] - end_s) > END_S:
        last = f"the last chord ends at {spans[-1, 1]:.2f} s" if len(spans) else "there is no chord"
        raise BenchError(f"{path}: {last}, but {MIX} ends at {end_s:.2f} s; cut both to the same stretch")
    for before, after in zip(spans[:-1, 1], spans[1:, 0], strict=True):
        if abs(after - before) > GAP_S:
            raise BenchError(
                f"{path}: a chord ends at {before:.2f} s and the next begins at {after:.2f} s; chords follow each "
                "other without gap or overlap, N is no chord"
            )
    for label in item.chords.labels:
        try:
            mir_eval.chord.encode(label)
        except mir_eval.chord.InvalidChordException as error:
            raise BenchError(f"{path}: {label!r} is no chord in Harte's notation, e.g. C:maj, A:min7, N") from error


def measured(item: Item, kind: str, estimate: Any, detector: Extractor) -> Values:
    """Return the measures of a finding in an item, if the item knows the truth of its kind.

    Args:
        item: The item.
        kind: What was found in its mix: `drums`, `notes` or `chords`.
        estimate: The finding.
        detector: Extractor of onsets, by which drums are compared.
    """
    return MEASURES[kind](item, estimate, detector) if item.knows(kind) else {}


def _drums(item: Item, estimate: Audio, detector: Extractor) -> Values:
    """Return SDR, onset F, whether nothing is found (1) in drums, and whether something is found (1) without drums."""
    truth: Any = item.drums
    silent = float(is_silent(estimate.mono))
    if not item.has_drums:
        return {"found without drums": 1 - silent}
    wanted, found = (_onsets(detector, sound) for sound in (truth, estimate))
    return {"sdr": drum_sdr(truth, estimate), "onset F": onset_f(wanted, found), "nothing found": silent}


def _onsets(detector: Extractor, sound: Audio) -> Beats:
    onsets: Any = detector.extract(sound)
    found: Beats = onsets
    return found


def _notes(item: Item, estimate: Notes, detector: Extractor) -> Values:
    truth: Any = item.notes
    return {"note F": note_f(truth.where(truth.programs != DRUM_PROGRAM), estimate)}


def _chords(item: Item, estimate: Chords, detector: Extractor) -> Values:
    truth: Any = item.chords
    return chord_accuracies(truth, estimate, ("majmin", "root", "sevenths"))


MEASURES: dict[str, Callable[[Item, Any, Extractor], Values]] = {"drums": _drums, "notes": _notes, "chords": _chords}


def noise_floor_of(
    root: Path, limit: int | None = None, asked: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Measure extractors on a folder of items.

    Args:
        root: The folder.
        limit: Number of items of each condition, from the first; all when None.
        asked: Extractors by kind: the only ones of their kind that are measured, and the one of onsets by which drums
            are compared, else that for recorded music.

    Returns:
        Rows as of `bench.upkeep.noise_floor.noise_floor`, per condition, with `condition` instead of `manifest`.

    Raises:
        BenchError: there are no items, a file of one cannot be read or has another length, or nothing is known of any.
    """
    folders = item_folders(root, limit)
    known = {kind for folder in folders if (item := read_item(folder)) for kind in MEASURES if item.knows(kind)}
    if not known:
        raise BenchError(f"{root}: no item has a truth to compare with: {DRUMS}, {NOTES} or {CHORDS} beside {MIX}")
    detector: Extractor = plugins.load("extractors", chosen_for("recorded", asked)["onsets"])
    extractors = list(available(known, asked))
    values: dict[tuple[str, str, str, str], list[float]] = {}
    for item in map(read_item, folders):
        for name, extractor in extractors:
            estimate = extractor.extract(item.mix) if item.knows(extractor.kind) else None
            for measure, value in measured(item, extractor.kind, estimate, detector).items():
                values.setdefault((item.condition, name, extractor.kind, measure), []).append(value)
    return [
        {**row_of(name, kind, measure, of_items), "condition": condition}
        for (condition, name, kind, measure), of_items in sorted(values.items())
    ]
