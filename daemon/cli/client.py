"""The running daemon as a subcommand sees it: its API over the Unix socket."""

import http.client
import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from daemon.cli.main import language
from daemon.errors import QiaodError
from daemon.exits import DATA, FAILURE, NO_INPUT, NO_PERMISSION, TRY_AGAIN, UNAVAILABLE

SYSTEM = Path("/run/qiaod/api.sock")  # where systemd/qiaod-api.socket puts it
_TIMEOUT = 30.0  # seconds; what the CLI asks for is answered in milliseconds
_LARGEST = 16 << 20
_EXITS = {400: DATA, 401: NO_PERMISSION, 403: NO_PERMISSION, 404: NO_INPUT, 409: TRY_AGAIN, 429: TRY_AGAIN}


class NoDaemon(QiaodError):
    exit_code = UNAVAILABLE


class Refused(QiaodError):
    """The daemon's own words, and the exit code its status stands for."""

    def __init__(self, code: str, /, status: int, **facts: object) -> None:
        super().__init__(code, **facts)
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
        headers = {"Accept": "application/json", "Accept-Language": language(os.environ)}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        written = None if body is None else json.dumps(body)
        if written is not None:
            headers["Content-Type"] = "application/json"
        connection = _Connection(self.path)
        try:
            connection.request(method, route, written, headers)
            answer = connection.getresponse()
            content = answer.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NoDaemon("cli.no_daemon", path=self.path, reason=reason) from error
        finally:
            connection.close()
        return _understood(answer.status, content)


def _understood(status: int, content: bytes) -> Any:
    try:
        document = json.loads(content) if content else None
    except ValueError:
        document = None
    if status < 300:
        return document
    said = document if isinstance(document, dict) else {}
    detail = said.get("detail") or said.get("title") or f"HTTP {status}"
    errors = "; ".join(f"{e.get('field')}: {e.get('message')}" for e in said.get("errors") or [])
    raise Refused("cli.daemon_refused", status, detail=f"{detail} {errors}".strip())
