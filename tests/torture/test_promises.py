"""The promises about kills, restarts, duplicates, pauses and stops, against real processes; docs/faults.md lists them.

Short with the suite, at length with `make torture`; `python -m tests.torture.run` does one at any length.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.jumps import jumps, library
from tests.torture.scenarios import Verdict, duplicates, kills, pause, restarts, stop_while_asked
from tests.torture.size import LONG, size
from tests.torture.starts import orphans, watchdog_while_refusing, watchdog_while_stuck

pytestmark = [pytest.mark.torture, pytest.mark.timeout(7200 if LONG else 180)]

Kept = Callable[[Verdict], None]

PATIENCE = 3.0  # seconds GeWe waits for an answer


@pytest.fixture
def kept(record_property: Callable[[str, object], None]) -> Kept:
    """Asserts that the promises were kept, and has the figures told at the end."""

    def assert_kept(verdict: Verdict) -> None:
        record_property("figures", verdict.figures)
        assert verdict.broken == [], verdict.figures

    return assert_kept


async def test_killed_at_random_moments_it_loses_nothing_and_sends_nothing_twice(tmp_path: Path, kept: Kept) -> None:
    verdict = await kills(tmp_path, cycles=size(8, 1000))
    kept(verdict)
    assert verdict.figures["answers_lost"] > 0
    assert verdict.figures["sends"]["unknown"] >= verdict.figures["answers_lost"]


async def test_a_planned_restart_loses_no_request_and_a_crash_only_those_inside(tmp_path: Path, kept: Kept) -> None:
    verdict = await restarts(tmp_path, planned=size(3, 20), crashes=size(2, 20))
    kept(verdict)
    if LONG:  # on a machine that does other work beside, it is reported only
        assert verdict.figures["slowest_answer"] < PATIENCE


async def test_a_start_takes_up_at_once_what_was_begun_and_fences_off_who_had_begun_it(
    tmp_path: Path, kept: Kept
) -> None:
    kept(await orphans(tmp_path, waiting=size(20_000, 100_000)))


async def test_a_callback_that_comes_five_times_is_one_message_and_one_answer(tmp_path: Path, kept: Kept) -> None:
    number = size(400, 10_000)
    verdict = await duplicates(tmp_path, callbacks=number, kills=size(2, 6))
    kept(verdict)
    assert (verdict.figures["deliveries"], verdict.figures["stored"]) == (5 * number, number)
    assert sum(verdict.figures["sends"].values()) == number


async def test_a_process_that_stood_still_does_not_make_up_for_it(tmp_path: Path, kept: Kept) -> None:
    kept(await pause(tmp_path, seconds=size(3, 5)))


async def test_a_clock_that_is_set_stops_nothing_and_hurries_nothing(tmp_path: Path, kept: Kept) -> None:
    preload = library()
    if preload is None:
        pytest.skip("libfaketime is not installed (Debian: apt install faketime)")
    kept(await jumps(tmp_path, preload))


async def test_a_stop_while_the_assistant_thinks_waits_for_its_answer(tmp_path: Path, kept: Kept) -> None:
    verdict = await stop_while_asked(tmp_path)
    kept(verdict)
    assert verdict.figures["asked"] == 3  # none was asked again


async def test_a_second_signal_ends_a_stop_at_once_and_the_question_is_asked_again(tmp_path: Path, kept: Kept) -> None:
    verdict = await stop_while_asked(tmp_path, hurried=True)
    kept(verdict)
    assert verdict.figures["asked"] == 6
    assert verdict.figures["stopped_after_seconds"] < 20  # of the 25 that it would have waited


async def test_a_store_that_refuses_is_an_answer_to_the_watchdog_and_its_callbacks_are_spooled(
    tmp_path: Path, kept: Kept
) -> None:
    verdict = await watchdog_while_refusing(tmp_path)
    kept(verdict)
    assert verdict.figures["spooled"] > 0


async def test_a_store_that_answers_nobody_leaves_the_watchdog_unfed(tmp_path: Path, kept: Kept) -> None:
    verdict = await watchdog_while_stuck(tmp_path)
    kept(verdict)
    assert verdict.figures["withheld"] > 0
