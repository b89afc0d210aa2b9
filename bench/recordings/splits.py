"""Splits: the part of a published data set that each of its tracks belongs to; data_manifests/<name>/splits.csv."""

import csv
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from bench.errors import BenchError

Row = dict[str, str]


def read_splits(path: Path, splits: Iterable[str], n_tracks: int) -> dict[str, Row]:
    """Return the rows of a list by their track.

    Args:
        path: CSV with the columns `track` and `split`, and others that a data set has of its own.
        splits: The names that a split may have.
        n_tracks: How many tracks the data set was published with.

    Raises:
        BenchError: it cannot be read, lacks a column, names a track twice or a split that is none, or has another
            number of tracks.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as a list of splits ({error})") from error
    known, rows = list(splits), {}
    for number, row in enumerate(lines, 2):
        if row.get("split") not in known:
            raise BenchError(f"{path}:{number}: split {row.get('split')!r}; known: {', '.join(known)}")
        if not row.get("track") or row["track"] in rows:
            raise BenchError(f"{path}:{number}: track {row.get('track')!r} has no name or stands twice")
        rows[row["track"]] = row
    if len(rows) != n_tracks:
        raise BenchError(f"{path}: {len(rows)} tracks, the data set was published with {n_tracks}")
    return rows


def lacking(rows: Mapping[str, Row], here: Container[str], splits: Iterable[str]) -> list[str]:
    """Name the splits of which some tracks are here and some are not, a line each; whole ones may be left out."""
    found = []
    for split in splits:
        wanted = [track for track, row in rows.items() if row["split"] == split]
        missing = [track for track in wanted if track not in here]
        if 0 < len(missing) < len(wanted):
            found.append(f"{split}: lacks {len(missing)} of its {len(wanted)} tracks, the first is {missing[0]}")
    return found
