"""Songs, a codec and a language model that all trainers' tests share."""

import pytest

from tests.tiny_mini import write_codec, write_language
from tests.tiny_songs import use_songs, write_songs


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a folder with songs, `codec.safetensors` and `language.safetensors`; tests add tokens."""
    folder = write_songs(tmp_path_factory.mktemp("songs"))
    write_codec(folder / "codec.safetensors")
    write_language(folder / "language.safetensors")
    return folder


@pytest.fixture(autouse=True)
def short_songs(monkeypatch):
    use_songs(monkeypatch)
