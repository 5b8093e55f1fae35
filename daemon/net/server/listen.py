"""Where the API listens: TCP, a Unix socket, or sockets that systemd holds; and how it stops, in stages."""

import asyncio
import errno
import socket
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web
from attrs import define, field, frozen

from daemon.errors import Conflict
from daemon.ids import Ids
from daemon.net.server.express import EXPRESS
from daemon.net.server.guard import Guard, Limits
from daemon.net.server.nuisances import Nuisances
from daemon.net.server.problems import Teller
from daemon.net.server.readiness import Readiness

log = structlog.get_logger()

BACKLOG = 4096  # the kernel cuts it to net.core.somaxconn: while we restart, callers wait there
SOCKET_MODE = 0o660
ACCEPTED = 0.01  # seconds: in some turns of the loop, what it has accepted by now becomes a connection
LAST_MOMENT = 0.2  # seconds between telling a late handler to stop and closing its connection
HTTP, API = "http", "api"  # FileDescriptorName= in the socket units


@frozen(kw_only=True)
class Listener:
    """A bound socket. `path`: a file of ours, to be removed in the end."""

    name: str
    socket: socket.socket
    path: Path | None = None

    @property
    def address(self) -> str:
        where = self.socket.getsockname()
        if not isinstance(where, tuple):
            return f"unix:{where}"
        host = f"[{where[0]}]" if ":" in where[0] else where[0]
        return f"http://{host}:{where[1]}"


def open_tcp(host: str, port: int) -> Listener:
    family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind(listening, where, f"{host}:{port}")
    return Listener(name=HTTP, socket=listening)


def open_unix(path: Path) -> Listener:
    """A stale file is removed, one that somebody answers on is not."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _bind(listening, str(path), str(path))
    path.chmod(SOCKET_MODE)  # nobody can have connected: it does not listen yet
    return Listener(name=API, socket=listening, path=path)


@define(kw_only=True)
class Stage:
    """What serving needs besides the application and its sockets."""

    limits: Limits
    nuisances: Nuisances
    teller: Teller
    ids: Ids
    readiness: Readiness
    drain: timedelta = timedelta(seconds=3)
    _servers: list[asyncio.AbstractServer] = field(factory=list, init=False)

    @asynccontextmanager
    async def serving(self, app: web.Application, listeners: Sequence[Listener]) -> AsyncIterator[list[str]]:
        """The addresses it answers on, for as long as the block lasts."""
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        assert runner.server is not None, "set up"
        general, express = runner.server.request_handler, app.get(EXPRESS)
        handler = general if express is None else partial(express, general)
        guard = Guard(
            runner.server, handler, limits=self.limits, nuisances=self.nuisances, teller=self.teller, ids=self.ids
        )
        addresses = [listener.address for listener in listeners]  # asked now: a closed socket has none
        try:
            for listener in listeners:
                self._servers.append(await _listen(guard, listener))
            log.info("http.listening", addresses=addresses)
            yield addresses
        finally:
            await self._stop(guard)
            await runner.cleanup()
            for listener in listeners:
                _tidy(listener)

    async def _stop(self, guard: Guard) -> None:
        """No new connections, idle ones closed, what is at work finished, the rest cut."""
        self.readiness.begin_stop()
        for server in self._servers:
            server.close()  # closes our descriptor; what systemd holds goes on collecting callers for the next of us
        guard.pre_shutdown()
        await asyncio.sleep(ACCEPTED)
        try:
            async with asyncio.timeout(self.drain.total_seconds()):
                await guard.idle.wait()
        except TimeoutError:
            log.warning("http.cut_short", connections=len(guard.connections))
        await guard.shutdown(LAST_MOMENT)


async def _listen(guard: Guard, listener: Listener) -> asyncio.AbstractServer:
    loop = asyncio.get_running_loop()
    listener.socket.setblocking(False)
    if listener.socket.family == socket.AF_UNIX:
        return await loop.create_unix_server(guard, sock=listener.socket, backlog=BACKLOG)
    return await loop.create_server(guard, sock=listener.socket, backlog=BACKLOG)


def _bind(listening: socket.socket, where: tuple[object, ...] | str, name: str) -> None:
    try:
        listening.bind(where)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict("listen.in_use", address=name) from error
        raise


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # a full backlog, or not ours to ask: somebody is there
    return True


def _tidy(listener: Listener) -> None:
    listener.socket.close()
    if listener.path is not None:
        listener.path.unlink(missing_ok=True)
