"""Somebody sets the wall clock under the running daemon (libfaketime): P17 and PROMISES 2.14."""

import asyncio
import os
from pathlib import Path

from tests.torture.history import Rule, Violation
from tests.torture.house import House, house
from tests.torture.scenarios import POST_TEXT, Verdict, verdict

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
)
FORWARD, BACK = 7200, -14400  # seconds
NOTICED = 30  # seconds in which a jump is noticed; the daemon looks each second
DRAINED = 30.0  # seconds for the messages that wait when the clock jumps: at their pace 4


def library() -> str | None:
    """libfaketime (Debian: apt install faketime), or the one that $LIBFAKETIME names."""
    found = [path for path in (os.environ.get("LIBFAKETIME", ""), *LIBRARIES) if path and Path(path).exists()]
    return found[0] if found else None


async def jumps(folder: Path, preload: str, *, bug: str = "") -> Verdict:
    """Two hours forward, then four back, each while messages wait for their turn: nothing stops, nothing hurries.

    Forward is what a machine that slept looks like, too: what waited longer than it may live expires.
    """
    offset = folder / "offset"
    offset.write_text("+0")
    environ = {
        "LD_PRELOAD": preload,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",  # seconds; with none it opens a file at each look at the clock
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, each thread that waits for the interpreter spins
    }
    broken: list[Violation] = []
    async with house(folder, bug=bug, environ=environ, per_minute=180, burst=3) as h:
        for number, seconds in enumerate((FORWARD, BACK), start=1):
            before = len(h.gewe.ledger.of(POST_TEXT))
            await h.load.write(60)  # 15 of each account, which may send three a second
            await h.gewe.ledger.wait_for(POST_TEXT, before + 12, timeout=60)
            h.load.shift += seconds
            offset.write_text(f"{h.load.shift:+g}")
            broken += await _noticed(h, number)
            if seconds < 0:
                broken += await _sent(h, before + 60)
            await h.settle()
        return await verdict(h, broken, jumps=h.daemon.logged("clock.jumped"))


async def _noticed(h: House, number: int) -> list[Violation]:
    """Each jump is told once."""
    for _ in range(NOTICED * 10):
        if h.daemon.logged("clock.jumped") >= number:
            break
        await asyncio.sleep(0.1)
    told = h.daemon.logged("clock.jumped")
    return [] if told == number else [Violation(Rule.UNTOLD, f"{told} clock.jumped after {number} jumps")]


async def _sent(h: House, number: int) -> list[Violation]:
    try:
        await h.gewe.ledger.wait_for(POST_TEXT, number, timeout=DRAINED)
    except TimeoutError:
        sent = len(h.gewe.ledger.of(POST_TEXT))
        return [Violation(Rule.WORK_LEFT, f"{sent} of {number} sent {DRAINED:g} s after the jump")]
    return []
