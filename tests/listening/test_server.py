"""Tests of bench.listening.server: it serves the page and stores ratings, nothing else."""

import http.client
import json
import socket
import threading

import pytest

from bench.errors import BenchError
from bench.listening.key import ANCHOR, REFERENCE, read_key
from bench.listening.make import server_of
from bench.listening.ratings import MAX_BYTES, read_ratings
from tests.listening.answers import answered
from tests.listening.conftest import SYSTEMS, made_from

MEANS = {SYSTEMS[0]: 40, SYSTEMS[1]: 70, REFERENCE: 97, ANCHOR: 12}


@pytest.fixture
def server(run, tmp_path):
    made_from(run, tmp_path / "test", n_examples=1)
    with server_of(tmp_path / "test", "127.0.0.1", 0) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(server, method, path, body=None, **headers):
    port = server.server_address[1]
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    given = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"} if method == "POST" else {}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path, body, {name: value for name, value in given.items() if value is not None})
    reply = link.getresponse()
    return reply.status, reply.read().decode(), dict(reply.getheaders())


def good(server, participant=2):
    return answered(server.key, MEANS, participant)


def kept(server):
    return sorted(server.ratings.iterdir())


def test_the_page_and_nothing_else_is_served(server):
    status, page, headers = ask(server, "GET", "/?p=3")
    assert status == 200
    assert page.encode() == server.page
    assert headers["X-Content-Type-Options"] == "nosniff"
    for path in [
        "/key.json",
        "/../key.json",
        "/ratings",
        "/ratings/",
        "//etc/passwd",
        "/%2e%2e/key.json",
        "/page/index.html",
    ]:
        status, said, _ = ask(server, "GET", path)
        assert (status, said) == (404, "There is only one page here: /\n")
    assert ask(server, "HEAD", "/")[:2] == (200, "")
    assert ask(server, "PUT", "/ratings", b"x")[0] == 501


def test_ratings_are_stored_under_the_servers_name_and_read_back(server):
    for _ in range(2):
        assert ask(server, "POST", "/ratings", good(server))[:2] == (200, "taken\n")
    names = [path.name for path in kept(server)]
    assert len(set(names)) == 2
    assert all(name.startswith(f"{server.key.test}-000002-") and name.endswith(".json") for name in names)
    (one,) = read_ratings([server.ratings], server.key)
    assert one.participant == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Length": str(MAX_BYTES + 1)}, 413),
        ({"Content_Length": "-5"}, 411),
        ({"Content_Length": "9" * 4000}, 413),
    ],
)
def test_requests_not_from_the_page_are_refused_unread(server, headers, status):
    assert ask(server, "POST", "/ratings", good(server), **headers)[0] == status
    assert kept(server) == []


@pytest.mark.parametrize("path", ["/", "/ratings/../x", "/ratings/x.json", "/key.json"])
def test_ratings_are_accepted_at_one_address_only(server, path):
    assert ask(server, "POST", path, good(server))[0] == 404
    assert kept(server) == []


def test_ratings_of_another_test_are_refused_with_the_reason(server):
    keys = json.loads(good(server))
    for change, reason in [
        ({"participant": "../../x"}, "participant"),
        ({"test": "x"}, "another test"),
        ({"more": 1}, "no key"),
    ]:
        status, said, _ = ask(server, "POST", "/ratings", json.dumps({**keys, **change}))
        assert status == 400
        assert said.startswith("Not taken: ratings: ")
        assert reason in said
    assert ask(server, "POST", "/ratings", b"\xff")[0] == 400
    assert kept(server) == []


def test_an_address_in_use_and_a_folder_without_a_test_are_errors(server, tmp_path):
    with pytest.raises(BenchError, match="choose another --port"):
        server_of(tmp_path / "test", "127.0.0.1", server.server_address[1])
    with pytest.raises(BenchError, match=r"key\.json: cannot be read"):
        server_of(tmp_path, "127.0.0.1", 0)


def test_a_page_of_another_test_is_not_served(run, tmp_path):
    made_from(run, tmp_path / "test", n_examples=1)
    other = made_from(run, tmp_path / "other", n_examples=1, seed=6)
    read_key(other.key).write(tmp_path / "test" / "key.json")
    with pytest.raises(BenchError, match="page of another test"):
        server_of(tmp_path / "test", "127.0.0.1", 0)


def test_an_incomplete_request_stores_nothing(server):
    link = socket.create_connection(server.server_address[:2], timeout=5)
    port = server.server_address[1]
    head = f"POST /ratings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
    link.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{".encode())
    link.shutdown(socket.SHUT_WR)
    assert b"400" in link.recv(200)
    link.close()
    assert kept(server) == []


def test_a_closed_connection_shows_no_traceback_but_a_defect_does(server, capsys):
    for error, is_shown in (
        (ConnectionResetError("gone"), False),
        (BrokenPipeError("gone"), False),
        (KeyError(), True),
    ):
        try:
            raise error
        except (ConnectionError, KeyError):
            server.handle_error(None, ("127.0.0.1", 1))
        assert ("Traceback" in capsys.readouterr().err) == is_shown
