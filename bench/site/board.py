"""Board: everything that a site shows, gathered from rows, cards and provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.board.tables import Table
from bench.statistics import song_means

Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Values by column, system and excerpt."""


@dataclass(frozen=True)
class Speed:
    """Generation speed of a system: seconds of sound per second (0: unknown), and its hardware."""

    rate: float = 0.0
    hardware: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table and what is shown with it.

    Attributes:
        table: The table.
        is_current: Whether its rows have the task's current version and manifest.
        made: A sentence about the software that made the rows; foreign text in it is not escaped.
        primary: The task's primary columns: `quality`, and `control` if it has a control.
        values: Values per excerpt, for columns that have them.
        speeds: Generation speed by system.
        files: Path of every system's rows, relative to the site's folder, with slashes.
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
        """Task and manifest, which name folders."""
        return self.table.task, self.table.manifest

    def songs(self, column: str, system: str) -> list[float]:
        """Return the mean of every song, in the order of their names; empty for a distance over the whole set."""
        means = song_means(dict(self.values.get(column, {}).get(system, {})))
        return [means[song] for song in sorted(means)]


@dataclass(frozen=True)
class Board:
    """The content of a site.

    Attributes:
        sheets: Its tables.
        cards: Cards by system, then by key, as their submitters wrote them.
        is_published: Whether it is the published board of the repository and not that of a run.
        histories: Earlier scorings by system, then by task and manifest: one sentence each, the newest first; foreign
            text in them is not escaped.
    """

    sheets: tuple[Sheet, ...] = ()
    cards: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    is_published: bool = False
    histories: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
