"""Provenance: what a result was made by."""

from pathlib import Path

from bench.formats import read_yaml
from bench.runtime import provenance
from bench.runtime.provenance import Provenance


def test_provenance_without_a_clone_or_a_package_says_unknown(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "site" / "bench")
    assert provenance.commit.__wrapped__() == "unknown"
    monkeypatch.setattr(provenance, "_version_of", lambda package: "")
    assert provenance.version.__wrapped__() == "0+unknown"
    Provenance({"system": "x"}).write(tmp_path / "x.yaml")
    keys = read_yaml(tmp_path / "x.yaml")
    assert keys["packages"] == {} and keys["seconds"] == {} and list(keys)[0] == "system"
    assert not any(str(tmp_path) in str(value) for value in keys.values())
