"""The tables of real music in docs/extractors.md: what extractors find in sound whose truth is known by construction.

`PYTHONPATH=. python benchmarks/ears.py --out OUT` builds the items below OUT/items (once), runs every extractor on them
and writes OUT/values.csv (one line per item and measure), OUT/values.json and OUT/tables.md, which it also prints.
With --page it puts the tables into that page and their means into leaderboard/extractors.csv, from which the board's
pages say what the extractors behind their columns score.
Items are for testing only: no extractor may be trained or tuned on them.

Materials: (a) recorded drum loops over recorded music without drums, and that music alone; (b) a produced song with its
stems; (c) POP909 songs played by another SoundFont than those of training, drums added; (d) the suite's own test songs.
--fetch downloads the packages of (a), (b) and (c) that are missing below --sources; POP909 has to be there (--pop909 or
$BENCH_DATA/pop909). Values that OUT/values.csv holds for the same extractor identity are not measured again.
"""

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.board.extractors import FILE, write_means
from bench.errors import BenchError, MissingComponent
from bench.music.choice import chosen_for
from bench.paths import home
from bench.protocols import Extractor
from bench.runtime.home import caches
from bench.upkeep import material as measures
from bench.upkeep.material import Item
from benchmarks.ears_items import load_items, save_item
from benchmarks.ears_material import needed, real_mixtures, song_mixtures, suite_songs
from benchmarks.ears_pop909 import pop_songs
from benchmarks.ears_sources import Sources
from benchmarks.ears_tables import in_page, means, tables

MATERIALS, KINDS = ("a", "b", "c", "d"), ("drums", "notes", "chords")
MIX = "the mix itself"
ITEM_S = 15.0


class Mix:
    """No separation: the mix stands for its drums."""

    kind, identity = "drums", MIX

    def extract(self, audio: Audio) -> Audio:
        """Return the sound."""
        return Audio(audio.mono, audio.sample_rate)


@dataclass(frozen=True)
class Value:
    """One measure of one extractor on one item; for drums with the identity of the onsets' extractor."""

    kind: str
    extractor: str
    identity: str
    condition: str
    item: str
    measure: str
    value: float
    onsets: str = ""


def extractors(kinds: list[str], named: list[str] | None) -> Iterator[tuple[str, Extractor]]:
    """Yield the extractors of these kinds: the named ones, or all whose components are there; the mix among the drums.

    Raises:
        BenchError: a named one is unknown or lacks a component.
    """
    if "drums" in kinds and (named is None or MIX in named):
        yield MIX, Mix()
    for name in named if named is not None else plugins.names("extractors"):
        if name == MIX:
            continue
        try:
            extractor: Extractor = plugins.load("extractors", name)
        except MissingComponent:
            if named is not None:
                raise
            continue
        if extractor.kind in kinds:
            yield name, extractor


def measured(item: Item, extractor: Extractor) -> dict[str, float]:
    """Return an extractor's measures on an item; none where the item lacks their truth.

    `seconds` are processor seconds of this process per 15 s of sound; madmom's, which runs in another, are not counted.
    """
    if not item.knows(extractor.kind):
        return {}
    start = time.process_time()
    estimate: Any = extractor.extract(item.mix)
    seconds = (time.process_time() - start) * ITEM_S / item.mix.duration_s
    return {**measures.measured(item, extractor.kind, estimate, detector()), "seconds": seconds}


def detector() -> Extractor:
    """Return the extractor of onsets by which drums are compared."""
    extractor: Extractor = plugins.load("extractors", chosen_for("recorded")["onsets"])
    return extractor


def build(material: str, root: Path, sources: Sources, pop909: str) -> bool:
    """Build the items of a material below `root`, unless that was done before; return whether they are new."""
    done = root / f"{material}.done"
    if done.is_file():
        return False
    made = {
        "a": lambda: real_mixtures(sources),
        "b": lambda: song_mixtures(sources),
        "c": lambda: pop_songs(sources, pop909),
        "d": suite_songs,
    }[material]()
    for item in made:
        save_item(root, item)
    done.touch()
    return True


def read_values(path: Path) -> list[Value]:
    """Return the values of an earlier run; none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Value(**{**row, "value": float(row["value"])}) for row in csv.DictReader(file)]


def write_values(path: Path, values: list[Value]) -> None:
    """Write values as CSV, and as JSON beside it (NaN as null)."""
    rows = [asdict(value) for value in values]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(Value.__annotations__))
        writer.writeheader()
        writer.writerows(rows)
    finite = [{**row, "value": row["value"] if math.isfinite(row["value"]) else None} for row in rows]
    path.with_suffix(".json").write_text(json.dumps(finite, indent=0) + "\n", encoding="utf-8")


def run(items: list[Item], chosen: list[tuple[str, Extractor]], known: list[Value]) -> Iterator[Value]:
    """Yield the values of every extractor on every item; `known` ones are not measured again."""
    onsets = detector().identity
    by_key: dict[tuple[str, str, str], list[Value]] = {}
    for value in known:
        if value.onsets in ("", onsets):  # empty in files that are older than this column
            by_key.setdefault((value.identity, value.condition, value.item), []).append(value)
    for name, extractor in chosen:
        print(f"{name}: {len(items)} items", file=sys.stderr)
        places = [(extractor.identity, item.condition, item.name) for item in items]
        if any(item.knows(extractor.kind) and place not in by_key for item, place in zip(items, places, strict=True)):
            warm = np.random.default_rng(0).standard_normal(int(items[0].mix.sample_rate)) * 0.1
            extractor.extract(Audio(warm.astype(np.float32), items[0].mix.sample_rate))
        for item, place in zip(items, places, strict=True):
            old = by_key.get(place)
            found = {one.measure: one.value for one in old} if old else measured(item, extractor)
            by = onsets if extractor.kind == "drums" else ""
            for measure, value in found.items():
                yield Value(extractor.kind, name, extractor.identity, item.condition, item.name, measure, value, by)


def main() -> None:
    """Build, measure, write and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", type=Path, required=True, help="folder of items, values and tables")
    words.add_argument("--material", default=",".join(MATERIALS), help="letters, e.g. a,b")
    words.add_argument("--kind", action="append", choices=KINDS, help="repeatable; all kinds otherwise")
    words.add_argument("--extractor", action="append", help="repeatable; all that can run otherwise")
    words.add_argument("--limit", type=int, help="number of items per material, from the first")
    words.add_argument("--sources", type=Path, default=caches() / "ears", help="folder of unpacked packages")
    words.add_argument("--fetch", action="store_true", help="download and unpack the packages that are missing")
    words.add_argument("--pop909", default="", help="folder of POP909")
    words.add_argument("--page", type=Path, help="page whose tables are replaced, e.g. docs/extractors.md")
    words.add_argument(
        "--means", type=Path, help="file of means written with --page; leaderboard/extractors.csv if not given"
    )
    chosen = words.parse_args()
    try:
        _main(chosen)
    except BenchError as error:
        raise SystemExit(f"error: {error}") from error


def _main(chosen: argparse.Namespace) -> None:
    materials = chosen.material.split(",")
    if unknown := sorted(set(materials) - set(MATERIALS)):
        raise BenchError(f"--material {chosen.material}: there is no material {unknown[0]!r}; choose from a,b,c,d")
    sources, root = Sources(chosen.sources), chosen.out / "items"
    root.mkdir(parents=True, exist_ok=True)
    items: list[Item] = []
    path = chosen.out / "values.csv"
    known = read_values(path)
    for material in materials:
        if chosen.fetch:
            sources.fetch(needed(material))
        if build(material, root, sources, chosen.pop909):
            known = [one for one in known if one.condition[0] != material]
        items += load_items(root, material, chosen.limit)
    plugs = list(extractors(chosen.kind or list(KINDS), chosen.extractor))
    fresh = list(run(items, plugs, known))
    again = {(one.identity, one.condition, one.item) for one in fresh}
    kept = [one for one in known if (one.identity, one.condition, one.item) not in again]
    write_values(path, [*kept, *fresh])
    text = tables(fresh)
    (chosen.out / "tables.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    if chosen.page:
        chosen.page.write_text(in_page(chosen.page.read_text(encoding="utf-8"), text), encoding="utf-8")
        write_means(chosen.means or home("leaderboard") / FILE, means(one for one in fresh if one.identity != MIX))


if __name__ == "__main__":
    main()
