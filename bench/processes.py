"""Real processes on loopback, each pinned to a core: daemons, set up through their API, and other servers."""

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from resource import getpagesize
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from bench.report import pin
from daemon.codec import encode, parse

LOAD, SERVER = 0, 1  # cores: see `report.pin`
PATIENCE = 30.0  # seconds for a process to be there, or to be gone

# Production's defaults, less what only slows a bench down: the ports are free ones, all callers share one address.
SETTINGS = """
[daemon]
reserve_mb = 0
[http]
listen = "127.0.0.1:0"
connections = 2000
per_address = 2000
[store]
backup_every_hours = 0
"""


@contextmanager
def process(
    command: Sequence[str], *, core: int, environ: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """`python -m COMMAND`, ended when the block is. Its errors go to `log`, else to where ours go."""
    errors = None if log is None else log.open("w")
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environ or {})},
            text=True,
        )
    finally:
        if errors is not None:
            errors.close()
    with child:
        try:
            with suppress(ProcessLookupError):
                pin(core, child.pid)
            yield child
        finally:
            child.terminate()
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def server(*command: str, core: int = SERVER) -> Iterator[str]:
    """One that prints its URL as its first line, as the simulators do."""
    with process(command, core=core) as child:
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], PATIENCE)
        url = child.stdout.readline().strip() if ready else ""
        if not url:
            raise RuntimeError(f"{' '.join(command)} did not start")
        yield url


@frozen
class Daemon:
    """A daemon at work."""

    pid: int
    url: str
    state: Path
    started_in: float  # seconds from its first instruction to READY=1

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Its API on the Unix socket, where we are the admin."""
        connection = _OnUnix(self.state / "api.sock")
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else encode(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {raw!r}")
            return parse(raw) if raw else None
        finally:
            connection.close()

    def resident(self) -> int:
        """Bytes of memory it holds."""
        return resident(self.pid)


@contextmanager
def daemon(state: Path | None = None, *, core: int = SERVER, settings: str = "") -> Iterator[Daemon]:
    """`qiaod serve` on a state directory, a fresh one if none is given. `settings`: more TOML."""
    with tempfile.TemporaryDirectory(prefix="qiaod-bench-") as folder:
        home = Path(folder)
        state = state or home / "state"
        config, log = home / "qiaod.toml", home / "log"
        config.write_text(SETTINGS + settings)
        with _notified(home / "notify") as (wait, address):
            environ = {"QIAOD_DAEMON_STATE_DIR": str(state), "NOTIFY_SOCKET": address}
            command = ("daemon", "serve", "--config", str(config))
            began = time.perf_counter()
            with process(command, core=core, environ=environ, log=log) as child:
                try:
                    wait()
                except TimeoutError:
                    raise RuntimeError(f"the daemon did not start: {log.read_text()[-2000:]}") from None
                yield Daemon(child.pid, _url(log), state, time.perf_counter() - began)


@contextmanager
def _notified(path: Path) -> Iterator[tuple[Any, str]]:
    """What waits for READY=1, as systemd does, and the address it comes to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mailbox:
        mailbox.bind(str(path))
        mailbox.settimeout(PATIENCE)
        yield partial(_ready, mailbox), str(path)


def _ready(mailbox: socket.socket) -> None:
    while mailbox.recv(4096) != b"READY=1":
        pass


def _url(log: Path) -> str:
    """What the daemon said when it was ready."""
    for line in log.read_text().splitlines():
        if '"daemon.ready"' in line:
            return str(parse(line)["url"])
    raise RuntimeError("the daemon said nothing of its URL")


class _OnUnix(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * getpagesize()


def place(url: str) -> tuple[str, int, str]:
    """Host, port and path."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/"
