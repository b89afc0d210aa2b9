"""Splits: read data_manifests/<name>/splits.csv, which names the split of every track of a published data set."""

import csv
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from bench.errors import BenchError

Row = dict[str, str]


def read_splits(path: Path, splits: Iterable[str], n_tracks: int) -> dict[str, Row]:
    """Return the rows of a list of splits by their track.

    Args:
        path: CSV with the columns `track` and `split`, and any further columns of the data set.
        splits: The allowed names of splits.
        n_tracks: Number of tracks that the data set was published with.

    Raises:
        BenchError: the list cannot be read, misses a column, has an unknown split, a track without a name or one listed
            twice, or another number of tracks.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as a list of splits ({error})") from error
    known, rows = list(splits), {}
    for number, row in enumerate(lines, 2):
        if row.get("split") not in known:
            raise BenchError(f"{path}:{number}: unknown split {row.get('split')!r}; known: {', '.join(known)}")
        if not row.get("track") or row["track"] in rows:
            raise BenchError(f"{path}:{number}: track {row.get('track')!r} has no name or is listed twice")
        rows[row["track"]] = row
    if len(rows) != n_tracks:
        raise BenchError(f"{path}: lists {len(rows)} tracks, but the data set was published with {n_tracks}")
    return rows


def incomplete_splits(rows: Mapping[str, Row], here: Container[str], splits: Iterable[str]) -> list[str]:
    """Return one line per split of which only some tracks are here; a split may be missing as a whole."""
    problems = []
    for split in splits:
        wanted = [track for track, row in rows.items() if row["split"] == split]
        missing = [track for track in wanted if track not in here]
        if 0 < len(missing) < len(wanted):
            problems.append(f"{split}: lacks {len(missing)} of its {len(wanted)} tracks, the first is {missing[0]}")
    return problems
