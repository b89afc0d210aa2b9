"""Downloads from a local server: complete or not at all, resumed after an interruption, one process at a time."""

import fcntl
import shutil
import socket
import threading
from collections import namedtuple
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.errors import BenchError
from bench.runtime.download import download

CONTENT = bytes(range(256)) * 20_000


class Handler(BaseHTTPRequestHandler):
    """Sends `server.content`, or a range of it if `server.has_ranges`, and disconnects after `server.most` bytes."""

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if self.server.has_ranges else 0
        self.server.asked.append(start)
        content = self.server.content[start:]
        if self.server.status:
            self.send_error(self.server.status)
        elif start >= len(self.server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.server.content)}")
            self.end_headers()
        else:
            self.send_response(206 if start else 200)
            if start:
                said = start + self.server.shift
                self.send_header(
                    "Content-Range", f"bytes {said}-{len(self.server.content) - 1}/{len(self.server.content)}"
                )
            if self.server.has_length:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever has read enough hangs up
                self.wfile.write(content[: self.server.most])

    def log_message(self, *said):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.most, server.has_ranges, server.has_length = CONTENT, len(CONTENT), True, True
    server.asked, server.status, server.shift = [], 0, 0
    server.url = f"http://127.0.0.1:{server.server_port}/a.bin"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model" / "a.bin"


def right(path):
    if path.read_bytes() != CONTENT:
        raise BenchError("another file")


def left(path):
    return {one.name: one.stat().st_size for one in path.parent.iterdir()}


@pytest.mark.parametrize("has_length", [True, False])
def test_a_file_is_downloaded_completely(server, path, has_length):
    server.has_length = has_length
    download(server.url, path, right)
    assert (
        path.read_bytes() == CONTENT and left(path) == {"a.bin": len(CONTENT)} and path.stat().st_mode & 0o777 == 0o644
    )


def test_an_interrupted_download_is_kept_and_resumed(server, path):
    server.most = 2_000_000
    with pytest.raises(
        BenchError, match=r"received 2 of 5 MB\); 2\.0 MB are kept, run the command again to continue; or down"
    ):
        download(server.url, path, right)
    assert left(path) == {".a.bin.part": 2_000_000}
    with pytest.raises(BenchError, match=r"4\.0 MB are kept"):
        download(server.url, path, right)
    download(server.url, path, right)
    assert server.asked == [0, 2_000_000, 4_000_000] and path.read_bytes() == CONTENT
    assert left(path) == {"a.bin": len(CONTENT)}


@pytest.mark.parametrize(
    "said",
    [
        b"no answer of HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\nabc",
    ],
)
def test_a_malformed_response_is_named(path, said):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(BenchError, match="cannot be downloaded"):
            download(f"http://127.0.0.1:{listening.getsockname()[1]}/a.bin", path, right)


def test_a_server_without_ranges_sends_the_whole_file_again(server, path):
    path.parent.mkdir()
    (path.parent / ".a.bin.part").write_bytes(b"x" * 1000)
    server.has_ranges = False
    download(server.url, path, right)
    assert path.read_bytes() == CONTENT


def test_a_complete_partial_file_is_used_and_one_that_is_too_long_is_dropped(server, path):
    path.parent.mkdir()
    part = path.parent / ".a.bin.part"
    part.write_bytes(CONTENT + b"more")
    with pytest.raises(BenchError, match="416"):
        download(server.url, path, right)
    assert left(path) == {}
    part.write_bytes(CONTENT)
    download(server.url, path, right)
    assert path.read_bytes() == CONTENT


def test_a_range_that_was_not_requested_is_refused(server, path):
    path.parent.mkdir()
    (path.parent / ".a.bin.part").write_bytes(CONTENT[:1000])
    server.shift = 5
    with pytest.raises(BenchError, match="asked for bytes from 1000, received bytes from 1005"):
        download(server.url, path, right)
    server.shift = 0
    download(server.url, path, right)
    assert path.read_bytes() == CONTENT


def test_a_file_that_is_not_the_published_one_is_removed(server, path):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(BenchError, match="another file"):
        download(server.url, path, right)
    assert left(path) == {}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_http_error_is_named_and_leaves_no_file(server, path, status):
    server.status = status
    with pytest.raises(BenchError, match=f"{status}.*; or download it elsewhere and put it into"):
        download(server.url, path, right)
    assert left(path) == {}


def test_an_unreachable_server_is_named_and_leaves_no_file(server, path):
    server.server_close()
    with pytest.raises(BenchError, match="cannot be downloaded"):
        download(server.url, path, right)
    assert left(path) == {}


def test_a_file_that_does_not_fit_is_refused_and_the_partial_file_is_kept(server, path, monkeypatch):
    path.parent.mkdir()
    (path.parent / ".a.bin.part").write_bytes(CONTENT[:1_000_000])
    monkeypatch.setattr(shutil, "disk_usage", lambda where: namedtuple("Usage", "free")(3_000_000))
    with pytest.raises(BenchError, match=r"a\.bin: needs 4 MB, the disk has 3 MB free; make room"):
        download(server.url, path, right)
    assert left(path) == {".a.bin.part": 1_000_000}


def test_a_second_process_that_downloads_the_same_file_is_refused(server, path):
    path.parent.mkdir()
    with (path.parent / ".a.bin.part").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BenchError, match="another process is downloading it"):
            download(server.url, path, right)
    path.write_bytes(CONTENT)
    download(server.url, path, right)
    assert not server.asked and left(path) == {"a.bin": len(CONTENT)}


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "model").write_text("a file")
    with pytest.raises(BenchError, match=r"cannot write .*model/a.bin"):
        download(server.url, tmp_path / "model" / "a.bin", right)


def test_a_terminal_shows_a_progress_bar(server, path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    download(server.url, path, right)
    assert "a.bin" in capsys.readouterr().err and path.read_bytes() == CONTENT
