"""The daemon with one fault built in: a test that does not turn red on its fault proves nothing.

`python -m tests.torture.sabotage BUG[,BUG] serve --config FILE` is the product with that fault patched in before it
runs; the product itself has no switch for any of them.
"""

import asyncio
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from attrs import evolve

from daemon import main
from daemon.clock import Clock, SystemClock, from_ms
from daemon.domain.account import Account
from daemon.domain.callback import Callback
from daemon.domain.job import Job, JobState
from daemon.engine import jobs as engine_jobs
from daemon.engine import lifecycle
from daemon.engine.intake import Intake
from daemon.engine.lifecycle import Interrupted, Outcome
from daemon.errors import RemoteError, RemoteUnavailable
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.retry import Retry
from daemon.net import outcomes
from daemon.net.server.guard import Guard
from daemon.net.server.listen import Stage
from daemon.store import jobs, messages, sends
from daemon.store.spool import Spool
from daemon.store.tx import Tx
from daemon.store.writer import Committed, Unit, Writer
from daemon.systemd import Notifier

STUCK = "TORTURE_STUCK"  # names the file that keeps a stuck store stuck


def ack_early() -> None:
    """200 before the commit."""
    keep, under_way = Intake._keep, set[asyncio.Task[None]]()

    async def later(self: Intake, account: Account, callback: Callback, *, request_id: str | None) -> None:
        await asyncio.sleep(0.1)
        await keep(self, account, callback, request_id=request_id)

    async def early(self: Intake, account: Account, callback: Callback, *, request_id: str | None) -> None:
        task = asyncio.create_task(later(self, account, callback, request_id=request_id))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    _put(Intake, "_keep", early)


def resend() -> None:
    """What was being sent at a crash is sent again."""

    def recover(tx: Tx) -> int:
        return tx.run("UPDATE sends SET state = 'queued' WHERE state = 'sending' AND epoch < $1", tx.epoch)

    _put(sends, "recover", recover)


def repeat_lost() -> None:
    """A lost answer is taken for a request that was never made."""

    def failed(self: outcomes.Call, code: str, detail: str) -> RemoteError:
        return RemoteUnavailable(code, service=self.service, detail=detail)

    _put(outcomes.Call, "failed", failed)


def forget_dedupe() -> None:
    """Every delivery is a new one."""

    def first_delivery(tx: Tx, key: str) -> bool:
        return True

    _put(messages, "first_delivery", first_delivery)


def last_first() -> None:
    """The latest of a line goes before those that waited longer."""

    def promote(tx: Tx, lane: str, key: str | None) -> None:
        promoted = tx.run(
            """
            UPDATE jobs SET blocked = 0
             WHERE id = (SELECT id FROM jobs WHERE lane = $1 AND key = $2 AND state = 'ready' AND blocked > 0
                          ORDER BY blocked DESC LIMIT 1)
            """,
            lane,
            key,
        )
        if promoted:
            tx.lanes.add(lane)

    _put(jobs, "promote", promote)


def close_the_door() -> None:
    """A stop ends the listening itself, not only our part in it."""
    stop = Stage._stop

    async def shut(self: Stage, guard: Guard) -> None:
        for listening in [one for server in self._servers for one in cast("asyncio.Server", server).sockets]:
            with socket.socket(fileno=os.dup(listening.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)
        await stop(self, guard)

    _put(Stage, "_stop", shut)


def leave_orphans() -> None:
    """What a killed process had begun is left to a timeout."""

    def recover(tx: Tx) -> jobs.Recovered:
        return jobs.Recovered(ready=0, dead=0)

    _put(jobs, "recover", recover)


def drop_interrupted() -> None:
    """A job that a stop cuts off counts as done."""
    settle = lifecycle.settle  # the name that `engine.jobs` took from there is the one that counts

    def settled(job: Job, outcome: Outcome, *, now: datetime, retry: Retry, random: Random) -> Job:
        if isinstance(outcome, Interrupted):
            return evolve(job, state=JobState.DONE, ended_at=now)
        return settle(job, outcome, now=now, retry=retry, random=random)

    _put(engine_jobs, "settle", settled)


def save_up() -> None:
    """An account that could not send may make up for it."""
    per_window = KeyedBuckets.per_window

    def generous(*, limit: int, window: timedelta, burst: float, clock: Clock) -> KeyedBuckets:
        buckets = per_window(limit=limit, window=window, burst=burst, clock=clock)
        buckets.burst = burst * 30
        return buckets

    _put(KeyedBuckets, "per_window", generous)


def wall_timers() -> None:
    """Delays are counted by the wall clock."""

    def monotonic(self: SystemClock) -> float:
        return time.time()

    _put(SystemClock, "monotonic", monotonic)


def forget_spool() -> None:
    """What the store cannot take is acknowledged and dropped."""

    async def append(self: Spool, record: bytes) -> None:
        return None

    _put(Spool, "append", append)


def stuck_store() -> None:
    """The store answers nobody for as long as a file is there."""
    commit = Writer._commit

    def stuck(self: Writer, db: sqlite3.Connection, units: Sequence[Unit]) -> Committed:
        while Path(os.environ[STUCK]).exists():
            time.sleep(0.05)
        return commit(self, db, units)

    _put(Writer, "_commit", stuck)


def blind_watchdog() -> None:
    """The service manager is told that all is well whether it is or not."""

    async def watch(notifier: Notifier, _: Callable[[], Coroutine[Any, Any, None]], every: timedelta) -> None:
        while True:
            notifier.alive()
            await asyncio.sleep(every.total_seconds())

    _put(main, "watch", watch)


def settle_without_fence(tx: Tx, job: Job) -> None:
    """`jobs.settle` as it were if it did not ask whose attempt it is."""
    row = tx.one("SELECT epoch, started_ms FROM jobs WHERE id = $1", job.id)
    assert row is not None
    jobs.settle(tx, evolve(job, epoch=row["epoch"], started_at=from_ms(row["started_ms"])))


def _put(owner: object, name: str, fault: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name}: the product changed, and this fault has to follow"
    setattr(owner, name, fault)


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        ack_early,
        resend,
        repeat_lost,
        forget_dedupe,
        last_first,
        close_the_door,
        leave_orphans,
        drop_interrupted,
        save_up,
        wall_timers,
        forget_spool,
        stuck_store,
        blind_watchdog,
    )
}

if __name__ == "__main__":
    from daemon.cli.main import main as qiaod

    for named in sys.argv[1].split(","):
        BUGS[named]()
    sys.argv = ["qiaod", *sys.argv[2:]]
    qiaod()
