"""Tests of bench.board.tables, bench.board.ranking and bench.board.readings."""

import numpy as np
import pytest

from bench.board.ranking import BOUNDS, COPIES, NO_BETTER, bound_of
from bench.board.readings import advantage, leftovers, readings
from bench.board.tables import tables
from bench.protocols import Column
from bench.scores import WHOLE_SET, Row
from bench.statistics import interval, song_means

NAN = float("nan")
ONSETS = Column("drum-onset-f1", "", "higher", "hole", 0.0, is_ranked=True)
KAD = Column("kad[musicnn]", "", "lower", "hole", 1.0, is_ranked=True)
FILL = Column("fill-gap", "dB", "zero", "hole", -60.0)
LSD = Column("context-lsd", "dB", "lower", "context", 60.0)
PLAIN = Column("chroma-cosine-plain", "", "higher", "hole", 0.0, is_shown=False)
COLUMNS = (ONSETS, KAD, FILL, LSD, PLAIN)
PRIMARY = {"control": ONSETS.name, "quality": KAD.name}
FREE = {"quality": KAD.name}


def row(system, metric, example, value, **changes):
    keys = {
        "task": "inpaint-drums", "task_version": 1, "manifest": "synthetic-quick", "manifest_sha": "ab" * 32,
        "system": system, "metric": metric, "identity": f"{metric} v1", "region": "hole", "example": example,
        "value": value, "low": NAN, "high": NAN, "n": 1.0, "n_requested": 1, "state": "ok", "chance": NAN,
        "ceiling": NAN,
    }  # fmt: skip
    return Row(**{**keys, **changes})


def measured(system, metric, values, states=(), **changes):
    """Example rows and the set row of a per-example column; song k is song-0k."""
    states = list(states) or ["ok"] * len(values)
    rows = [
        row(system, metric, f"song-{k:02}", value, state=state, **changes)
        for k, (value, state) in enumerate(zip(values, states, strict=True))
    ]
    means = list(song_means({r.example: r.value for r in rows}).values())
    low, high = interval(means)
    state = "incomplete" if "failed" in states else "ok" if means else states[0]
    keys = {"low": low, "high": high, "n": float(len(means)), "n_requested": len(values), "state": state, **changes}
    whole = row(system, metric, WHOLE_SET, np.mean(means) if means else NAN, **keys)
    return [*rows, whole]


def distance(system, value, spread=0.001, n=16, metric=KAD.name, **changes):
    """Set row and 32 half-sets of a distance; half-set k of every system leans the same way."""
    lean = np.sin(np.arange(32))
    rows = [
        row(system, metric, WHOLE_SET, value, n=112.0, n_requested=n, low=value - 0.01, high=value + 0.01, **changes)
    ]
    own = spread * np.cos(np.arange(32) * len(system))
    return rows + [
        row(system, metric, f"*~{k + 1:02}", value + lean[k] + own[k], state="half-set", **changes) for k in range(32)
    ]


def noisy(mean, n=16, seed=0, spread=0.02):
    return list(mean + np.random.default_rng((seed, int(mean * 1000))).normal(0, spread, n))


def board(**onsets):
    """Rows of systems by onset score, all of good quality, and copy-control of bad quality."""
    rows = measured("copy-control", ONSETS.name, noisy(0.95)) + distance("copy-control", 0.9)
    for system, mean in onsets.items():
        rows += measured(system, ONSETS.name, noisy(mean)) + distance(system, 0.1)
    return rows


def only(rows, primary=PRIMARY, sizes=None):
    made = tables(rows, COLUMNS, primary, sizes)
    assert len(made) == 1
    return made[0]


def entry(table, system):
    return next(e for e in table.entries if e.system == system)


def test_a_clear_order_is_ranked_and_bounds_stand_below():
    table = only(board(weak=0.3, strong=0.9, middling=0.6))
    assert [e.system for e in table.entries] == ["strong", "middling", "weak", "copy-control"]
    assert [e.rank for e in table.entries] == [(1, 1), (2, 2), (3, 3), None]
    assert [e.section for e in table.entries] == ["ranked"] * 3 + ["bounds"]
    assert not any(e.is_tied for e in table.entries)
    assert table.ranked_by == ONSETS.name
    assert table.notes == ()


def test_systems_that_cannot_be_told_apart_are_tied():
    rows = board(strong=0.9)
    rows += measured("twin", ONSETS.name, noisy(0.9, seed=1)) + distance("twin", 0.1)
    rows += measured("weak", ONSETS.name, noisy(0.2)) + distance("weak", 0.1)
    table = only(rows)
    assert entry(table, "strong").rank == entry(table, "twin").rank == (1, 2)
    assert entry(table, "strong").is_tied
    assert entry(table, "weak").rank == (3, 3)


def test_a_difference_that_only_survives_uncorrected_is_a_tie():
    """Sixteen songs, p about 0.03: significant for two systems, not among four (six comparisons)."""
    ahead = [
        0.5 + step for step in (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.1, -0.1, -0.1, 0.02)
    ]
    pair = measured("ahead", ONSETS.name, ahead) + measured("behind", ONSETS.name, [0.5] * 16)
    assert [e.rank for e in only(pair).entries] == [(1, 1), (2, 2)]
    more = pair + measured("third", ONSETS.name, [0.5] * 16) + measured("fourth", ONSETS.name, [0.5] * 16)
    assert {e.rank for e in only(more).entries} == {(1, 4)}


def test_lower_is_better_and_distances_are_ranked_by_half_sets():
    rows = distance("near", 0.1) + distance("far", 0.5) + distance("also-near", 0.1001)
    table = only(rows, FREE)
    assert {e.system: e.rank for e in table.entries} == {"near": (1, 2), "also-near": (1, 2), "far": (3, 3)}
    assert table.ranked_by == KAD.name


def test_no_ranks_below_eight_songs():
    rows = measured("a", ONSETS.name, [0.9] * 7) + measured("b", ONSETS.name, [0.1, 0.2, 0.1, 0.1, 0.2, 0.1, 0.1])
    rows += distance("a", 0.1, n=7) + distance("copy-control", 0.9, n=7)
    table = only(rows)
    assert [e.system for e in table.entries][:2] == ["a", "b"]
    assert all(e.rank is None for e in table.entries)
    assert all(e.section == "ranked" for e in table.entries[:2])
    assert table.ranked_by == ""
    assert any("Too few songs" in note for note in table.notes)


def test_eight_songs_are_enough():
    rows = measured("a", ONSETS.name, noisy(0.9, 8)) + measured("b", ONSETS.name, noisy(0.1, 8))
    assert [e.rank for e in only(rows).entries] == [(1, 1), (2, 2)]


def test_a_failed_output_removes_the_rank_and_every_value():
    rows = board(strong=0.5)
    values = [0.99] * 15 + [0.0]
    rows += measured("broken", ONSETS.name, values, ["ok"] * 15 + ["failed"]) + distance("broken", 0.1)
    table = only(rows)
    broken = entry(table, "broken")
    assert (broken.section, broken.rank, broken.n_failed) == ("incomplete", None, 1)
    assert all(np.isnan(cell.value) and cell.state == "incomplete" for cell in broken.cells.values())
    assert entry(table, "strong").rank == (1, 1)
    assert entry(table, "strong").n_failed == 0


def test_an_incomplete_distance_alone_makes_a_system_incomplete():
    rows = board(strong=0.5) + measured("broken", ONSETS.name, noisy(0.9))
    rows += [row("broken", KAD.name, WHOLE_SET, NAN, n=0.0, n_requested=16, state="incomplete")]
    assert entry(only(rows), "broken").section == "incomplete"


@pytest.mark.parametrize(("quiet", "marks"), [(9, (COPIES,)), (8, ())])
def test_a_system_that_copies_on_more_than_half_of_the_songs_stands_under_the_line(quiet, marks):
    rows = board(copier=0.99, honest=0.5)
    rows += measured("copier", FILL.name, [-12.1] * quiet + [-11.9] * (16 - quiet))
    rows += measured("honest", FILL.name, [-2.0] * 16) + measured("copy-control", FILL.name, [-60.0] * 16)
    table = only(rows)
    copier = entry(table, "copier")
    assert copier.marks == marks
    assert copier.section == ("under" if marks else "ranked")
    assert copier.rank == (None if marks else (1, 1))
    assert entry(table, "honest").rank == ((1, 1) if marks else (2, 2))
    assert entry(table, "copy-control").marks == ()


def test_exactly_the_limit_is_no_copy():
    rows = board(copier=0.99) + measured("copier", FILL.name, [-12.0] * 16)
    assert entry(only(rows), "copier").marks == ()


def test_a_system_no_better_than_copy_control_stands_under_the_line():
    rows = board(good=0.5) + measured("parrot", ONSETS.name, noisy(0.99)) + distance("parrot", 0.8999)
    rows += measured("worse", ONSETS.name, noisy(0.99)) + distance("worse", 1.5)
    table = only(rows)
    assert [e.section for e in table.entries] == ["ranked", "under", "under", "bounds"]
    assert entry(table, "parrot").marks == entry(table, "worse").marks == (NO_BETTER,)
    assert entry(table, "parrot").section == "under"
    assert entry(table, "good").rank == (1, 1)


def test_without_copy_control_a_note_names_the_systems_not_judged():
    rows = measured("a", ONSETS.name, noisy(0.9)) + distance("a", 0.1)
    table = only(rows)
    assert entry(table, "a").section == "ranked"
    assert any("copy-control" in note and "a" in note for note in table.notes)


def test_a_task_without_control_has_no_line():
    rows = distance("a", 0.9) + distance("copy-control", 0.1) + measured("a", FILL.name, [-30.0] * 16)
    table = only(rows, FREE)
    assert (entry(table, "a").section, entry(table, "a").marks, table.notes) == ("ranked", (), ())


def test_the_round_trip_of_any_codec_is_a_ceiling_but_not_its_stitched_reading():
    rows = board(good=0.5)
    for system in ("codec-roundtrip-mini", "codec-roundtrip-mini-stitched"):
        rows += measured(system, ONSETS.name, noisy(0.99))
    table = only(rows)
    assert entry(table, "codec-roundtrip-mini").section == "bounds"
    assert entry(table, "codec-roundtrip-mini-stitched").section == "stitched"
    assert entry(table, "good").rank == (1, 1)
    assert (bound_of("noise-gate"), bound_of("codec-roundtrip-large")) == ("", "codec-roundtrip")


def test_bounds_stand_in_their_order_and_never_rank():
    rows = board(good=0.5)
    for bound in ("silence", "oracle", "noise", "other-song", "codec-roundtrip"):
        rows += measured(bound, ONSETS.name, noisy(0.99))
    table = only(rows)
    assert tuple(e.system for e in table.entries[1:]) == BOUNDS
    assert all(e.rank is None for e in table.entries[1:])
    assert entry(table, "good").rank == (1, 1)


def test_another_identity_of_the_ranking_column_makes_another_table():
    rows = board(a=0.9, b=0.2) + measured("c", ONSETS.name, noisy(0.99), identity="other detector")
    made = tables(rows, COLUMNS, PRIMARY)
    assert [[e.system for e in t.entries] for t in made] == [["a", "b", "copy-control"], ["c"]]
    assert made[1].identities[ONSETS.name] == "other detector"
    assert "other detector" in made[1].part
    assert entry(made[1], "c").rank == (1, 1)


def test_another_identity_of_a_side_column_goes_to_a_table_of_its_own():
    rows = board(a=0.9, b=0.2)
    for system in ("a", "copy-control"):
        rows += measured(system, LSD.name, [1.0] * 16)
    rows += measured("b", LSD.name, [2.0] * 16, identity="other window")
    main, side = tables(rows, COLUMNS, PRIMARY)
    assert entry(main, "b").cells[LSD.name].state == "not-measured"
    assert entry(main, "b").rank == (2, 2)
    assert [e.system for e in side.entries] == ["b"]
    assert [c.name for c in side.columns] == [LSD.name]
    assert side.identities == {LSD.name: "other window"}
    assert side.ranked_by == ""


def test_two_identities_within_one_system_are_never_averaged():
    rows = measured("a", ONSETS.name, [0.8] * 10) + measured("b", ONSETS.name, [0.7] * 10)
    rows += [
        row("a", ONSETS.name, "song-98", 0.1, identity="rare"),
        row("a", ONSETS.name, WHOLE_SET, 0.1, identity="rare"),
    ]
    assert readings(rows)["a"][ONSETS.name].whole.value == pytest.approx(0.8)
    assert leftovers(rows)["rare"]["a"][ONSETS.name].examples == {"song-98": 0.1}
    main, side = tables(rows, COLUMNS, PRIMARY)
    assert entry(main, "a").cells[ONSETS.name].value == pytest.approx(0.8)
    assert entry(side, "a").cells[ONSETS.name].value == 0.1
    assert "rare" in side.part


def test_fill_gap_marks_even_where_its_identity_is_another():
    rows = board(copier=0.99, honest=0.5) + measured("copier", FILL.name, [-40.0] * 16, identity="rare")
    rows += measured("honest", FILL.name, [0.0] * 16) + measured("copy-control", FILL.name, [-60.0] * 16)
    assert entry(tables(rows, COLUMNS, PRIMARY)[0], "copier").marks == (COPIES,)


@pytest.mark.parametrize("change", [{"manifest_sha": "cd" * 32}, {"task_version": 2}, {"manifest": "synthetic-test"}])
def test_rows_of_another_manifest_or_version_make_another_table(change):
    rows = measured("a", ONSETS.name, noisy(0.9)) + measured("b", ONSETS.name, noisy(0.2), **change)
    made = tables(rows, COLUMNS, PRIMARY)
    assert [[e.system for e in table.entries] for table in made] in ([["a"], ["b"]], [["b"], ["a"]])
    assert all(table.entries[0].rank == (1, 1) for table in made)
    assert [table.task_version for table in made] == sorted((t.task_version for t in made), reverse=True)


def test_sizes_are_ranked_apart_and_systems_without_a_size_stand_in_each_table():
    rows = board(tiny=0.3, huge=0.9, rules=0.6)
    made = tables(rows, COLUMNS, PRIMARY, {"tiny": "mini", "huge": "full size"})
    assert [t.part for t in made] == ["full size", "mini"]
    assert [e.system for e in made[0].entries] == ["huge", "rules", "copy-control"]
    assert [e.system for e in made[1].entries] == ["rules", "tiny", "copy-control"]
    assert only(rows, sizes={"tiny": "mini"}).part == ""


def test_undefined_cells_keep_their_reason():
    rows = board(a=0.9) + measured("a", LSD.name, [NAN] * 16, ["no-context"] * 16)
    assert entry(only(rows), "a").cells[LSD.name].state == "no-context"
    assert entry(only(rows), "copy-control").cells[LSD.name].state == "not-measured"


def test_columns_in_the_order_given_hidden_ones_left_out():
    rows = board(a=0.9) + measured("a", PLAIN.name, [0.5] * 16) + measured("a", "unheard-of", [0.5] * 16)
    assert [c.name for c in only(rows).columns] == [ONSETS.name, KAD.name]


def test_a_column_that_may_not_rank_does_not():
    column = Column(ONSETS.name, "", "higher", "hole", 0.0)
    (table,) = tables(board(a=0.9, b=0.2), (column, KAD), PRIMARY)
    assert all(e.rank is None for e in table.entries)
    assert any("not a column that ranks" in note for note in table.notes)


def test_chance_and_ceiling_are_spans_over_the_lines():
    rows = measured("a", ONSETS.name, noisy(0.9), chance=0.4, ceiling=0.95)
    rows += measured("b", ONSETS.name, noisy(0.5), chance=0.5, ceiling=0.95) + distance("a", 0.1)
    table = only(rows)
    assert table.chance == {ONSETS.name: (0.4, 0.5)}
    assert table.ceiling == {ONSETS.name: (0.95, 0.95)}


def test_songs_not_excerpts_are_counted():
    rows = [row("a", ONSETS.name, f"song-{k:02}{tail}", 0.5) for k in range(5) for tail in ("", "--2")]
    rows.append(row("a", ONSETS.name, WHOLE_SET, 0.5, n=5.0, n_requested=5))
    assert entry(only(rows), "a").n_songs == 5
    assert entry(only(rows), "a").rank is None


def test_advantage_turns_with_direction():
    scores = readings(measured("a", "m", [3.0] * 9) + measured("b", "m", [-4.0] * 9))
    a, b = scores["a"]["m"], scores["b"]["m"]
    assert advantage(a, b, "higher").mean == 7.0
    assert advantage(a, b, "lower").mean == -7.0
    assert advantage(a, b, "zero").mean == 1.0


def test_tables_do_not_depend_on_the_order_of_rows():
    rows = board(a=0.9, b=0.85, c=0.3)
    shuffled = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]
    assert repr(tables(shuffled, COLUMNS, PRIMARY)) == repr(tables(rows, COLUMNS, PRIMARY))


def test_no_rows_no_tables():
    assert tables([], COLUMNS, PRIMARY) == []


def test_a_stitched_reading_stands_beside_its_system_and_affects_no_rank():
    alone = only(board(weak=0.3, strong=0.9))
    both = only(board(weak=0.3, strong=0.9, **{"strong-stitched": 0.95}))
    assert entry(both, "strong-stitched").section == "stitched" and entry(both, "strong-stitched").rank is None
    assert [entry(both, s).rank for s in ("strong", "weak")] == [entry(alone, s).rank for s in ("strong", "weak")]
    order = [e.system for e in both.entries]
    assert order.index("weak") < order.index("strong-stitched") < order.index("copy-control")
