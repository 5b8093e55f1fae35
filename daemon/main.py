"""The process around the daemon: its loop, its signals, what it tells systemd, and how it ends."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from io import StringIO
from typing import Protocol

import structlog
import uvloop
from attrs import define, field

from daemon import log as logging
from daemon.clock import Clock, SystemClock
from daemon.errors import QiaodError
from daemon.exits import OK, exit_code, leaves
from daemon.master_key import find_master_key, vault_of
from daemon.secret import Redactor, Secret
from daemon.settings import Settings, changed, reloaded
from daemon.settings_read import BadSettings
from daemon.systemd import Notifier, take_sockets, watchdog_every
from daemon.tasks import running
from daemon.vault import Vault

log = structlog.get_logger()

Sockets = Mapping[str, list[socket.socket]]
_PR_SET_DUMPABLE = 4  # prctl(2)
_MOST_STACKS = 200
RELOAD_WITHIN = timedelta(seconds=5)  # a signal to stop waits behind it
YOUNG = 20_000  # objects between two looks of the garbage collector: at Python's 700 it takes 6 % of a busy core
OLDER = (10, 10)  # looks between two at the next generation: Python's own


class Bridge(Protocol):
    """The running daemon, as its process needs it."""

    @property
    def url(self) -> str:
        """Where the API is."""

    @property
    def first_key(self) -> Secret | None:
        """Of the very first start: to be shown, once."""

    async def probe(self) -> None:
        """Returns, or raises one of our errors, once the store answered."""

    async def apply(self, settings: Settings) -> None:
        """Take over what a reload may change, or raise one of our errors and change nothing."""


class OpenBridge(Protocol):
    def __call__(
        self, settings: Settings, *, clock: Clock, vault: Vault, sockets: Sockets, hurry: asyncio.Event
    ) -> AbstractAsyncContextManager[Bridge]:
        """Running for as long as the block lasts. Once `hurry` is set, leaving it waits for the store alone."""


@define
class Process:
    """One life of the daemon, from READY to STOPPING."""

    settings: Settings
    load_again: Callable[[], Settings]
    relog: Callable[[Settings], object]
    notifier: Notifier
    clock: Clock
    watchdog: timedelta | None = None
    ready: Callable[[Bridge], object] = lambda _: None
    hurry: asyncio.Event = field(factory=asyncio.Event)
    _asked: asyncio.Queue[signal.Signals] = field(factory=asyncio.Queue)
    _stopping: bool = False

    async def run(self, bridge: AbstractAsyncContextManager[Bridge]) -> None:
        async with bridge as running_bridge:
            log.info("daemon.ready", url=running_bridge.url)
            self.notifier.ready()
            self.ready(running_bridge)
            if self.watchdog:
                watching = watch(self.notifier, running_bridge.probe, self.watchdog)
                async with running(watching, "watchdog"):
                    await self._attend(running_bridge)
            else:
                await self._attend(running_bridge)
            self._stopping = True
            log.info("daemon.stopping")
            self.notifier.stopping()
        log.info("daemon.stopped")

    def take(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            loop.add_signal_handler(number, self.heard, number)

    def heard(self, number: signal.Signals) -> None:
        if number == signal.SIGQUIT:
            dump_tasks()
        elif number == signal.SIGHUP:
            self._asked.put_nowait(number)
        elif self._stopping:
            log.warning("daemon.hurried")
            self.hurry.set()
        else:
            self._stopping = True
            self._asked.put_nowait(number)

    async def _attend(self, bridge: Bridge) -> None:
        while await self._asked.get() == signal.SIGHUP:
            await self._reload(bridge)

    async def _reload(self, bridge: Bridge) -> None:
        self.notifier.reloading(self.clock.monotonic())
        try:
            new = self.load_again()
        except BadSettings as error:
            for mistake in error.mistakes:
                log.error("settings.mistake", where=mistake.where, reason=mistake.text())
            log.error("settings.kept", mistakes=len(error.mistakes))
        else:
            await self._take_over(bridge, new)
        self.notifier.ready()

    async def _take_over(self, bridge: Bridge, new: Settings) -> None:
        taken, waiting = changed(self.settings, new)
        settings = reloaded(self.settings, new)
        try:
            async with asyncio.timeout(RELOAD_WITHIN.total_seconds()):
                await bridge.apply(settings)
        except (QiaodError, TimeoutError) as error:
            log.error("settings.kept", reason=str(error) or "the store is too slow")
            return
        self.settings = settings
        self.relog(settings)
        log.info("settings.reloaded", taken=taken, needs_restart=waiting)


async def watch(notifier: Notifier, probe: Callable[[], Awaitable[None]], every: timedelta) -> None:
    """Tell systemd that we live, for as long as the loop turns and the store answers: an error is an answer."""
    while True:
        try:
            async with asyncio.timeout(every.total_seconds() / 2):
                await probe()
        except TimeoutError:
            log.error("watchdog.withheld", waited_seconds=every.total_seconds() / 2)
        except QiaodError as error:
            log.warning("watchdog.store_refuses", error=error.code)
            notifier.alive()
        else:
            notifier.alive()
        await asyncio.sleep(every.total_seconds())


def settle() -> None:
    """What is there once all is built stays: the collector need not look at it again, nor so often at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLDER)


def dump_tasks() -> None:
    """Where every task waits: what to ask for (SIGQUIT) before a stuck daemon is restarted."""
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    log.warning("tasks.dumped", tasks=len(tasks))
    for task in tasks[:_MOST_STACKS]:
        written = StringIO()
        task.print_stack(file=written)
        log.warning("task.stack", task=task.get_name(), stack=written.getvalue())


def harden() -> None:
    """No core dump, and no other process of this user may look into our memory: secrets are in it."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    except (OSError, ValueError, AttributeError, MemoryError) as error:  # a sandbox, or a libc, that knows better
        log.warning("process.not_hardened", reason=str(error))


def run(
    settings: Settings,
    load_again: Callable[[], Settings],
    open_bridge: OpenBridge,
    environ: MutableMapping[str, str],
    ready: Callable[[Bridge], object] = lambda _: None,
) -> int:
    """The whole life of the process; its exit code."""
    clock, redactor = SystemClock(), Redactor()
    floods = logging.Floods(clock)

    def relog(current: Settings) -> None:
        logging.configure(current.log, redactor, floods, stream=sys.stderr, environ=environ)

    relog(settings)
    harden()
    notifier = Notifier.of(environ)
    sockets = take_sockets(environ, os.getpid())

    def begun(bridge: Bridge) -> None:
        settle()
        ready(bridge)

    async def live() -> None:
        settings.daemon.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        master = find_master_key(settings.master_key_file, environ, may_create=not settings.database.exists())
        process = Process(settings, load_again, relog, notifier, clock, watchdog_every(environ, os.getpid()), begun)
        process.take(asyncio.get_running_loop())
        vault = vault_of(master, redactor)
        await process.run(open_bridge(settings, clock=clock, vault=vault, sockets=sockets, hurry=process.hurry))

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(live())
    except Exception as error:
        return failed(error, notifier)
    finally:
        for event, lines in floods.owed().items():
            log.warning("log.suppressed", of=event, lines=lines)
    return OK


def failed(error: Exception, notifier: Notifier) -> int:
    """Say why, to the log and to systemd. What we raise on purpose needs no traceback."""
    code, reasons = exit_code(error), list(leaves(error))
    if all(isinstance(reason, QiaodError) for reason in reasons):
        for reason in reasons:
            log.critical("daemon.failed", reason=str(reason), exit=code)
    else:
        log.critical("daemon.crashed", exit=code, exc_info=error)
    notifier.status(str(reasons[0])[:200])
    return code
