"""Requirements on every metric: well-formed columns, a perfect score for the reference, defined states, repeatability."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench.metrics
from bench import plugins
from bench.audio import Audio
from bench.board.page import REASONS
from bench.errors import BenchError
from bench.mask import Mask
from bench.protocols import Column, Measurement
from bench.symbols import Frames
from tests.metrics.fakes import (
    EVERYTHING,
    ONE_HOLE,
    RATE,
    TWO_HOLES,
    chords,
    example,
    heard,
    holes_of,
    noise,
    notes,
    times,
)

NAMES = sorted(file.stem.replace("_", "-") for file in Path(bench.metrics.__path__[0]).glob("[!_]*.py"))
OPTIONS = {"clap-score": {"embedding": "logmel-stats"}}
"""Options under which a metric needs no weights."""
SETS = ("fad", "kad")
PAIRWISE = [name for name in NAMES if name not in SETS]
KINDS = {"drums", "onsets", "beats", "chords", "notes", "chroma"}
STATES = {"ok", "undefined-reference", "silent", "no-context", "no-seam", "no-control", "no-prompt"}
PERFECT = {
    "sdr": 40.0, "si-sdr": 40.0, "sdr-spectral": 40.0, "drum-onset-f1": 1.0, "drum-onset-f1-adj": 1.0, "beat-f1": 1.0,
    "downbeat-f1": 1.0, "note-f1": 1.0, "chroma-cosine": 1.0, "chroma-cosine-plain": 1.0, "chord-accuracy": 1.0, "chord-accuracy-root": 1.0,
    "chord-accuracy-thirds": 1.0, "chord-accuracy-triads": 1.0, "chord-accuracy-sevenths": 1.0,
    "chord-accuracy-tetrads": 1.0, "chord-coverage": None, "context-lsd": 0.0, "seam-jump": 0.0, "seam-loudness": 0.0,
    "loudness-gap": 0.0, "fill-gap": 0.0, "clap-score[logmel-stats]": 1.0,
    "embedding-cosine[musicnn]": 1.0,
}  # fmt: skip
OF_SETS = ("kad", "kad-bandwidth", "fad", "fad-inf", "fad-inf-fit")
DRUMS = noise(9, level=0.05)
SILENCE = Audio(np.zeros(8 * RATE), RATE)


@pytest.mark.parametrize("state", sorted(STATES - {"ok", "silent"}))
def test_every_state_without_a_value_has_a_footnote(state: str) -> None:
    assert state in REASONS


def findings(mask: Mask, drums: Audio = DRUMS) -> dict[str, Any]:
    """Return events of every kind in every hole, as extractors find them in music."""
    holes, rng = mask.holes_s, np.random.default_rng(5)
    return {
        "drums": holes_of(drums, mask),
        "onsets": [times(a + 0.1, a + 0.37, a + 0.9, a + 1.55) for a, _ in holes],
        "beats": [times(a + 0.2, a + 0.7, a + 1.2, a + 1.7, positions=(1, 2, 3, 1)) for a, _ in holes],
        "chords": [chords((a, (a + b) / 2, "C:maj7"), ((a + b) / 2, b, "A:min")) for a, b in holes],
        "notes": [notes((a + 0.1, a + 0.5, 60), (a + 0.6, a + 0.9, 64)) for a, _ in holes],
        "chroma": [Frames(rng.uniform(0, 1, (20, 12)), 43.0) for _ in holes],
    }


def nothing(mask: Mask) -> dict[str, Any]:
    """Return the results of extractors on silence."""
    return findings(mask, SILENCE) | {
        "onsets": [times() for _ in mask.holes_s],
        "beats": [times() for _ in mask.holes_s],
        "chords": [chords((a, b, "N")) for a, b in mask.holes_s],
        "notes": [notes() for _ in mask.holes_s],
        "chroma": [Frames(np.zeros((20, 12)), 43.0) for _ in mask.holes_s],
    }


def measured(
    name: str,
    output: Audio,
    mask: Mask = ONE_HOLE,
    reference: Audio | None = None,
    wanted: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
) -> dict[str, Measurement]:
    """Measure an output; arguments left out are those of the reference."""
    one = example(reference or noise(0), mask)
    wanted = wanted or findings(mask)
    found = found or findings(mask)
    both = {f"reference {k}": v for k, v in wanted.items()} | {f"output {k}": v for k, v in found.items()}
    return plugins.load("metrics", name, **OPTIONS.get(name, {})).measure(one, heard(one, output, both, wanted))


def columns(name: str) -> tuple[Column, ...]:
    return plugins.load("metrics", name, **OPTIONS.get(name, {})).columns


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_well_formed_and_the_identity_names_the_metric(name: str) -> None:
    metric = plugins.load("metrics", name, **OPTIONS.get(name, {}))
    assert metric.identity.startswith(f"{name}/") and metric.identity[len(name) + 1].isdigit()
    assert len({column.name for column in metric.columns}) == len(metric.columns) > 0
    for column in metric.columns:
        assert column.direction in ("higher", "lower", "zero") and column.region in ("hole", "context", "seam", "whole")
        assert column.name == column.name.lower() and " " not in column.name
        assert set(column.hears) <= KINDS
        assert column.is_shown or not column.is_ranked
        assert not column.is_ranked or column.region == "hole"
    assert [c.name for c in metric.columns] == [
        c.name for c in plugins.load("metrics", name, **OPTIONS.get(name, {})).columns
    ]


def test_no_two_metrics_give_a_column_of_one_name() -> None:
    names = [column.name for name in NAMES for column in columns(name)]
    assert len(names) == len(set(names))
    assert set(names) == {*PERFECT, "clap-text[logmel-stats]", *(f"{name}[musicnn]" for name in OF_SETS)}


@pytest.mark.parametrize("mask", [ONE_HOLE, TWO_HOLES], ids=["one-hole", "two-holes"])
@pytest.mark.parametrize("name", PAIRWISE)
def test_the_reference_scores_perfectly_and_better_than_the_worst(name: str, mask: Mask) -> None:
    found = measured(name, noise(0), mask)
    assert list(found) == [column.name for column in columns(name)]
    for column in columns(name):
        one = found[column.name]
        if one.state == "no-prompt":
            continue
        assert one.state == "ok" and one.n > 0
        if (perfect := PERFECT[column.name]) is not None:
            assert one.value == pytest.approx(perfect, abs=1e-12)
            better = column.worst < perfect if column.direction == "higher" else abs(column.worst) > abs(perfect)
            assert better


@pytest.mark.parametrize("name", PAIRWISE)
def test_measuring_twice_gives_the_same_result(name: str) -> None:
    output = noise(3)
    assert repr(measured(name, output, TWO_HOLES)) == repr(measured(name, output, TWO_HOLES))


@pytest.mark.parametrize("name", PAIRWISE)
def test_only_a_silent_reference_is_undefined(name: str) -> None:
    silent = measured(name, noise(3), reference=SILENCE, wanted=nothing(ONE_HOLE))
    for column, one in silent.items():
        if column == "chord-coverage":
            assert one.value == 0
        elif column == "seam-loudness":
            assert one.state == "ok"
        elif column == "clap-text[logmel-stats]":
            assert one.state == "no-prompt"
        else:
            assert one.state == "undefined-reference" and np.isnan(one.value) and one.n == 0, column
    for one in measured(name, noise(3)).values():
        assert (np.isfinite(one.value) or one.state == "no-prompt") and one.state in STATES


@pytest.mark.parametrize("name", PAIRWISE)
def test_silence_in_the_hole_is_never_undefined_and_never_good(name: str) -> None:
    hushed = Audio(np.where(ONE_HOLE.inside(RATE), 0, noise(0).mono), RATE)
    found = measured(name, hushed, found=nothing(ONE_HOLE))
    for column in columns(name):
        one = found[column.name]
        assert np.isfinite(one.value) or one.state == "no-prompt"
        # An embedding of silence is a valid vector; scoring, not the metric, gives a silent hole the worst value.
        if column.region == "hole" and not column.name.startswith(("chord-coverage", "loudness-gap", "clap-")):
            assert one.value == pytest.approx(column.worst, abs=1e-6), column.name


def test_states_name_what_a_full_mask_leaves_undefined() -> None:
    states = {name: {m.state for m in measured(name, noise(3), EVERYTHING).values()} for name in PAIRWISE}
    assert states.pop("context-lsd") == {"no-context"}
    assert states.pop("seam-jump") == states.pop("seam-loudness") == {"no-seam"}
    assert states.pop("clap-score") == {"ok", "no-prompt"}
    assert set().union(*states.values()) == {"ok"}


GAINED = {
    # By how much each column moves from its perfect value when the whole output is made louder by 6.02 dB, or inverted.
    "sdr": (0.0, -6.0206), "si-sdr": (40.0, 40.0), "sdr-spectral": (40.0, 40.0), "context-lsd": (6.0206, 0.0),
    "seam-loudness": (0.0, 0.0), "loudness-gap": (6.0206, 0.0), "fill-gap": (6.0206, 0.0),
}  # fmt: skip


@pytest.mark.parametrize(("gain", "k"), [(2.0, 0), (-1.0, 1)])
def test_gain_and_inversion_do_what_the_formula_says(gain: float, k: int) -> None:
    output, drums = Audio(gain * noise(0).mono, RATE), Audio(gain * DRUMS.mono, RATE)
    values = {}
    for name in ("sdr", "context-lsd", "seam-loudness", "seam-jump", "loudness-gap", "fill-gap"):
        values |= {c: m.value for c, m in measured(name, output, TWO_HOLES, found=findings(TWO_HOLES, drums)).items()}
    assert abs(values.pop("seam-jump")) < 1e-4
    assert values == pytest.approx({name: both[k] for name, both in GAINED.items()}, abs=1e-3)


@pytest.mark.parametrize("name", ["clap-score", "embedding-cosine", "fad", "kad"])
@pytest.mark.parametrize("extractor", ["hpss", "cqt-chroma"])
def test_another_kind_of_extractor_is_refused_before_anything_is_measured(name: str, extractor: str) -> None:
    metric = plugins.load("metrics", name, embedding=extractor)
    with pytest.raises(
        BenchError, match=rf"metric \[{extractor}\]: {extractor} finds (drums|chroma); name an embedding"
    ):
        _ = metric.identity
