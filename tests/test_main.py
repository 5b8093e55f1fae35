"""The process around the daemon: signals, reloads, the watchdog, and how it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from structlog.testing import capture_logs

from daemon.errors import CannotOpen, Invalid, MustNotOpen, NotFound, QiaodError, RemoteUnavailable, StoreUnavailable
from daemon.exits import exit_code
from daemon.main import Process, dump_tasks, watch
from daemon.settings import Settings, load
from daemon.settings_read import BadSettings
from daemon.settings_sections import Jobs, Log
from daemon.systemd import Notifier
from daemon.vault import WrongKey
from tests.clock import FakeClock

LIMIT = 5


@define
class Bridge:
    """Stands where the daemon would: tells what happened to it."""

    url: str = "http://127.0.0.1:0"
    first_key: None = None
    applied: list[Settings] = field(factory=list)
    closed_in_a_hurry: bool | None = None

    async def probe(self) -> None:
        return None

    async def apply(self, settings: Settings) -> None:
        self.applied.append(settings)

    @asynccontextmanager
    async def opened(self, hurry: asyncio.Event) -> AsyncIterator["Bridge"]:
        yield self
        try:
            async with asyncio.timeout(0.2):
                await hurry.wait()
            self.closed_in_a_hurry = True
        except TimeoutError:
            self.closed_in_a_hurry = False


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[Notifier, Callable[[], list[str]]]]:
    """A notifier, and what systemd has heard."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.setblocking(False)

        def heard() -> list[str]:
            states = []
            while True:
                try:
                    states.append(bound.recv(4096).decode())
                except BlockingIOError:
                    return states

        yield Notifier(str(tmp_path / "notify")), heard


def process(notifier: Notifier, load_again: Callable[[], Settings] = Settings) -> tuple[Process, list[Settings]]:
    relogged: list[Settings] = []
    return Process(Settings(), load_again, relogged.append, notifier, FakeClock()), relogged


async def test_a_life_is_ready_then_stopping_and_then_over(systemd: Any) -> None:
    notifier, heard = systemd
    ours, _ = process(notifier)
    bridge = Bridge()
    running = asyncio.create_task(ours.run(bridge.opened(ours.hurry)))
    ours.heard(signal.SIGTERM)
    await asyncio.wait_for(running, LIMIT)
    assert heard() == ["READY=1", "STOPPING=1"]
    assert bridge.closed_in_a_hurry is False


async def test_a_second_signal_hurries_the_stop(systemd: Any) -> None:
    notifier, _ = systemd
    ours, _ = process(notifier)
    bridge = Bridge()
    running = asyncio.create_task(ours.run(bridge.opened(ours.hurry)))
    ours.heard(signal.SIGTERM)
    ours.heard(signal.SIGINT)
    await asyncio.wait_for(running, LIMIT)
    assert bridge.closed_in_a_hurry is True


async def test_a_reload_takes_over_what_it_may_and_tells_systemd(systemd: Any) -> None:
    notifier, heard = systemd
    old = Settings()
    new = evolve(old, log=Log(level="debug"), gewe=evolve(old.gewe, per_minute=7), jobs=Jobs(attempts=2))
    ours, relogged = process(notifier, lambda: new)
    bridge = Bridge()
    with capture_logs() as lines:
        running = asyncio.create_task(ours.run(bridge.opened(ours.hurry)))
        ours.heard(signal.SIGHUP)
        ours.heard(signal.SIGTERM)
        await asyncio.wait_for(running, LIMIT)
    (applied,) = bridge.applied
    assert (applied.gewe.per_minute, applied.jobs.attempts, applied.log.level) == (7, old.jobs.attempts, "debug")
    assert relogged == [applied]
    assert heard() == ["READY=1", "RELOADING=1\nMONOTONIC_USEC=1000000000", "READY=1", "STOPPING=1"]
    assert [line for line in lines if line["event"] == "settings.reloaded"] == [
        {
            "event": "settings.reloaded",
            "log_level": "info",
            "taken": ["gewe.per_minute", "log.level"],
            "needs_restart": ["jobs.attempts"],
        }
    ]


async def test_a_reload_of_bad_settings_keeps_the_old_ones_and_says_what_is_wrong(systemd: Any) -> None:
    notifier, heard = systemd
    ours, relogged = process(notifier, lambda: load(None, {"HOME": "/", "QIAOD_GEWE_BURST": "x"}))
    bridge = Bridge()
    with capture_logs() as lines:
        running = asyncio.create_task(ours.run(bridge.opened(ours.hurry)))
        ours.heard(signal.SIGHUP)
        ours.heard(signal.SIGTERM)
        await asyncio.wait_for(running, LIMIT)
    assert (bridge.applied, relogged) == ([], [])
    assert [line["where"] for line in lines if line["event"] == "settings.mistake"] == ["$QIAOD_GEWE_BURST: gewe.burst"]
    assert heard()[-2:] == ["READY=1", "STOPPING=1"]


async def watched(probe: Callable[[], Any], systemd: Any, rounds: int) -> list[str]:
    """What systemd heard in so many probes."""
    notifier, heard = systemd
    done, probed = asyncio.Event(), 0

    async def counted() -> None:
        nonlocal probed
        probed += 1
        if probed > rounds:
            done.set()
        await probe()

    watching = asyncio.create_task(watch(notifier, counted, timedelta(milliseconds=10)))
    await asyncio.wait_for(done.wait(), LIMIT)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    states: list[str] = heard()
    return states[:rounds]


async def test_the_watchdog_is_fed_while_the_store_answers(systemd: Any) -> None:
    async def answers() -> None:
        return None

    assert await watched(answers, systemd, 3) == ["WATCHDOG=1"] * 3


async def test_the_watchdog_is_not_fed_while_the_store_is_stuck(systemd: Any) -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    assert await watched(stuck, systemd, 3) == []


async def test_a_full_disk_is_no_reason_to_be_killed(systemd: Any) -> None:
    async def refuses() -> None:
        raise StoreUnavailable("store.full", timedelta(seconds=1))

    assert await watched(refuses, systemd, 2) == ["WATCHDOG=1"] * 2


async def test_sigquit_tells_where_every_task_waits(systemd: Any) -> None:
    ours, _ = process(systemd[0])

    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    waiting = asyncio.create_task(waits_for_ever(), name="the stuck one")
    await asyncio.sleep(0)
    with capture_logs() as lines:
        ours.heard(signal.SIGQUIT)
    waiting.cancel()
    (stack,) = [line["stack"] for line in lines if line.get("task") == "the stuck one"]
    assert "waits_for_ever" in stack


async def test_a_dump_is_bounded() -> None:
    waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(500)]
    with capture_logs() as lines:
        dump_tasks()
    for task in waiting:
        task.cancel()
    assert len(lines) == 201


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadSettings([]), 78),
        (WrongKey("vault.wrong_key"), 78),
        (MustNotOpen("store.corrupt"), 78),
        (CannotOpen("store.locked"), 75),
        (StoreUnavailable("store.full", timedelta(1)), 75),
        (PermissionError(13, "no"), 77),
        (NotFound("x"), 66),
        (Invalid("x"), 65),
        (RemoteUnavailable("x", service="gewe"), 69),
        (OSError(98, "in use"), 75),
        (OSError(20, "not a directory"), 73),
        (QiaodError("x"), 70),
        (ValueError(), 70),
        (ExceptionGroup("", [ValueError(), ExceptionGroup("", [MustNotOpen("x")])]), 78),
        (ExceptionGroup("", [ValueError(), CannotOpen("x")]), 75),
    ],
)
def test_each_end_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == code


WHOLE = """
import asyncio, ctypes, os, resource, sys
from contextlib import asynccontextmanager
from daemon import errors
from daemon.main import run
from daemon.settings import load

class Bridge:
    url = "http://127.0.0.1:0"
    async def probe(self): pass
    async def apply(self, settings): pass

@asynccontextmanager
async def open_bridge(settings, *, clock, vault, sockets, hurry):
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0, "PR_GET_DUMPABLE"
    assert "QIAOD_MASTER_KEY" not in os.environ
    {act}
    yield Bridge()

def ready(bridge):
    print("ready", flush=True)

sys.exit(run(load(None, os.environ), lambda: load(None, os.environ), open_bridge, os.environ, ready))
"""


def started(tmp_path: Path, act: str = "pass") -> subprocess.Popen[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "QIAOD_DAEMON_STATE_DIR": str(tmp_path),
        "QIAOD_MASTER_KEY": "01" * 32,
    }
    return subprocess.Popen(
        [sys.executable, "-c", WHOLE.replace("{act}", act)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_real_process_stops_on_sigterm_with_zero(tmp_path: Path) -> None:
    with started(tmp_path) as ours:
        assert ours.stdout
        assert ours.stderr
        assert ours.stdout.readline() == "ready\n"
        ours.send_signal(signal.SIGHUP)
        until_reload = next(line for line in ours.stderr if "settings.reloaded" in line)
        ours.send_signal(signal.SIGTERM)
        _, log = ours.communicate(timeout=30)
    assert ours.returncode == 0, log
    assert "daemon.stopped" in log
    assert "01" * 32 not in until_reload + log


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        ("raise errors.MustNotOpen('store.schema_too_new', found=9, known=1)", 78, "daemon.failed"),
        ("raise errors.CannotOpen('store.locked', pid=1, path='x')", 75, "daemon.failed"),
        ("raise ValueError('a bug')", 70, "ValueError: a bug"),
    ],
)
def test_a_real_process_that_cannot_start_ends_with_the_code_that_tells_systemd_what_to_do(
    tmp_path: Path, act: str, code: int, said: str
) -> None:
    with started(tmp_path, act) as ours:
        _, log = ours.communicate(timeout=30)
    assert ours.returncode == code, log
    assert said in log
