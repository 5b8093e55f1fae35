"""What is done to a running daemon, promise by promise; each ends with what was broken, and the figures."""

import asyncio
import signal
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from attrs import field, frozen

from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from tests.torture.history import Rule, Violation, check
from tests.torture.house import House, house
from tests.torture.load import Callback
from tests.torture.process import LIMIT

POST_TEXT = "*/message/postText"
LOST = 0.02  # of WeChat's answers, dropped after the message was taken: PROMISES P3
AT_ONCE = 32  # deliveries under way
ACCOUNTS, DELIVERIES = 8, 350.0  # a second: each account may have 50 a second answered, the others are only kept


@frozen
class Verdict:
    broken: list[Violation]
    figures: dict[str, Any] = field(factory=dict)

    @property
    def rules(self) -> set[Rule]:
        return {violation.rule for violation in self.broken}


async def kills(
    folder: Path,
    *,
    cycles: int,
    seed: int = 1,
    bug: str = "",
    slow: float = 0.03,
    people: int = 30,
    rate: float = 40,
    aimed: bool = False,
    taken: int = 0,
) -> Verdict:
    """P1, P3, P9: SIGKILL at random moments under load, while answers of a WeChat that takes `slow` s get lost.

    `aimed`: each kill hits a send instead. `taken`: so many callbacks are acknowledged before the end.
    """
    random = Random(seed)
    async with house(folder, bug=bug, people=people) as h:
        h.gewe.faults.add(Fault(kind=Kind.DROP, path=POST_TEXT, times=2))
        h.gewe.faults.add(Fault(kind=Kind.DROP, path=POST_TEXT, chance=LOST))
        h.gewe.faults.add(Fault(kind=Kind.LATENCY, path=POST_TEXT, seconds=slow))
        async with h.load.steady(rate):
            for _ in range(cycles):
                await (being_sent(h) if aimed else asyncio.sleep(random.uniform(0.05, 0.4)))
                await h.daemon.kill()
                await h.daemon.start()
            await asyncio.sleep(0.2)
            await h.load.ended.until(partial(_acknowledged, h, taken), timeout=LIMIT)
        return await verdict(h, kills=cycles)


async def being_sent(h: House) -> None:
    """Until WeChat has been asked to send one more, and is slow to answer."""
    before = len(h.gewe.ledger.of(POST_TEXT))
    await h.gewe.ledger.wait_for(POST_TEXT, before + 1, timeout=LIMIT)


async def restarts(
    folder: Path, *, planned: int, crashes: int, seed: int = 1, bug: str = "", rate: float = 50
) -> Verdict:
    """P4: under a steady load behind the held socket, SIGTERM loses nothing, SIGKILL what was inside at most."""
    random, broken = Random(seed), []
    async with house(folder, bug=bug) as h:
        order = [signal.SIGTERM] * planned + [signal.SIGKILL] * crashes
        random.shuffle(order)
        async with h.load.steady(rate):
            for number in order:
                await asyncio.sleep(random.uniform(0.3, 0.8))
                before, inside = h.load.failed, h.load.in_flight if number is signal.SIGKILL else 0
                h.daemon.signal(number)
                await h.daemon.ended()
                await h.daemon.start()
                await asyncio.sleep(0.1)  # for the connections that were cut
                if h.load.failed - before > inside:
                    broken.append(Violation(Rule.REQUEST_LOST, f"{number.name}: {h.load.outcomes}, inside: {inside}"))
        return await verdict(h, broken, planned=planned, crashes=crashes)


async def duplicates(
    folder: Path, *, callbacks: int, copies: int = 5, kills: int = 3, seed: int = 1, bug: str = ""
) -> Verdict:
    """P24: each callback so often, shuffled, until each copy was acknowledged, over kills and a planned restart."""
    random = Random(seed)
    async with house(folder, bug=bug, accounts=ACCOUNTS, people=callbacks // ACCOUNTS) as h:
        once = [h.load.callback(person) for person in list(h.load.people)[:callbacks]]
        left = once * copies
        random.shuffle(left)
        due = [len(left) * (number + 1) // (kills + 2) for number in range(kills + 1)]

        async def interrupt() -> None:
            for index, threshold in enumerate(due):
                await h.load.ended.until(partial(_acknowledged, h, threshold), timeout=10 * LIMIT)
                if index == kills // 2:
                    await h.daemon.again()
                else:
                    await h.daemon.kill()
                    await h.daemon.start()

        async with asyncio.TaskGroup() as group:
            group.create_task(interrupt())
            await _deliver(h, left)
        return await verdict(h, deliveries=h.load.outcomes["ok"], distinct=len(once), kills=kills)


def _acknowledged(h: House, number: int) -> bool:
    return h.load.outcomes["ok"] >= number


async def _deliver(h: House, left: list[Callback]) -> None:
    """Each until it is acknowledged, some at once, and not so many a second that they would only be kept."""
    due = time.monotonic()

    async def one_after_another() -> None:
        nonlocal due
        while left:
            due = max(due + 1 / DELIVERIES, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            if not left:
                return
            callback = left.pop()
            if not await h.load.deliver(callback):
                left.insert(0, callback)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


async def pause(folder: Path, *, seconds: float, bug: str = "", waiting: int = 60) -> Verdict:
    """P17: the whole process stands still (SIGSTOP) while messages wait. Afterwards nobody makes up for it."""
    async with house(folder, bug=bug, per_minute=600, burst=3) as h:
        await h.load.write(waiting)
        await h.gewe.ledger.wait_for(POST_TEXT, 8, timeout=60)
        h.daemon.signal(signal.SIGSTOP)
        meanwhile = asyncio.create_task(h.load.write(5))
        await asyncio.sleep(seconds)
        h.daemon.signal(signal.SIGCONT)
        await meanwhile
        broken = [Violation(Rule.REQUEST_LOST, f"{h.load.outcomes}")] if h.load.failed else []
        return await verdict(h, broken, stopped_seconds=seconds)


async def stop_while_asked(folder: Path, *, bug: str = "", hurried: bool = False) -> Verdict:
    """A stop while FastGPT thinks: what it can wait for is finished, the rest interrupted; nothing is forgotten."""
    async with house(folder, bug=bug) as h:
        h.fastgpt.play(Script(delay_s=60.0 if hurried else 1.0))
        await h.load.write(3)
        await h.fastgpt.ledger.wait_for("*/chat/completions", 3, timeout=60)
        began = time.monotonic()
        h.daemon.signal(signal.SIGTERM)
        await h.daemon.until("STOPPING=1")
        if hurried:
            h.daemon.signal(signal.SIGTERM)
        code = await h.daemon.ended()
        took = time.monotonic() - began
        broken = [] if code == 0 else [Violation(Rule.UNTOLD, f"exit code {code}")]
        after = check(await h.history())
        broken += [v for v in after if v.rule is Rule.FORGOTTEN]
        h.fastgpt.play(Script())
        await h.daemon.start()
        return await verdict(h, broken, stopped_after_seconds=round(took, 2))


async def verdict(h: House, broken: list[Violation] | None = None, **figures: Any) -> Verdict:
    """The checker's word on the whole run, and what it was about."""
    found = (broken or []) + await h.judged()
    history = await h.history()
    states: dict[str, int] = {}
    for send in history.sends:
        states[send.state] = states.get(send.state, 0) + 1
    counted = {
        "acknowledged": len(history.acked),
        "unacknowledged": h.load.failed,
        "stored": len(history.messages),
        "asked": len(history.asked),
        "received": len(history.received),
        "answers_lost": sum(1 for receipt in history.received if receipt.lost),
        "sends": states,
        "dead_jobs": sum(1 for job in history.jobs if job.state == "dead"),
        "outcomes": dict(h.load.outcomes),
        "slowest_answer": round(h.load.slowest, 3),
        "slowest_start": round(max(h.daemon.starts), 3),
        "violations": len(found),
    }
    return Verdict(found, figures | counted)
