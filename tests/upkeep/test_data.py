"""Checks and statistics of data sets by name."""

import pytest

from bench.errors import BenchError, UnknownName
from bench.upkeep.data import statistics, verify


def test_a_folder_of_recordings_has_nothing_locked() -> None:
    for verb in (verify, statistics):
        with pytest.raises(BenchError, match="folder stands for the recordings named by --audio"):
            verb("folder")
        with pytest.raises(UnknownName, match="did you mean synthetic"):
            verb("sinthetic")
