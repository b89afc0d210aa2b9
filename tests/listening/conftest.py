"""One small run that a listening test can be made from."""

import shutil

import pytest

from bench.example import open_examples
from bench.formats import dump_yaml
from bench.listening.make import listen
from bench.paths import write_text
from bench.task import load_task
from tests.site.small import HOSTILE, MANIFEST, TASK, write_small

SYSTEMS = ("weak", HOSTILE)


def write_run(folder):
    small = write_small(folder)
    keys = {"task": f"{TASK}@{load_task(TASK).version}", "manifest": MANIFEST, "public": False}
    write_text(small.folder / "examples" / TASK / MANIFEST / "build.yaml", dump_yaml(keys))
    return small


def made_from(run, to, **options):
    examples = open_examples(run / "examples" / TASK / MANIFEST, load_task(TASK))
    return listen(run, examples, **{"systems": SYSTEMS, "n_examples": 3, "seed": 5, "folder": to, **options})


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def run(whole_run, tmp_path):
    """A copy of the run that a test may write to."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run.folder, folder)
    return folder


@pytest.fixture(scope="session")
def mushra(whole_run, tmp_path_factory):
    return made_from(whole_run.folder, tmp_path_factory.mktemp("mushra"))


@pytest.fixture(scope="session")
def ab(whole_run, tmp_path_factory):
    return made_from(whole_run.folder, tmp_path_factory.mktemp("ab"), form="ab")
