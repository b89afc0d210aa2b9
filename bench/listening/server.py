"""Server: serves the page of a listening test and stores the ratings that the page sends."""

import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.listening.key import Key
from bench.listening.ratings import MAX_BYTES, MOST_FILES, parse_ratings
from bench.paths import write_text

TIMEOUT_S = 15
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves one page and stores ratings of one test.

    Attributes:
        page: The page's bytes; no other file is served.
        key: Key of the test; only its ratings are stored.
        ratings: Folder of ratings; the server chooses the file names.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], page: bytes, key: Key, ratings: Path) -> None:
        super().__init__(address, _Handler)
        self.page, self.key, self.ratings = page, key, ratings

    @property
    def url(self) -> str:
        """Address of the page."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections closed by the browser; show every other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def keep(self, body: bytes) -> Path:
        """Check and store ratings; return the file.

        Raises:
            BenchError: they are not of this test, or the folder is full or cannot be written.
        """
        participant = parse_ratings(body, "ratings", self.key).participant
        if sum(1 for _ in self.ratings.glob("*.json")) >= MOST_FILES:
            raise BenchError(f"ratings: {MOST_FILES} files are there already; move some away")
        path = self.ratings / f"{self.key.test}-{participant:06d}-{secrets.token_hex(8)}.json"
        write_text(path, body.decode("utf-8"))
        return path


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "bench", ""
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        """Serve the page at its only address."""
        if self.path.partition("?")[0] not in ("/", "/index.html"):
            self._say(HTTPStatus.NOT_FOUND, "There is only one page here: /")
            return
        self._reply(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def do_POST(self) -> None:
        """Store ratings sent by this page."""
        refusal = self._refusal()
        if refusal:
            self.close_connection = True
            self._say(*refusal)
            return
        try:
            path = self.server.keep(self.rfile.read(int(self.headers["Content-Length"])))
        except (BenchError, TimeoutError) as error:
            self._say(HTTPStatus.BAD_REQUEST, f"Not taken: {error}")
            return
        self.log_message("took %s", path.name)
        self._say(HTTPStatus.OK, "taken")

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        """Return status and reason if a request is refused before its body is read."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/ratings":
            return HTTPStatus.NOT_FOUND, "Ratings go to /ratings."
        if not self._is_ours():
            return HTTPStatus.FORBIDDEN, "Only the page of this server may send ratings."
        if self.headers.get_content_type() != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Ratings are application/json."
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED, "Say how long the ratings are (Content-Length)."
        if len(length) > 9 or int(length) > MAX_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MAX_BYTES} bytes."
        return None

    def _is_ours(self) -> bool:
        """Return whether a request comes from the page of this address, not from another page in the browser."""
        origin, host = self.headers.get("Origin", ""), self.headers.get("Host", "")
        return bool(host) and origin in (f"http://{host}", f"https://{host}") and self._is_known(host)

    def _is_known(self, host: str) -> bool:
        """Return whether a host name belongs to this address; a foreign name may be pointed here (DNS rebinding)."""
        bound, port = self.server.server_address[:2]
        name = host.rpartition(":")[0] if host.endswith(f":{port}") else host
        return str(bound) not in ("127.0.0.1", "localhost") or name in ("127.0.0.1", "localhost")

    def _say(self, status: HTTPStatus, line: str) -> None:
        self._reply(status, "text/plain; charset=utf-8", f"{line}\n".encode())

    def _reply(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
