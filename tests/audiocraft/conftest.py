"""Skip without audiocraft, unless it is required; then its absence fails."""

import os
from importlib.util import find_spec

import pytest

REQUIRED = os.environ.get("STEERBENCH_REQUIRE_AUDIOCRAFT") == "1"
IS_HERE = find_spec("audiocraft") is not None

if IS_HERE or REQUIRED:
    from tests.audiocraft.stand_ins import install, small_t5

    install()


@pytest.fixture(autouse=True, scope="session")
def theirs():
    """Give audiocraft what it would fetch."""
    if not IS_HERE and not REQUIRED:
        pytest.skip("audiocraft: tox -e audiocraft")
    with small_t5():
        yield
