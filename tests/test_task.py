"""Tasks: every shipped one loads; every broken one says why."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.errors import BenchError, UnknownName
from bench.formats import read_yaml
from bench.paths import home
from bench.task import Spec, load_task, parse_spec, read_task, task_names, with_metrics
from bench.upkeep import lock

GOOD = (home("tasks") / "inpaint-drums.yaml").read_text()
DESIGNED = {
    "inpaint-free", "inpaint-drums", "inpaint-chords", "inpaint-piano", "inpaint-free-two-gaps",
    "inpaint-drums-two-gaps", "inpaint-chords-two-gaps", "inpaint-piano-two-gaps", "inpaint-drums-long",
    "inpaint-chords-long", "inpaint-drums-30s", "edit-drums", "refine-drums", "arrange-chords", "arrange-piano",
    "inpaint-drums-chords", "inpaint-drums-piano", "inpaint-all-controls",
    "sweep-mask-30", "sweep-mask-50", "sweep-mask-70", "sweep-mask-90",
}  # fmt: skip


def test_all_designed_tasks_exist() -> None:
    assert set(task_names()) >= DESIGNED


@pytest.mark.parametrize("name", task_names())
def test_every_task_is_short_and_names_real_plugs(name: str) -> None:
    task = load_task(name)
    assert len((home("tasks") / f"{name}.yaml").read_text().splitlines()) <= 25
    columns = []
    for spec in task.metrics:
        build = plugins.builder("metrics", spec.name)
        columns += [column.name for column in build(**spec.filled(build)).columns]
    assert set(task.primary.values()) <= set(columns)
    assert len(set(columns)) == len(columns)
    assert ("control" in task.primary) == bool(task.controls)


def test_tasks_and_manifests_match_the_lock() -> None:
    assert lock.check() == []


def test_a_changed_task_must_raise_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    committed = read_yaml(home("tasks") / lock.LOCK)
    name = "inpaint-drums@1"
    monkeypatch.setattr(lock, "locks", lambda: {name: {**committed[name], "task": "0" * 64}})
    assert lock.check() == [
        f"{name}: task changed; raise its version, name it under Scores in CHANGELOG.md, lock again"
    ]
    with pytest.raises(BenchError, match="changed but kept its version"):
        lock.write()
    refused = CliRunner().invoke(app, ["lock"])
    assert refused.exit_code == 2 and "raise it first" in refused.stderr
    checked = CliRunner().invoke(app, ["lock", "--check", "--json"])
    assert checked.exit_code == 1 and json.loads(checked.stdout) == {"ok": False, "problems": lock.check()}
    monkeypatch.setattr(lock, "locks", lambda: {"new@1": {}})
    assert lock.check() == ["new@1 is not locked; run `bench lock`"]


def test_locking_writes_what_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock, "home", lambda name: tmp_path)
    monkeypatch.setattr(lock, "locks", lambda: {"new@1": {"task": "0"}})
    said = CliRunner().invoke(app, ["lock"])
    assert (said.exit_code, said.stdout) == (0, f"written to {tmp_path / lock.LOCK}\n")
    assert read_yaml(tmp_path / lock.LOCK) == {"new@1": {"task": "0"}} and lock.check() == []
    assert CliRunner().invoke(app, ["lock", "--check"]).stdout == "every task agrees with its lock\n"
    monkeypatch.setattr(lock, "is_clone", lambda: False)
    with pytest.raises(BenchError, match=r"writes into tasks/ of a clone; run it from there"):
        lock.write()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed:", "sede:", "no key is called 'sede'; did you mean seed"),
        ("seed: 240209508\n", "", "the key 'seed' is missing"),
        ("name: inpaint-drums", "name: other", "name is 'other', but the file's is 'inpaint-drums'"),
        ("family: inpaint", "family: paint", "family 'paint' is none of"),
        ("sample_rate: 32000", "sample_rate: 22050", "sample_rate 22050 is none of"),
        ("version: 1", "version: 1.9", "version: want a whole number, found 1.9"),
        ("version: 1", "version: true", "version: want a whole number, found True"),
        ("version: 1", "version: 0", "version 0 is not 1 or more"),
        ("description: Fill", "description: [Fill]\n#", r"description: want text, found \['Fill'\]"),
        ("duration_s: 15", "duration_s: 121", "duration_s 121.0 is not a whole number"),
        ("metrics: [sdr,", "metrics: [SDR!,", "'SDR!' is not a plug's name"),
        ("{kind: drums, source: stem}", "{kind: drums, source: stem, level: 3}", "want {kind: ..., source: ...}"),
        ("mask: centre", "mask: 'blocks[30]'", "write a mask's options by name"),
        ("mask: centre", "mask: {name: blocks, seed: 3}", "mask blocks does not take the options"),
        ("sample_rate: 32000", "sample_rate: fast", "sample_rate: want a whole number, found 'fast'"),
        ("duration_s: 15", "duration_s: 15.01", "not a whole number of 20 ms frames"),
        ("mask: centre", "mask: center", "no mask is called 'center'; did you mean centre"),
        ("mask: centre", "mask: {name: blocks, percent: 0}", "blocks of 0 %"),
        ("mask: centre", "mask: [centre]", "is not a plug's name"),
        ("kind: drums", "kind: drum", "no kind of control is called 'drum'; did you mean drums"),
        ("source: stem", "source: stems", "no source of drums is called 'stems'; did you mean stem"),
        ("- {kind: drums, source: stem}", "- drums", "want {kind: ..., source: ...}"),
        ("quality:", "beauty:", "primary: want the keys quality"),
        ("version: 1", "version: 1\nversion: 2", "appears twice"),
        ("mask: centre", "mask: scatter", "mask scatter: for training only"),
        ("primary: {", "primary: sdr\n#", "primary: want a mapping, found 'sdr'"),
    ],
)
def test_a_broken_task_says_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    (tmp_path / "inpaint-drums.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BenchError, match=said):
        read_task(tmp_path / "inpaint-drums.yaml")


def test_specs_in_their_three_forms() -> None:
    assert parse_spec("kad") == Spec("kad")
    assert parse_spec("kad[logmel-stats]") == Spec("kad", {}, "logmel-stats")
    assert parse_spec({"name": "blocks", "percent": 50}) == Spec("blocks", {"percent": 50})
    assert str(parse_spec("kad[a]")) == "kad[a]" and str(Spec("b", {"x": 1})) == "b,x=1"
    assert parse_spec("kad[a]").filled(lambda embedding: None) == {"embedding": "a"}
    with pytest.raises(BenchError, match="kad has no option x; it takes embedding"):
        Spec("kad", {"x": 1}).filled(lambda embedding: None)
    with pytest.raises(BenchError, match="takes no option"):
        parse_spec("sdr[1]").filled(lambda: None)


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean inpaint-drums"):
        load_task("inpaint-drum")


def test_masks_and_seeds_depend_on_task_and_excerpt() -> None:
    one, other = load_task("sweep-mask-50"), load_task("sweep-mask-70")
    assert one.mask_of("a") == one.mask_of("a") != one.mask_of("b")
    assert len({one.seed_of("a"), one.seed_of("b"), other.seed_of("a")}) == 3
    assert (one.n_frames, one.n_samples) == (750, 480000)


def test_metrics_are_added_once_and_only_by_name() -> None:
    task = load_task("inpaint-drums")
    more = with_metrics(task, ["fad[logmel-stats]", "sdr", "fad[logmel-stats]"])
    assert [str(spec) for spec in more.metrics] == [*map(str, task.metrics), "fad[logmel-stats]"]
    assert (more.mask, more.seed, more.name) == (task.mask, task.seed, task.name)
    with pytest.raises(BenchError, match="is not a plug's name"):
        with_metrics(task, ["fad[../../x]"])
