"""Board: all that the pages of a site show, gathered from rows, cards and provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.board.tables import Table
from bench.statistics import song_means

Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By column, system and excerpt."""


@dataclass(frozen=True)
class Speed:
    """How fast a system made its outputs: seconds of sound a second (0: unknown), and on what."""

    rate: float = 0.0
    hardware: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table and what is shown around it.

    Attributes:
        table: The table.
        is_current: Whether it rests on the task's present version and manifest.
        made: The sentence that says by what its rows were made, foreign text not escaped.
        primary: The task's `control` (or none) and `quality` columns.
        values: Value per excerpt of what the table shows, where a column has such values.
        speeds: By system.
        files: Path of every system's rows, from the site's folder, slashes between its parts.
    """

    table: Table
    is_current: bool = True
    made: str = ""
    primary: Mapping[str, str] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    speeds: Mapping[str, Speed] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """Task and manifest, as they name folders."""
        return self.table.task, self.table.manifest

    def songs(self, column: str, system: str) -> list[float]:
        """Return the means per song, in order of the songs' names; none for a distance over the whole set."""
        means = song_means(dict(self.values.get(column, {}).get(system, {})))
        return [means[song] for song in sorted(means)]


@dataclass(frozen=True)
class Board:
    """What a site shows.

    Attributes:
        sheets: Its tables.
        cards: What every system says of itself, by system and then by key, as its submitter wrote it.
        is_published: Whether it is the repository's own board, and not a run's.
        histories: What every system's rows once were, by system and then by what they are of: a sentence for every
            scoring, the newest first, foreign text not escaped.
    """

    sheets: tuple[Sheet, ...] = ()
    cards: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    is_published: bool = False
    histories: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
