"""Somebody removes or replaces the database under the running daemon: nothing is acknowledged that is gone."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.living import Answer, Living, acknowledged, caller, kept, living, statuses, steadily

NOTICED = 1.0  # seconds: the promise
SLACK = 1.0  # of a machine that does something else meanwhile


def remove(database: Path) -> None:
    database.unlink()


def replace(database: Path) -> None:
    copy = database.with_name("copy")
    shutil.copy(database, copy)
    copy.replace(database)


def move_away(database: Path) -> None:
    database.rename(database.with_name("moved"))


async def after(daemon: Living, harm: Callable[[Path], None], *, seconds: float) -> tuple[list[Answer], float]:
    """The answers to callbacks that began after the harm was done, and when that was."""
    async with caller() as http:
        posting = asyncio.create_task(steadily(daemon, http, rate=100, seconds=seconds))
        await asyncio.sleep(0.3)
        harm(daemon.state / "qiaod.db")
        harmed = time.monotonic()
        answers = await posting
    assert any(answer.status == 200 for answer in answers if answer.began < harmed)
    return [answer for answer in answers if answer.began > harmed], harmed


async def ended(daemon: Living) -> tuple[int, float]:
    return await daemon.ended(), time.monotonic()


@pytest.mark.torture
@pytest.mark.parametrize("harm", [remove, replace, move_away], ids=lambda harm: harm.__name__)
async def test_it_is_noticed_within_a_second_and_nothing_more_is_acknowledged(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async with living(tmp_path / "s") as daemon:
        ending = asyncio.create_task(ended(daemon))
        answers, harmed = await after(daemon, harm, seconds=1)
        code, ended_at = await ending
        gone = ended_at - harmed
        print(f"{harm.__name__}: {dict(statuses(answers))} since, ended after {gone * 1000:.0f} ms")  # noqa: T201
        assert (code, gone < NOTICED + SLACK) == (75, True), gone
        assert set(statuses(answers)) <= {503, 0}, statuses(answers)  # 0: it has gone
        assert all(answer.retry_after for answer in answers if answer.status == 503)


@pytest.mark.torture
async def test_a_daemon_that_does_not_look_acknowledges_what_is_gone(tmp_path: Path) -> None:
    async with living(tmp_path / "s", bug="blind_guard") as daemon:
        answers, _ = await after(daemon, remove, seconds=1)
        assert acknowledged(answers)


@pytest.mark.torture
async def test_it_starts_again_on_the_file_that_was_put_in_the_place(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        async with caller() as http:
            before = acknowledged([await daemon.post(http)])
        replace(daemon.state / "qiaod.db")
        replaced = time.monotonic()
        assert await daemon.ended() == 75
        assert time.monotonic() - replaced < NOTICED + SLACK  # with nobody writing
        await daemon.start()
        async with caller() as http:
            answer = await daemon.post(http)
        assert answer.status == 200
        assert await daemon.stop() == 0
        assert answer.wechat_id in kept(daemon.state / "qiaod.db")
        assert len(before) == 1  # and may be gone: it was in the log beside the file that was copied
