"""Ranking: rank intervals, systems below the line, floors and ceilings (docs/design.md, section 11)."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from bench import statistics
from bench.board.readings import Readings, Scores, advantage
from bench.protocols import Column
from bench.scores import NO_PHASE
from bench.submission import STITCHED

BOUNDS = ("oracle", "codec-roundtrip", "copy-control", "other-song", "noise", "silence")
"""Ceilings and floors in their order at the bottom of a table; never ranked. The size of a codec may follow
`codec-roundtrip`."""
COPY, FILL, ROUND_TRIP = "copy-control", "fill-gap", "codec-roundtrip"
FILL_LIMIT_DB = -12.0
"""A system copies its control if `fill-gap` is below this on more than half of the songs."""
ALPHA = 0.05
LINE = "follows, but makes no music"
COPIES, NO_BETTER = "copies its control", "no better than copy-control"


def bound_of(system: str) -> str:
    """Return the name in `BOUNDS` of a ceiling or floor; empty for any other system."""
    if system.startswith(f"{ROUND_TRIP}-") and not system.endswith(STITCHED):
        return ROUND_TRIP
    return system if system in BOUNDS else ""


def under_the_line(scores: Scores, quality: Column | None) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the marks of systems that follow the control but make no music, and a note on those not judged.

    A system is marked if it copies its control (`fill-gap`), or if it is not significantly better than `copy-control`
    in the quality column (Holm over these comparisons). Ceilings, floors, stitched and incomplete systems are left out.
    """
    systems = [s for s in scores if not bound_of(s) and not s.endswith(STITCHED) and not is_incomplete(scores[s])]
    copying = {system for system in systems if _copies(scores[system].get(FILL))}
    copy = scores.get(COPY, {}).get(quality.name) if quality is not None else None
    copy = None if copy is None or is_incomplete(scores[COPY]) else copy
    rivals: list[str] = []
    if quality is not None and copy is not None:
        identity = identity_of(scores[COPY], quality.name)
        rivals = [s for s in systems if quality.name in scores[s] and identity_of(scores[s], quality.name) == identity]
    differences = (
        [advantage(scores[s][quality.name], copy, quality.direction) for s in rivals] if copy and quality else []
    )
    adjusted = statistics.holm([difference.p for difference in differences])
    judged = [s for s, p in zip(rivals, adjusted, strict=True) if not np.isnan(p)]
    above = {s for s, d, p in zip(rivals, differences, adjusted, strict=True) if p < ALPHA and d.mean > 0}
    marks = {
        system: (COPIES,) * (system in copying) + (NO_BETTER,) * (system in judged and system not in above)
        for system in systems
    }
    unjudged = [system for system in systems if system not in judged]
    notes = [f"Quality could not be held against {COPY} for {', '.join(unjudged)}."] if unjudged else []
    return {system: mark for system, mark in marks.items() if mark}, notes


def _copies(gaps: Readings | None) -> bool:
    """Whether the sound that the control does not give is missing on more than half of the songs."""
    levels = list(gaps.songs.values()) if gaps is not None else []
    return sum(level < FILL_LIMIT_DB for level in levels) * 2 > len(levels)


def ranks_of(ranked: Mapping[str, Readings], direction: str) -> dict[str, tuple[int, int]]:
    """Return each system's rank interval (best and worst possible rank); empty below 8 songs or without any test."""
    systems = [s for s in ranked if not np.isnan(ranked[s].whole.value) and ranked[s].whole.state != NO_PHASE]
    if not systems or max(ranked[s].n_songs for s in systems) < statistics.MIN_SONGS:
        return {}
    pairs = list(combinations(range(len(systems)), 2))
    differences = [advantage(ranked[systems[i]], ranked[systems[j]], direction) for i, j in pairs]
    adjusted = statistics.holm([difference.p for difference in differences])
    if pairs and np.isnan(adjusted).all():
        return {}
    better = np.zeros((len(systems), len(systems)), bool)
    for (i, j), difference, p in zip(pairs, differences, adjusted, strict=True):
        better[(i, j) if difference.mean > 0 else (j, i)] = p < ALPHA
    return dict(zip(systems, statistics.rank_intervals(better), strict=True))


def is_incomplete(columns: Mapping[str, Readings]) -> bool:
    """Whether some of a system's outputs failed."""
    return any(reading.is_incomplete for reading in columns.values())


def identity_of(columns: Mapping[str, Readings], metric: str) -> str:
    """Return the identity of a system's column; empty if it has no such column."""
    return columns[metric].whole.identity if metric in columns else ""
