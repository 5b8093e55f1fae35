"""The running daemon as a subcommand sees it: its API over the Unix socket."""

import http.client
import json
import os
import secrets
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from daemon.cli.main import language
from daemon.errors import QiaodError
from daemon.exits import DATA, FAILURE, NO_INPUT, NO_PERMISSION, TRY_AGAIN, UNAVAILABLE
from daemon.net.sse import SseReader

SYSTEM = Path("/run/qiaod/api.sock")  # where systemd/qiaod-api.socket puts it
_TIMEOUT = 30.0  # seconds; what the CLI asks for is answered in milliseconds
_LARGEST = 16 << 20
_PIECE = 64 << 10
_EXITS = {400: DATA, 401: NO_PERMISSION, 403: NO_PERMISSION, 404: NO_INPUT, 409: TRY_AGAIN, 429: TRY_AGAIN}


class NoDaemon(QiaodError):
    exit_code = UNAVAILABLE


class Refused(QiaodError):
    """The daemon's own words, and the exit code its status stands for. `reason`: the code of its problem."""

    def __init__(self, code: str, /, status: int, *, reason: str = "", **facts: object) -> None:
        super().__init__(code, **facts)
        self.reason = reason
        self.exit_code = _EXITS.get(status, UNAVAILABLE if status >= 500 else FAILURE)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))


@frozen
class Client:
    path: Path

    @classmethod
    def of(cls, configured: Path) -> "Client":
        """On the configured socket, or on the one systemd made."""
        return cls(SYSTEM if not configured.exists() and SYSTEM.exists() else configured)

    def call(self, method: str, route: str, body: Mapping[str, object] | None = None) -> Any:
        """The answer's JSON; NoDaemon or Refused."""
        with self._asked(method, route, body) as answer:
            return _understood(answer.status, answer.read(_LARGEST))

    def every(self, route: str) -> list[dict[str, Any]]:
        """All rows of a list, page after page."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call("GET", f"{route}?limit=500{cursor}")
            rows += page["data"]
            if not page["next_cursor"]:
                return rows
            cursor = f"&cursor={page['next_cursor']}"

    def stream(self, route: str, body: Mapping[str, object]) -> Generator[tuple[str, Any], None, None]:
        """The events of an answer that is told while it is made: name and document, `end` last. NoDaemon or Refused.

        Whoever leaves before the end closes the connection, and so ends the work at the daemon too.
        """
        with self._asked("POST", route, body) as answer:
            if answer.status >= 300:
                _understood(answer.status, answer.read(_LARGEST))
            reader = SseReader(most_bytes=_LARGEST)
            while piece := answer.read1(_PIECE):
                for event in reader.feed(piece):
                    document = json.loads(event.data)
                    if event.name == "error":
                        raise _refusal(int(document.get("status") or 500), document)
                    yield event.name, document
                    if event.name == "end":
                        return
            raise http.client.HTTPException("the answer broke off")

    @contextmanager
    def _asked(self, method: str, route: str, body: Mapping[str, object] | None) -> Iterator[http.client.HTTPResponse]:
        headers = {"Accept": "application/json", "Accept-Language": language(os.environ)}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        written = None if body is None else json.dumps(body)
        if written is not None:
            headers["Content-Type"] = "application/json"
        connection = _Connection(self.path)
        try:
            connection.request(method, route, written, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NoDaemon("cli.no_daemon", path=self.path, reason=reason) from error
        finally:
            connection.close()


def _understood(status: int, content: bytes) -> Any:
    try:
        document = json.loads(content) if content else None
    except ValueError:
        document = None
    if status < 300:
        return document
    raise _refusal(status, document if isinstance(document, dict) else {})


def _refusal(status: int, said: Mapping[str, Any]) -> Refused:
    detail = said.get("detail") or said.get("title") or f"HTTP {status}"
    errors = "; ".join(f"{e.get('field')}: {e.get('message')}" for e in said.get("errors") or [])
    reason = str(said.get("code") or "")
    return Refused("cli.daemon_refused", status, reason=reason, detail=f"{detail} {errors}".strip())
