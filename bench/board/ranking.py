"""Ranking: who is better than whom, who stands under the line, what bounds a table (docs/design.md, section 11)."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from bench import statistics
from bench.board.readings import Readings, Scores, advantage
from bench.protocols import Column
from bench.scores import NO_PHASE
from bench.submission import STITCHED

BOUNDS = ("oracle", "codec-roundtrip", "copy-control", "other-song", "noise", "silence")
"""Ceilings and floors, in the order in which they stand at the bottom of a table; never ranked. A codec's round trip
may have a size behind its name."""
COPY, FILL, ROUND_TRIP = "copy-control", "fill-gap", "codec-roundtrip"
FILL_LIMIT_DB = -12.0
ALPHA = 0.05
LINE = "follows, but makes no music"
COPIES, NO_BETTER = "copies its control", "no better than copy-control"


def bound_of(system: str) -> str:
    """Return the ceiling or floor that a system is, without the size of a codec; empty for any other system."""
    if system.startswith(f"{ROUND_TRIP}-") and not system.endswith(STITCHED):
        return ROUND_TRIP
    return system if system in BOUNDS else ""


def under_the_line(scores: Scores, quality: Column | None) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the marks of the systems that follow but make no music, and a note where some could not be judged."""
    systems = [s for s in scores if not bound_of(s) and not s.endswith(STITCHED) and not is_incomplete(scores[s])]
    copying = {system for system in systems if _copies(scores[system].get(FILL))}
    copy = scores.get(COPY, {}).get(quality.name) if quality is not None else None
    copy = None if copy is None or is_incomplete(scores[COPY]) else copy
    rivals: list[str] = []
    if quality is not None and copy is not None:
        identity = identity_of(scores[COPY], quality.name)
        rivals = [s for s in systems if quality.name in scores[s] and identity_of(scores[s], quality.name) == identity]
    found = [advantage(scores[s][quality.name], copy, quality.direction) for s in rivals] if copy and quality else []
    adjusted = statistics.holm([difference.p for difference in found])
    judged = [s for s, p in zip(rivals, adjusted, strict=True) if not np.isnan(p)]
    above = {s for s, d, p in zip(rivals, found, adjusted, strict=True) if p < ALPHA and d.mean > 0}
    marks = {
        system: (COPIES,) * (system in copying) + (NO_BETTER,) * (system in judged and system not in above)
        for system in systems
    }
    unjudged = [system for system in systems if system not in judged]
    notes = [f"Quality could not be held against {COPY} for {', '.join(unjudged)}."] if unjudged else []
    return {system: found for system, found in marks.items() if found}, notes


def _copies(gaps: Readings | None) -> bool:
    """Whether what the control does not give is missing on more than half of the songs."""
    levels = list(gaps.songs.values()) if gaps is not None else []
    return sum(level < FILL_LIMIT_DB for level in levels) * 2 > len(levels)


def ranks_of(ranked: Mapping[str, Readings], direction: str) -> dict[str, tuple[int, int]]:
    """Return the rank interval of every system with a value; none where there is nothing to test by."""
    systems = [s for s in ranked if not np.isnan(ranked[s].whole.value) and ranked[s].whole.state != NO_PHASE]
    if not systems or max(ranked[s].n_songs for s in systems) < statistics.MIN_SONGS:
        return {}
    pairs = list(combinations(range(len(systems)), 2))
    found = [advantage(ranked[systems[i]], ranked[systems[j]], direction) for i, j in pairs]
    adjusted = statistics.holm([difference.p for difference in found])
    if pairs and np.isnan(adjusted).all():
        return {}
    better = np.zeros((len(systems), len(systems)), bool)
    for (i, j), difference, p in zip(pairs, found, adjusted, strict=True):
        better[(i, j) if difference.mean > 0 else (j, i)] = p < ALPHA
    return dict(zip(systems, statistics.rank_intervals(better), strict=True))


def is_incomplete(found: Mapping[str, Readings]) -> bool:
    """Whether some of a system's outputs failed."""
    return any(reading.is_incomplete for reading in found.values())


def identity_of(found: Mapping[str, Readings], metric: str) -> str:
    """Return the identity in which a system holds a column; empty where it does not."""
    return found[metric].whole.identity if metric in found else ""
