"""Each scenario turns red on the fault it is there for: `sabotage` builds it into the daemon."""

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import pytest

from tests.torture.history import Rule
from tests.torture.jumps import jumps, library
from tests.torture.sabotage import settle_without_fence
from tests.torture.scenarios import Verdict, duplicates, kills, pause, restarts, stop_while_asked
from tests.torture.size import size
from tests.torture.starts import orphans, watchdog_while_refusing, watchdog_while_stuck

pytestmark = [pytest.mark.torture, pytest.mark.timeout(180)]

Scenario = Callable[[Path], Coroutine[None, None, Verdict]]

SEEDED: dict[str, tuple[Scenario, Rule]] = {
    "ack before commit": (partial(kills, cycles=2, bug="ack_early"), Rule.ACKED_LOST),
    "resend on restart": (partial(kills, cycles=1, bug="resend", slow=0.4, rate=15, aimed=True), Rule.SENT_TWICE),
    "a lost answer is repeated": (partial(kills, cycles=0, bug="repeat_lost"), Rule.SENT_TWICE),
    "the latest goes first": (
        partial(kills, cycles=0, bug="last_first", slow=0.5, people=1, taken=30),
        Rule.REPLIES_DISORDERED,
    ),
    "dedupe forgotten": (partial(duplicates, callbacks=40, kills=0, bug="forget_dedupe"), Rule.STORED_TWICE),
    "a stop ends the listening": (partial(restarts, planned=2, crashes=0, bug="close_the_door"), Rule.REQUEST_LOST),
    "orphans wait for a timeout": (partial(orphans, waiting=10, bug="leave_orphans"), Rule.ORPHANS_LEFT),
    "no fence on settle": (partial(orphans, waiting=10, settle=settle_without_fence), Rule.STALE_OWNER),
    "tokens are saved up": (partial(pause, seconds=2, bug="save_up"), Rule.TOO_FAST),
    "interrupted counts as done": (
        partial(stop_while_asked, hurried=True, bug="drop_interrupted"),
        Rule.FORGOTTEN,
    ),
    "the spool forgets": (partial(watchdog_while_refusing, bug="forget_spool"), Rule.ACKED_LOST),
    "the watchdog is blind": (partial(watchdog_while_stuck, bug="stuck_store,blind_watchdog"), Rule.UNTOLD),
}

PRELOAD = library()
if PRELOAD is not None and size(0, 1):  # it waits for what never comes: a minute
    SEEDED["timers on the wall clock"] = (partial(jumps, preload=PRELOAD, bug="wall_timers"), Rule.WORK_LEFT)


@pytest.mark.parametrize("fault", SEEDED)
async def test_a_seeded_fault_is_found(fault: str, tmp_path: Path) -> None:
    scenario, rule = SEEDED[fault]
    verdict = await scenario(tmp_path)
    assert rule in verdict.rules, verdict.figures
