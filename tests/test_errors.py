"""Errors: one family, exit codes, suggested names, and pickling."""

import pickle

import pytest

from bench.errors import BenchError, CheckFailed, MissingComponent, UnknownName


def test_exit_codes_are_those_of_the_command_line() -> None:
    assert (BenchError("x").exit_code, CheckFailed("x").exit_code) == (2, 1)
    assert (MissingComponent("x").exit_code, UnknownName("x", "y", []).exit_code) == (2, 2)


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("inpant", ["inpaint", "refine"], "no task is called 'inpant'; did you mean inpaint?"),
        ("noise", ["copy", "air"], "no task is called 'noise'; known: air, copy"),
        ("noise", [], "no task is called 'noise'; known: none"),
        ("ab1", ["ab2", "ab3", "ab4", "ab5"], "no task is called 'ab1'; did you mean ab5 or ab4 or ab3?"),
    ],
)
def test_an_unknown_name_gets_the_closest_names_or_all(name: str, known: list[str], said: str) -> None:
    assert str(UnknownName("task", name, iter(known))) == said


@pytest.mark.parametrize(
    "error", [BenchError("a"), CheckFailed("a\n  b"), MissingComponent("a"), UnknownName("task", "a", ["ab"])]
)
def test_errors_survive_pickling(error: BenchError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error) and vars(back) == vars(error)
