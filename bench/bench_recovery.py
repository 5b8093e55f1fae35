"""How much later a daemon says READY=1 when 100,000 jobs wait for it than when none does, from its first instruction.

The jobs are turns that are due. The last process is taken to have died: some hundred of them were running. Each start
is a real process on a copy of the same state directory, in turn with one on an empty one.
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from bench.processes import LOAD, daemon
from bench.report import PAIRS, Figure, main, measured, pin
from daemon.clock import SystemClock
from daemon.codec import encode
from daemon.domain.job import NewJob
from daemon.domain.message import AccountId, ConversationId
from daemon.engine.turn_steps import LANE, Args
from daemon.store import jobs
from daemon.store.database import open_database
from daemon.store.tx import Tx

WAITING = 100_000
RUNNING = 200


def run() -> Iterator[Figure]:
    pin(LOAD)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="qiaod-bench-") as folder:
        none, many = Path(folder) / "none", Path(folder) / "many"
        with daemon(none):
            pass
        shutil.copytree(none, many, ignore=_sockets)
        asyncio.run(_fill(many / "qiaod.db"))
        _start(none, folder), _start(many, folder)
        added = [(_start(many, folder) - _start(none, folder)) * 1000 for _ in range(PAIRS)]
    yield measured("recovery", "start", unit="ms more", samples=added, goal="<=1000")


def _start(state: Path, folder: str) -> float:
    copy = Path(folder) / "copy"
    shutil.copytree(state, copy, ignore=_sockets)
    with daemon(copy) as bridge:
        took = bridge.started_in
    shutil.rmtree(copy)
    return took


def _sockets(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".sock")]


async def _fill(path: Path) -> None:
    async with open_database(path, SystemClock()) as db:
        await db.write(_add)
        await db.write(jobs.claim, LANE, RUNNING)


def _add(tx: Tx) -> None:
    for _ in range(WAITING):
        conversation = ConversationId(tx.new_id())
        args = encode(Args(conversation_id=conversation, account_id=AccountId(conversation)))
        jobs.add(tx, NewJob(lane=LANE, key=conversation, args=args, unique_key=conversation))


if __name__ == "__main__":
    main(run)
