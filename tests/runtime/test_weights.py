"""Weights: found, missing, wrong; fetched whole or not at all."""

import hashlib
import io
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.response import addinfourl

import pytest

from bench import plugins
from bench.errors import BenchError, MissingComponent
from bench.runtime import weights
from bench.runtime.weights import File, Weights
from bench.upkeep import setup

CONTENT = b"numbers" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def model(sha256: str = SHA[:8], url: str = "https://example.org/a.bin") -> Weights:
    return Weights("model", "a model", "MIT", (File("a.bin", url, sha256),))


def put(home: Path, content: bytes = CONTENT) -> Path:
    path = home / "model" / "a.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> None:
    def answer(request: urllib.request.Request, timeout: float) -> addinfourl:
        if isinstance(content, Exception):
            raise content
        return addinfourl(io.BytesIO(content), Message(), request.full_url, 200)

    monkeypatch.setattr(urllib.request, "urlopen", answer)


def test_what_is_there_is_found(home: Path) -> None:
    put(home)
    assert model().find("x") == home / "model" and model().is_here()


def test_what_is_missing_names_the_file_the_command_the_licence_and_what_runs_without(home: Path) -> None:
    assert not model().is_here()
    with pytest.raises(
        MissingComponent,
        match=r"model/a\.bin: missing; model needs it; get it with `bench setup model` .*MIT.*; hpss can run without it$",
    ):
        model().find("hpss")


def test_what_nobody_publishes_is_yours_to_put_there() -> None:
    with pytest.raises(MissingComponent, match=r"model/a\.bin: missing; model needs it; put it there \("):
        model(url="").find("x")


def test_a_wrong_file_is_refused_with_both_hashes(home: Path) -> None:
    put(home, b"other")
    with pytest.raises(BenchError, match=f"the published file's begins with {SHA[:8]}"):
        model().find("x")


def test_a_changed_file_is_read_again(home: Path) -> None:
    path = put(home)
    assert weights.sha256_of(path) == SHA
    put(home, CONTENT + b"!")
    assert weights.sha256_of(path) != SHA
    with pytest.raises(BenchError, match="cannot be read"):
        weights.sha256_of(home / "none")


def test_fetching_brings_the_whole_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, CONTENT)
    model().fetch()
    assert (home / "model" / "a.bin").read_bytes() == CONTENT
    serve(monkeypatch, OSError("must not be asked again"))
    model().fetch()


@pytest.mark.parametrize(("answer", "message"), [(b"half", "sha256"), (OSError("no route"), "no route")])
def test_what_cannot_be_fetched_leaves_nothing(home: Path, monkeypatch, answer, message: str) -> None:
    serve(monkeypatch, answer)
    with pytest.raises(BenchError, match=message):
        model().fetch()
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_written_is_named_with_what_chooses_it(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(BenchError, match=r"cannot write .*a\.bin.*choose another folder with \$BENCH_WEIGHTS"):
        model().fetch()


@pytest.mark.parametrize("url", ["", "http://example.org/a.bin", "file:///etc/passwd"])
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(BenchError, match=r"a\.bin: missing; model needs it; put it there \(a model; MIT\)$"):
        model(url=url).fetch()


def test_a_file_under_its_other_name_is_there(home: Path) -> None:
    path = put(home)
    one = Weights("model", "a model", "MIT", (File("a.pth", "", also=path.name),))
    one.fetch()
    path.unlink()
    with pytest.raises(BenchError, match=r"model/a\.pth: missing; model needs it; put it there"):
        one.fetch()


def test_setup_fetches_weights_by_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "weights", lambda: {"model": model()})
    serve(monkeypatch, CONTENT)
    assert setup.setup("model") == f"model is in {home / 'model'}: a model; MIT"
    with pytest.raises(BenchError, match="did you mean model"):
        setup.setup("modell")


def test_what_is_shipped_counts_only_on_what_it_was_made_on(home: Path) -> None:
    assert weights.shipped("air-mini-drums", "air", on="mini-language").parent.name == "weights"
    (home / "mini").mkdir(parents=True)
    (home / "mini" / "mini-language.safetensors").touch()
    with pytest.raises(
        MissingComponent,
        match=r"mini/air-mini-drums\.safetensors: missing; air needs it; make it with `bench train air-mini-drums` and put "
        r"it there \(it has to be trained on your mini-language\); retrieval can run without it$",
    ):
        weights.shipped("air-mini-drums", "air", on="mini-language", instead="retrieval")
    assert weights.shipped("sep-mini", "sep-mini").parent.name == "weights"
    (home / "mini" / "air-mini-drums.safetensors").touch()
    assert weights.shipped("air-mini-drums", "air", on="mini-language").parent == home / "mini"


def test_plugs_name_their_weights_once_each() -> None:
    found = plugins.weights()
    assert all(name == one.name and one.files and one.licence for name, one in found.items())
