"""Items of the real-music table: `bench.upkeep.material` reads them; here they are written and chosen by material."""

from pathlib import Path

from bench.audio import write_audio
from bench.errors import BenchError
from bench.symbols import write_symbols
from bench.upkeep.material import CHORDS, DRUMS, MIX, NOTES, Item, item_folders, read_item

CONDITIONS = ("a", "b", "c-mix", "c-piano", "d-mix", "d-piano")
"""Folders of items; the letter is the material's."""


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
    conditions = [one for one in CONDITIONS if material in (one, one[0]) and (root / one).is_dir()]
    if not conditions:
        raise BenchError(f"{root}: holds no items of material {material!r}; build them with benchmarks/ears.py")
    return [read_item(folder) for one in conditions for folder in item_folders(root / one, limit)]
