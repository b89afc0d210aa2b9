"""One small run and its site, written once."""

import pytest

from bench.site.present import present
from tests.site.small import write_small


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    run = write_small(tmp_path_factory.mktemp("run"))
    present(run.folder)
    return run
