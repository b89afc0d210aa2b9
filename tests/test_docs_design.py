"""docs/design.md says what the code does: its paths, names, numbers, formats and commands are those of the package."""

import importlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields

import numpy as np
import pytest
import typer

from bench import example, formats, mask, statistics, task
from bench.audio import SILENCE_DBFS
from bench.board import ranking, report
from bench.cli.app import app
from bench.manifest import Excerpt, read_manifest
from bench.metrics import beat_f1, drum_onset_f1
from bench.music import controls, drums, durations, loudness, matching, splice
from bench.paths import PACKAGE, home
from bench.pipeline import leaks
from bench.scores import COLUMNS, NO_PHASE
from bench.scoring import hearing
from bench.scoring.columns import ADHERENCE
from bench.upkeep import expectations

ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())
PARTS = {
    int(number): body for number, body in re.findall(r"^## (\d+)\. .*\n((?:(?!^## ).*\n?)*)", PAGE, flags=re.MULTILINE)
}
CITED = re.compile(r"docs/design\.md,\s+section\s+(\d+)")
CODE = re.compile(r"`([^`\n]+)`")


def ms(seconds: float) -> str:
    return f"{1000 * seconds:g} ms"


def as_list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def commands() -> dict[str, typer.main.TyperCommand]:
    """Return every command that does something by its words, e.g. `bench data verify`."""

    def below(words: str, command) -> Iterator[tuple[str, typer.main.TyperCommand]]:
        if not (inner := getattr(command, "commands", {})):
            yield words, command
        for name, one in inner.items():
            yield from below(f"{words} {name}", one)

    return dict(below("bench", typer.main.get_command(app)))


def test_sections_are_numbered_from_one_on() -> None:
    assert [int(n) for n in re.findall(r"^## (\d+)\. ", PAGE, flags=re.MULTILINE)] == [*range(1, 14)] == [*PARTS]
    assert len(re.findall("^## ", PAGE, flags=re.MULTILINE)) == len(PARTS)


def test_whoever_cites_the_design_names_the_page_and_a_section_that_is_there() -> None:
    cited = {}
    for path in [*ROOT.glob("bench/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]:
        text = path.read_text(encoding="utf-8")
        cited |= {(path.name, int(number)): path for number in CITED.findall(text)}
        loose = re.search(r"(?i)\bdesign,? section\b|\bof the design\. |\(section \d+\)", text)
        assert path.name == "design.md" or loose is None, f"{path}: {loose}"
    assert len(cited) >= 8
    assert [path for (_, number), path in cited.items() if number not in PARTS] == []
    assert {int(number) for number in re.findall(r"(?<!design\.md, )\bsection (\d+)", PAGE)} <= set(PARTS)


@pytest.mark.parametrize("name", sorted({name for name in CODE.findall(PAGE) if name.startswith(("bench.", "bench/"))}))
def test_every_path_and_every_name_is_there(name: str) -> None:
    if "/" in name:
        assert (ROOT / name).exists()
        return
    parts = name.split(".")
    module, rest = parts[:], []
    while not (PACKAGE.joinpath(*module[1:]).is_dir() or PACKAGE.joinpath(*module[1:]).with_suffix(".py").exists()):
        rest.insert(0, module.pop())
    found = importlib.import_module(".".join(module))
    for attribute in rest:
        found = getattr(found, attribute)


def test_every_link_and_every_folder_of_the_clone_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    own = [
        name for name in CODE.findall(PAGE) if re.match(r"(tasks|data_manifests|leaderboard|recipes|weights)/", name)
    ]
    assert len(own) >= 6
    assert [name for name in own if not (ROOT / name).exists()] == []
    assert [name for name in ("systems", "results", "history", "site") if f"`{name}/`" not in PARTS[12]] == []


def test_the_folders_are_those_of_the_package() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", PARTS[2], flags=re.MULTILINE)
    listed = [name for row in rows for name in CODE.findall(row)]
    assert sorted(listed) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def test_the_imports_are_the_contracts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {one["name"]: one for one in project["tool"]["importlinter"]["contracts"]}
    stages, inner = (contracts[name]["layers"] for name in contracts if contracts[name]["type"] == "layers")
    bullets = PARTS[2].partition("**Imports go one way.**")[2].split("\n- ")
    above = [re.findall(r"\w+", layer) for layer in stages[:-2]]
    assert CODE.findall(bullets[1])[:-1] == [name for layer in above for name in layer]
    below = [re.findall(r"\w+", layer.replace("bench.", "")) for layer in inner]
    assert CODE.findall(bullets[2]) == [name for layer in below for name in layer]
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert files <= set(CODE.findall(bullets[2]))


def test_the_numbers_are_those_of_the_code() -> None:
    promised = {
        5: [
            f"at most {formats.MAX_BYTES >> 10} KiB",
            f"correlate with the hole at {leaks.SAME_SOUND} or more",
        ],
        6: [
            f"A frame is {ms(1 / mask.FRAME_RATE)}: {mask.FRAME_RATE} Hz",
            f"For 15 s, which are {15 * mask.FRAME_RATE} frames",
        ],
        7: [
            f"at most {durations.LONGEST_NOTE_S:g} s",
            f"on a grid of {ms(controls.GRID_S)}",
            f"−{-20 * np.log10(controls.QUIET_RMS):g} dBFS where there is none",
        ],
        10: [f"linear fades of {ms(splice.STITCH_S)}"],
        11: [
            f"−{-loudness.EMBEDDED_LUFS:g} LUFS",
            f"with {hearing.CONTEXT_S:g} s of the same signal's own context",
            f"those within {ms(drums.MERGE_S)} merged into one",
            f"± {ms(drum_onset_f1.WINDOW_S)} (drum onsets, notes, downbeats)",
            f"± {ms(beat_f1.WINDOWS_S['beat-f1'])} (beats)",
            f"{matching.N_SHIFTS} seeded circular shifts of at least {matching.LEAST_SHIFT_S:g} s",
            f"under −{-SILENCE_DBFS:g} dBFS",
            f"Intervals are of {100 * statistics.CONFIDENCE:g} %",
            f"with {statistics.RESAMPLES} resamples, none below {statistics.MIN_SONGS} songs",
            f"all of them up to {statistics.EXACT_SONGS} songs, {statistics.FLIPS:,} drawn ones beyond",
            f"on {statistics.N_HALVES} seeded halves",
            f"Holm's method at {100 * ranking.ALPHA:g} %",
            f"Below {statistics.MIN_SONGS} songs there are no ranks",
            f"*{ranking.LINE}*",
            f"`{ranking.FILL}` is under −{-ranking.FILL_LIMIT_DB:g} dB",
            f"at least {expectations.ONSETS_LEAST:.2f}; at least {expectations.CHORDS_LEAST:.2f} on `synthetic`",
            f"within {expectations.NOISE_CHROMA_MOST} of 0",
            f"at least {expectations.PLAIN_ABOVE} above it",
        ],
    }
    flat = {number: " ".join(body.split()) for number, body in PARTS.items()}
    assert [(number, phrase) for number, own in promised.items() for phrase in own if phrase not in flat[number]] == []
    # The page says one number for each of these pairs.
    assert beat_f1.WINDOWS_S["downbeat-f1"] == drum_onset_f1.WINDOW_S == 0.05


def test_the_masks_are_those_of_the_code() -> None:
    rows = [line.split(" | ") for line in PARTS[6].splitlines() if line.startswith("| `")]
    names = [name for row in rows for name in CODE.findall(row[0])]
    assert sorted(names) == sorted(mask.MASKS)
    for row in rows:
        if frames := re.findall(r"\[(\d+), (\d+)\)", row[1]):
            (name,) = CODE.findall(row[0])
            assert mask.draw(name, 750, 0).holes == tuple((int(a), int(b)) for a, b in frames)
    defaults = {one: mask.MASKS[one].__defaults__ for one in ("prefix", "suffix", "random-gap")}
    assert defaults == {"prefix": (0, 5.0), "suffix": (0, 5.0), "random-gap": (0, 5.0, 1.0)}
    assert "`context_s`, 5 s" in FLAT and "`gap_s`, 5 s" in FLAT and "`margin_s`, 1 s" in FLAT


def test_the_formats_are_those_of_the_code() -> None:
    flat = {number: " ".join(body.split()) for number, body in PARTS.items()}
    assert as_list(COLUMNS) in flat[5]
    assert as_list(column.name for column in fields(Excerpt)) in flat[5]
    keys = re.search(r"`request\.yaml` \(([^)]*)\)", flat[5])
    assert keys is not None and sorted(CODE.findall(keys[1])) == sorted(example._KEYS)
    assert [name for name in task.FAMILIES if f"`{name}` (" not in flat[8]] == []
    assert f"`{report.RUN_PAGE}`" in flat[5]
    for control in example._CONTROLS:
        assert f"- **{control}**" in PARTS[7]


def test_the_states_columns_and_bounds_are_those_of_the_code() -> None:
    named = set(CODE.findall(PARTS[11]))
    assert {NO_PHASE, ADHERENCE, ranking.COPY, ranking.FILL} <= named
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    states = {"undefined-reference", "no-context", "no-seam", "no-control", "no-prompt", "silent", "failed"}
    assert states <= named and all(f'"{state}"' in source for state in states)
    assert set(ranking.BOUNDS) <= set(CODE.findall(PARTS[10]))
    assert {metric for _, metric, _, _ in (*expectations._FIXED, expectations._SYNTHETIC)} <= named


def test_the_locked_manifests_have_so_many_songs() -> None:
    for name, songs in re.findall(r"`(synthetic-\w+)` \((\d+)", PARTS[9]):
        assert len(read_manifest(home("data_manifests") / "synthetic" / f"{name}.csv").excerpts) == int(songs)
    assert len(re.findall(r"`(synthetic-\w+)` \((\d+)", PARTS[9])) == 2


def test_the_commands_are_those_of_the_command_line() -> None:
    promised = [name for name in CODE.findall(PARTS[4]) if re.fullmatch(r"bench [a-z]+", name)]
    assert sorted(promised) == sorted({" ".join(words.split()[:2]) for words in commands()})
    without = [words for words, one in commands().items() if "--json" not in str([p.opts for p in one.params])]
    assert without == ["bench listen serve"]
    for name in CODE.findall(PAGE):
        if re.match(r"bench [a-z]", name):
            assert any(words.startswith(" ".join(name.split()[:2])) for words in commands()), name
