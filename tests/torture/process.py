"""The daemon as systemd runs it: a process behind a socket that outlives it, heard through a notify socket."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import define, field

ROOT = Path(__file__).parents[2]
LIMIT = 60.0  # seconds for anything that takes one or two on an idle machine


@define(kw_only=True)
class Daemon:
    """One state directory, over as many lives as a test wants. `bug`: what `sabotage` does to it."""

    config: Path
    http: socket.socket  # listening, and held over restarts
    notify: socket.socket
    log: Path
    bug: str = ""
    environ: Mapping[str, str] = field(factory=dict)
    process: asyncio.subprocess.Process | None = None
    heard: list[tuple[float, str]] = field(factory=list)
    starts: list[float] = field(factory=list)  # seconds from exec to READY, of each life

    async def start(self) -> None:
        """Return when it says READY."""
        self._forget()
        began = time.monotonic()
        wrapper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
        module = ["daemon"] if not self.bug else ["tests.torture.sabotage", self.bug]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *[*wrapper, str(self.http.fileno()), "http", sys.executable, "-m", *module],
                *["serve", "--config", str(self.config)],
                pass_fds=[self.http.fileno()],
                cwd=ROOT,
                env=self._environ(),
                stdout=log,
                stderr=log,
            )
        await self.until("READY=1")
        self.starts.append(time.monotonic() - began)

    async def until(self, state: str, number: int = 1, *, limit: float = LIMIT) -> None:
        """Until this life has said it so often; AssertionError with its log where it ends before."""
        assert self.process
        ended = asyncio.create_task(self.process.wait())
        try:
            async with asyncio.timeout(limit):
                while self.said(state) < number:
                    hearing = asyncio.create_task(self._hear())
                    await asyncio.wait({hearing, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if not hearing.done():
                        hearing.cancel()
                        raise AssertionError(f"it ended before {state}:\n{self.tail()}")
        except TimeoutError:
            raise AssertionError(f"it never said {state}:\n{self.tail()}") from None
        finally:
            ended.cancel()

    def said(self, state: str) -> int:
        return sum(1 for _, line in self.heard if line == state)

    async def listen(self, seconds: float) -> None:
        """Hear what it says meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._hear()

    def signal(self, number: signal.Signals) -> None:
        """SIGTERM and its like; to this process and no other."""
        assert self.process
        self.process.send_signal(number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def again(self) -> None:
        """A planned restart."""
        await self.stop()
        await self.start()

    async def ended(self, *, limit: float = LIMIT) -> int:
        assert self.process
        async with asyncio.timeout(limit):
            return await self.process.wait()

    async def close(self) -> None:
        """Whatever happened, no process of ours is left."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
            await self.process.wait()

    def logged(self, event: str) -> int:
        """How often its log, over all its lives, has that event."""
        return self.log.read_text().count(f'"event":"{event}"')

    def tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-30:])

    def _environ(self) -> dict[str, str]:
        ours = {"PATH": os.environ["PATH"], "HOME": str(self.config.parent)}
        return {**ours, "NOTIFY_SOCKET": str(self.notify.getsockname()), **self.environ}

    async def _hear(self) -> None:
        line = await asyncio.get_running_loop().sock_recv(self.notify, 4096)
        self.heard.append((time.monotonic(), line.decode()))

    def _forget(self) -> None:
        """What an earlier life said."""
        self.heard.clear()
        with suppress(BlockingIOError):
            while True:
                self.notify.recv(4096)
