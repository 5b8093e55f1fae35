"""The disk is full, slow, or fails: callbacks are refused or kept, never acknowledged and lost."""

import asyncio
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from attrs import frozen

from tests.faults.living import Answer, Living, acknowledged, caller, kept, living, statuses, steadily
from tests.faults.rooms import NoRoom, Room, small_room

LONG = os.environ.get("TORTURE") == "long"
BACK = (
    2.0  # seconds after which it must take callbacks again; the promise is 1, on a machine that has nothing else to do
)
PATIENCE = 3.0  # seconds that GeWe waits for an answer
MOST = 20_000  # callbacks that 12 MB cannot hold

pytestmark = pytest.mark.torture


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    try:
        (tmp_path / "room").mkdir()
        with small_room(tmp_path / "room", 12) as room:
            yield room
    except NoRoom as reason:
        pytest.skip(f"no file system of our own here ({reason}); tests/store has a full disk too")


async def until_refused(daemon: Living, http: aiohttp.ClientSession, refusals: int) -> list[Answer]:
    answers = list[Answer]()
    while statuses(answers)[503] < refusals and len(answers) < MOST:
        answers += await asyncio.gather(*(daemon.post(http) for _ in range(16)))
    return answers


async def seconds_until_taken(daemon: Living, http: aiohttp.ClientSession) -> tuple[list[Answer], float]:
    began, answers = time.monotonic(), list[Answer]()
    while not answers or answers[-1].status != 200:
        answers.append(await daemon.post(http))
        await asyncio.sleep(0.01)
        assert time.monotonic() - began < 30
    return answers, time.monotonic() - began


async def full_and_free_again(daemon: Living, room: Room) -> tuple[list[Answer], float]:
    async with caller() as http:
        answers = list(await asyncio.gather(*(daemon.post(http) for _ in range(50))))
        room.fill()
        answers += await until_refused(daemon, http, 100)
        await asyncio.sleep(1)  # the keeper probes meanwhile, in vain
        answers += await until_refused(daemon, http, 100)
        room.free()
        more, took = await seconds_until_taken(daemon, http)
        return answers + more, took


@pytest.mark.parametrize("reserve", ["0", "1"])
async def test_a_full_disk_is_refused_with_503_and_recovers_alone(room: Room, tmp_path: Path, reserve: str) -> None:
    environ = {"QIAOD_DAEMON_RESERVE_MB": reserve}
    async with living(room.inside, wrapper=room.wrapper, environ=environ) as daemon:
        first = daemon.pid
        answers, took = await full_and_free_again(daemon, room)
        assert set(statuses(answers)) == {200, 503}
        assert all(answer.retry_after for answer in answers if answer.status == 503)
        print(f"full disk: {dict(statuses(answers))}, taken again after {took * 1000:.0f} ms")  # noqa: T201
        assert took < BACK, took
        assert (daemon.pid, await daemon.stop()) == (first, 0)
        lost = acknowledged(answers) - kept(room.rescue("qiaod.db", tmp_path))
        assert not lost, len(lost)


async def test_a_daemon_that_acknowledges_what_is_refused_loses_it(room: Room, tmp_path: Path) -> None:
    async with living(room.inside, wrapper=room.wrapper, bug="ack_refused") as daemon:
        async with caller() as http:
            room.fill()
            answers = [await daemon.post(http) for _ in range(2000)]
            room.free()
        await daemon.stop()
        assert acknowledged(answers) - kept(room.rescue("qiaod.db", tmp_path))


def traced(inject: str, *, syscall: str) -> tuple[str, ...]:
    """The daemon as our own child, and strace behind it."""
    return ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={syscall}", "-e", inject)


@pytest.fixture
def strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    tried = subprocess.run([*traced("inject=fdatasync:delay_enter=1", syscall="fdatasync"), "true"], check=False)
    if tried.returncode:
        pytest.skip("strace may not trace here")


@frozen(kw_only=True)
class Profile:
    syscall: str
    fault: str
    felt: bool = True  # by the store: it says so


PROFILES = {
    "fdatasync fails once": Profile(syscall="fdatasync", fault="error=EIO:when=60"),
    "fdatasync fails for good": Profile(syscall="fdatasync", fault="error=EIO:when=60+"),
    "fdatasync fails now and then": Profile(syscall="fdatasync", fault="error=EIO:when=60+97"),
    "writing fails once": Profile(syscall="pwrite64", fault="error=EIO:when=700"),
    "no space for a while": Profile(syscall="pwrite64", fault="error=ENOSPC:when=700..760"),
    "short of space now and then": Profile(syscall="pwrite64", fault="error=ENOSPC:when=700+151"),
    "writing fails for good": Profile(syscall="pwrite64", fault="error=EIO:when=700+"),
    # strace counts by thread; a start reads some 20 times on each, and one that cannot has its tests in tests/store
    "reading fails once": Profile(syscall="pread64", fault="error=EIO:when=30"),
    "reading fails now and then": Profile(syscall="pread64", fault="error=EIO:when=30+5"),
    "the file cannot be cut": Profile(syscall="ftruncate", fault="error=EIO:when=3+", felt=False),
}
SHORT = ("fdatasync fails once", "fdatasync fails for good", "no space for a while", "reading fails now and then")


@pytest.mark.parametrize("name", PROFILES if LONG else SHORT)
async def test_a_failing_disk_loses_nothing_acknowledged(tmp_path: Path, strace: None, name: str) -> None:
    profile = PROFILES[name]
    wrapper = traced(f"inject={profile.syscall}:{profile.fault}", syscall=profile.syscall)
    async with living(tmp_path / "s") as daemon:
        await daemon.stop()
        daemon.wrapper = wrapper  # the faults are counted from the start of a life that has nothing to set up
        await daemon.start()
        async with caller() as http:
            answers = await steadily(daemon, http, rate=150, seconds=10 if LONG else 2)
        assert daemon.process
        code = daemon.process.returncode if daemon.process.returncode is not None else await daemon.stop()
        assert code in {0, 75}, "".join(daemon.lines[-20:])
        assert set(statuses(answers)) <= ({200, 503} if code == 0 else {200, 503, 0}), statuses(answers)
        assert statuses(answers)[200] > 10
        assert not profile.felt or any('"event":"store.fault"' in line for line in daemon.lines)
        daemon.wrapper = ()
        await daemon.start()
        async with caller() as http:
            answers.append(await daemon.post(http))
        assert answers[-1].status == 200
        assert await daemon.stop() == 0
        lost = acknowledged(answers) - kept(tmp_path / "s/qiaod.db")
        assert not lost, len(lost)


SLOW = ("inject=fdatasync:delay_enter=20000", "fdatasync")  # 20 ms for each


async def test_a_slow_disk_makes_a_daemon_that_commits_each_callback_alone_refuse(tmp_path: Path, strace: None) -> None:
    wrapper = traced(SLOW[0], syscall=SLOW[1])
    async with living(tmp_path / "s", wrapper=wrapper, bug="lone_commits") as daemon:
        async with caller() as http:
            answers = await steadily(daemon, http, rate=100, seconds=6)
        assert statuses(answers)[503] or max(answer.seconds for answer in answers) > PATIENCE - 1


async def test_a_slow_disk_makes_nobody_wait_in_vain(tmp_path: Path, strace: None) -> None:
    wrapper = traced(SLOW[0], syscall=SLOW[1])
    async with living(tmp_path / "s", wrapper=wrapper) as daemon:
        async with caller() as http:
            answers = await steadily(daemon, http, rate=100, seconds=20 if LONG else 3)
        times = sorted(answer.seconds for answer in answers)
        shown = f"p50 {statistics.median(times):.3f} p99 {times[len(times) * 99 // 100]:.3f} most {times[-1]:.3f}"
        print(f"fdatasync 20 ms slower, 100 callbacks/s: {shown} s")  # noqa: T201
        assert set(statuses(answers)) == {200}, statuses(answers)
        assert 0.02 < times[-1] < PATIENCE - 1, shown
