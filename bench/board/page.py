"""Page: tables as Markdown, and the cells, heads and notes that every form of a table shares.

A page holds no dates and no run times, so that the same rows give the same bytes. Text that a submitter wrote (names,
identities, origins) is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from string import ascii_letters, ascii_lowercase, digits

from bench import statistics
from bench.board.ranking import LINE
from bench.board.tables import Cell, Entry, Table
from bench.text import printable


@dataclass(frozen=True)
class Origin:
    """How a system's rows were made, as a page prints it.

    Attributes:
        version: Version of bench; empty where unknown.
        visibility: `public` if anyone can rebuild the references, else `private`; empty where unknown.
        earlier: Earlier scorings of the rows, one sentence each, oldest first.
    """

    version: str = ""
    visibility: str = ""
    earlier: tuple[str, ...] = ()


Origins = Mapping[tuple[str, str, str], Origin]
"""Origins by (task, manifest, system)."""
ARROWS = {"higher": "↑", "lower": "↓", "zero": "→0"}
REASONS = {
    "undefined-reference": "the reference leaves it undefined (silent there, or without onsets, chords or notes)",
    "no-context": "the mask leaves no context",
    "no-seam": "the mask leaves no inner edge",
    "no-control": "the requests carry no control",
    "incomplete": "some outputs are missing, so no mean is given",
    "not-measured": "not measured for this system",
    "too-few-songs": "too few songs for this distance",
    "too-few-windows": "too few windows for the embedding's dimensions",
    "no-prompt": "the requests carry no prompt, or the embedding knows no text",
    "no-phase": "its codec keeps no phase, and this column compares waveforms: not to be compared, never ranked",
    "biased": "a sample this small makes the distance larger; the ceiling shows by about how much",
}
MARKED = ("biased", "no-phase")
"""States in which a value is printed, with the letter of its reason."""
TITLES = {
    "under": LINE,
    "stitched": "the given context put back, never ranked",
    "incomplete": "incomplete",
    "bounds": "ceilings and floors, never ranked",
}
_PLAIN = frozenset(ascii_letters + digits + " .,;-+=/%()'·—–↑↓→")

HEADER = f"""\
# Results

Made by `bench report` from the rows in `results/`; `bench report --check` says whether the two agree.

## How to read a table

- One table is one task on one manifest (a locked list of excerpts, named with the beginning of its sha256). Numbers of
  different tables are not comparable.
- `0.81 [0.77, 0.85]` is a mean over songs and its 95 % interval (studentised bootstrap over songs; for distances over
  the whole set, subsampling). How often such intervals hold was simulated: `docs/statistics.md`. None is given below
  {statistics.MIN_SONGS} songs.
- ↑ higher is better, ↓ lower is better, →0 nearer to 0 is better.
- The first column ranks. `2–4 =` means: one system is significantly better, and the system shares places 2 to 4 with
  others that it cannot be told from (sign-flip test over songs, all pairs, Holm-corrected, 5 %). Bold: nobody is
  significantly better. `·`: too few songs to rank.
- Under the line *{LINE}* stand systems that mostly copy the control (`copies its control`), or whose quality is not
  significantly better than that of a copy (`no better than copy-control`). They are not ranked.
- `NAME-stitched` is a second reading of a system that changes the context it was given: the same holes, the given
  context put back with 20 ms fades.
- Ceilings and floors: `oracle` submits the reference, `codec-roundtrip` the reference through a codec, `copy-control`
  the control, `other-song` another song, `noise` noise and `silence` silence. `chance` is a metric's value by chance,
  `ceiling` its value for the reference itself.
- `—` means no number; the letter beside it gives the reason.
- `history/` has a line for every scoring of a system, with the versions used; the last one describes the present rows.
- A table is *out of date* if its task has a newer version, or its manifest another list of excerpts.
"""


def markdown(tables: Sequence[Table], origins: Origins | None = None) -> str:
    """Render tables as GitHub-flavoured Markdown.

    Args:
        tables: The tables.
        origins: How the rows of each system were made, where known.
    """
    parts = [HEADER]
    if not tables:
        parts.append("No rows yet.\n")
    for name in sorted({table.task for table in tables}):
        parts.append(f"## {escape(name)}\n")
        parts += [_markdown_table(table, origins or {}) for table in tables if table.task == name]
    return "\n".join(parts)


def escape(text: str, limit: int = 400) -> str:
    """Make a submitter's text safe for Markdown and HTML: one line, all but plain characters as numeric entities.

    The text is cut after `limit` characters.
    """
    kept = printable(text)[:limit]
    return "".join(c if c in _PLAIN or c.isalpha() else f"&#{ord(c)};" for c in kept).replace("www.", "www&#46;")


def _markdown_table(table: Table, origins: Origins) -> str:
    heads = head(table)
    text = [f"### {escape(title(table), 2000)}", "", "| " + " | ".join(heads) + " |"]
    text.append("|---|---|" + "---:|" * (len(heads) - 2))
    for kind, cells in lines(table):
        wrap = {"best": "" if table.outdated else "**", "title": "*"}.get(kind, "")
        named = [f"{wrap}{cell}{wrap}" if cell else "" for cell in (cells[0], escape(cells[1]))]
        text.append("| " + " | ".join([*named, *cells[2:]]) + " |")
    text += ["", *(f"- {escape(note, 2000)}" for note in [*notes(table), made(table, origins)])]
    text += ["", "<details><summary>How each column was computed</summary>", ""]
    text += [f"- {escape(name)}: {escape(identity, 2000)}" for name, identity in table.identities.items()]
    text += ["", "</details>", ""]
    if sentences := earlier(table, origins):
        text += ["<details><summary>What these rows were before</summary>", ""]
        text += [f"- {escape(line, 2000)}" for line in sentences]
        text += ["", "</details>", ""]
    return "\n".join(text)


def earlier(table: Table, origins: Origins) -> list[str]:
    """Return earlier scorings of a table's rows, one sentence each, not escaped."""
    pairs = [(entry.system, origins.get((table.task, table.manifest, entry.system))) for entry in table.entries]
    return [f"{system}: {line}" for system, origin in pairs if origin for line in origin.earlier]


def made(table: Table, origins: Origins) -> str:
    """Say on which manifest and by which versions of bench the rows were made; not escaped."""
    known = [origins.get((table.task, table.manifest, entry.system), Origin()) for entry in table.entries]
    versions = ", ".join(sorted({origin.version for origin in known} - {""}))
    visibility = ", ".join(sorted({origin.visibility for origin in known} - {""}))
    manifest = f"Manifest {table.manifest}, sha256 {table.manifest_sha}" + (f" ({visibility})" if visibility else "")
    return f"{manifest}; scored by bench {versions or 'of unknown version'}."


def title(table: Table) -> str:
    """Return a table's heading, not escaped."""
    text = f"{table.task} (version {table.task_version}) on {table.manifest} {table.manifest_sha[:8]}"
    return text + (f": {table.part}" if table.part else "") + (" (out of date)" if table.outdated else "")


def head(table: Table) -> list[str]:
    """Return the heads of a table's columns."""
    units = [f"{c.name} {f'({c.unit}) ' if c.unit else ''}{ARROWS[c.direction]}" for c in table.columns]
    return ["rank", "system", *units, "songs", "failed"]


def lines(table: Table) -> list[tuple[str, list[str]]]:
    """Return every line as plain cells, not escaped, with its kind: best, entry, title or bounds.

    `best` is a system than which no other is significantly better, `title` the heading of a section, `bounds` a
    ceiling or floor, or the line `chance` or `ceiling`.
    """
    width, letters = len(table.columns), _letters(table)
    decimals = {c.name: _decimals(table, c.name) for c in table.columns}
    result: list[tuple[str, list[str]]] = []
    section = "ranked"
    for entry in table.entries:
        if entry.section != section:
            section = entry.section
            result.append(("title", ["", TITLES[section], *[""] * width, "", ""]))
        cells = [_number(entry.cells[c.name], decimals[c.name], letters) for c in table.columns]
        name = entry.system + (f" ({', '.join(entry.marks)})" if entry.marks else "")
        kind = "bounds" if section == "bounds" else "best" if entry.rank and entry.rank[0] == 1 else "entry"
        result.append((kind, [_rank(entry), name, *cells, str(entry.n_songs), str(entry.n_failed)]))
    for name, spans in (("chance", table.chance), ("ceiling", table.ceiling)):
        if spans:
            cells = [_span(spans.get(c.name), decimals[c.name]) for c in table.columns]
            result.append(("bounds", ["", name, *cells, "", ""]))
    return result


def notes(table: Table) -> list[str]:
    """Return the sentences under a table, not escaped."""
    sentences = [f"({letter}) {REASONS.get(state, state)}." for state, letter in _letters(table).items()]
    for column in table.columns:
        cells = [e.cells[column.name] for e in table.entries if not isnan(e.cells[column.name].value)]
        counts = sorted({cell.n_songs for cell in cells})
        asked = max((cell.n_requested for cell in cells), default=0)
        if counts and counts[0] < asked:
            span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            sentences.append(f"{column.name} rests on {span} of {asked} songs; it is undefined on the others.")
    return [*([table.outdated] if table.outdated else []), *sentences, *table.notes]


def _letters(table: Table) -> dict[str, str]:
    """Assign a letter to every reason for a missing or marked value, in order of appearance."""
    cells = [entry.cells[column.name] for entry in table.entries for column in table.columns]
    states = list(dict.fromkeys(cell.state for cell in cells if isnan(cell.value) or cell.state in MARKED))
    return {state: ascii_lowercase[min(place, 25)] for place, state in enumerate(states)}


def _rank(entry: Entry) -> str:
    if entry.rank is None:
        return "·" if entry.section == "ranked" else "—"
    low, high = entry.rank
    return f"{low}–{high} =" if entry.is_tied else str(low)


def _number(cell: Cell, decimals: int, letters: dict[str, str]) -> str:
    if isnan(cell.value):
        return f"— ({letters[cell.state]})"
    text = _fixed(cell.value, decimals)
    if not isnan(cell.low):
        text = f"{text} [{_fixed(cell.low, decimals)}, {_fixed(cell.high, decimals)}]"
    return f"{text} ({letters[cell.state]})" if cell.state in MARKED else text


def _span(span: tuple[float, float] | None, decimals: int) -> str:
    if span is None:
        return ""
    ends = [_fixed(end, decimals) for end in span]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def _decimals(table: Table, column: str) -> int:
    """Return the number of decimals of a column, 1 to 4: the larger its largest value, the fewer."""
    values = [abs(entry.cells[column].value) for entry in table.entries if not isnan(entry.cells[column].value)]
    largest = max(values, default=1.0)
    return 1 if largest >= 10 else 2 if largest >= 0.1 else 3 if largest >= 0.01 else 4
