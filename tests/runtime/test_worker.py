"""Worker processes: messages, errors, deaths, time limits."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError, MissingComponent
from bench.runtime.worker import Worker, receive, send, shared

CODE = """
import os, sys, time
import numpy as np
from bench.runtime.worker import serve

def answer(words, arrays):
    task = words["task"]
    print("this goes to standard error")
    if task == "double":
        return {"values": 2 * arrays["values"], "pid": np.array(os.getpid())}
    if task == "die":
        print("goodbye", file=sys.stderr, flush=True)
        os._exit(7)
    if task == "sleep":
        time.sleep(60)
    raise ValueError(f"cannot {task}")

if __name__ == "__main__":
    serve(answer)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    (tmp_path / "echoing.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    worker = Worker("echoing", timeout_s=20)
    yield worker
    worker.close()


def ask(worker: Worker, task: str, values: object = (1, 2)) -> dict[str, np.ndarray]:
    return worker.ask({"task": task}, {"values": np.asarray(values)})


def test_a_message_comes_back_as_it_was() -> None:
    pipe = io.BytesIO()
    arrays = {"a": np.arange(6.0).reshape(2, 3), "empty": np.zeros((0, 2)), "words": np.array(["C:maj", "N"])}
    send(pipe, {"task": "x", "n": 3}, arrays)
    pipe.seek(0)
    words, found = receive(pipe)
    assert words == {"task": "x", "n": 3}
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


@pytest.mark.parametrize("kept", [0, 3, 8, 20, 60])
def test_a_message_cut_short_is_the_end(kept: int) -> None:
    pipe = io.BytesIO()
    send(pipe, {"task": "x"}, {"a": np.zeros(3)})
    with pytest.raises(EOFError, match=r"of .* bytes"):
        receive(io.BytesIO(pipe.getvalue()[:kept]))


def test_objects_are_never_unpickled() -> None:
    pipe = io.BytesIO()
    np.savez(body := io.BytesIO(), bad=np.array([{"a": 1}], dtype=object))
    send(pipe, {}, {})
    text, archive = b"{}", body.getvalue()
    message = len(text).to_bytes(4, "big") + len(archive).to_bytes(4, "big") + text + archive
    with pytest.raises(ValueError, match="allow_pickle=False"):
        receive(io.BytesIO(message))


def test_one_process_answers_every_question(worker: Worker) -> None:
    assert worker.pid is None
    first, second = ask(worker, "double"), ask(worker, "double", np.arange(300_000.0))
    np.testing.assert_array_equal(first["values"], [2, 4])
    assert len(second["values"]) == 300_000
    assert first["pid"] == second["pid"] == worker.pid


def test_an_exception_is_an_error_and_the_process_lives_on(worker: Worker) -> None:
    pid = ask(worker, "double")["pid"]
    with pytest.raises(BenchError, match=r"echoing failed on .*'task': 'juggle'.*: ValueError: cannot juggle"):
        ask(worker, "juggle")
    assert ask(worker, "double")["pid"] == pid


def test_a_death_is_reported_with_its_last_words_and_the_next_question_starts_anew(worker: Worker) -> None:
    pid = ask(worker, "double")["pid"]
    with pytest.raises(BenchError, match=r"(?s)echoing died \(exit code 7\); the next use starts it again.*goodbye"):
        ask(worker, "die")
    assert worker.pid is None
    assert ask(worker, "double")["pid"] != pid


def test_a_process_that_gives_no_answer_is_ended(worker: Worker) -> None:
    ask(worker, "double")
    worker.timeout_s = 0.5
    with pytest.raises(BenchError, match=r"gave no answer for 0.5 s and was ended"):
        ask(worker, "sleep")
    assert worker.pid is None
    worker.timeout_s = 20
    np.testing.assert_array_equal(ask(worker, "double")["values"], [2, 4])


def test_a_module_that_does_not_start_is_reported() -> None:
    with pytest.raises(BenchError, match=r"(?s)no_such_module_at_all died .*No module named"):
        Worker("no_such_module_at_all", timeout_s=20).ask({}, {})


def test_closing_ends_the_process(worker: Worker) -> None:
    pid = int(ask(worker, "double")["pid"])
    worker.close()
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(pid, 0)
    worker.close()


def test_shared_workers_need_their_package() -> None:
    with pytest.raises(MissingComponent, match="get it somewhere"):
        shared("echoing", "no_such_package_at_all", "get it somewhere")
    assert shared("echoing", "numpy", "") is shared("echoing", "numpy", "")
