"""Items of the real-music table: a sound, what is known of it by construction, and its folder on disk."""

from dataclasses import dataclass
from pathlib import Path

from bench.audio import Audio, is_silent, read_audio, write_audio
from bench.errors import BenchError
from bench.symbols import Chords, Notes, read_chords, read_notes, write_symbols

CONDITIONS = ("a", "b", "c-mix", "c-piano", "d-mix", "d-piano")
"""Folders of items; the letter is the material's."""
MIX, DRUMS, NOTES, CHORDS = "mix.wav", "drums.wav", "notes.mid", "chords.lab"


@dataclass(frozen=True, eq=False)
class Item:
    """A sound with its truth; a part that is not known is None.

    Attributes:
        condition: One of `CONDITIONS`.
        name: Unique within its condition.
        mix: What extractors are given, mono.
        drums: The drums in it, at its rate and length; silence where there are none.
        notes: Its pitched notes.
        chords: Its chords, from 0 to its end.
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


def save_item(root: Path, item: Item) -> None:
    """Write an item to `root`/condition/name; the mix is written last, so that a folder with a mix is complete."""
    folder = root / item.condition / item.name
    folder.mkdir(parents=True, exist_ok=True)
    if item.drums is not None:
        write_audio(folder / DRUMS, item.drums)
    if item.notes is not None:
        write_symbols(folder / NOTES, item.notes)
    if item.chords is not None:
        write_symbols(folder / CHORDS, item.chords)
    write_audio(folder / MIX, item.mix)


def load_items(root: Path, material: str, limit: int | None = None) -> list[Item]:
    """Read the items of a material (`c`) or of one condition (`c-mix`), in the order of their names.

    Args:
        root: Folder of items, which `benchmarks/ears.py` writes.
        material: A condition or the letter of a material.
        limit: Number of items per condition; all when None.

    Raises:
        BenchError: there are none.
    """
    items = []
    for condition in [one for one in CONDITIONS if material in (one, one[0])]:
        folders = sorted(path.parent for path in (root / condition).glob(f"*/{MIX}"))
        items += [_load(folder) for folder in folders[:limit]]
    if not items:
        raise BenchError(f"{root}: holds no items of material {material!r}; build them with benchmarks/ears.py")
    return items


def _load(folder: Path) -> Item:
    def part(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    drums, notes, chords = part(DRUMS), part(NOTES), part(CHORDS)
    return Item(
        folder.parent.name,
        folder.name,
        read_audio(folder / MIX),
        read_audio(drums) if drums else None,
        read_notes(notes) if notes else None,
        read_chords(chords) if chords else None,
    )
