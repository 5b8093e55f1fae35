"""Accounts of which nothing is heard: GeWe is asked, and a message to ourselves shows what GeWe does not know."""

from datetime import timedelta
from pathlib import Path

from daemon.domain.account import AccountState
from daemon.engine.account_states import CHECKED, Event
from daemon.sim.gewe_accounts import State
from tests.engine.phone import Phone, phone


async def canaries(here: Phone) -> int:
    return await here.db.read(lambda tx: tx.value("SELECT count(*) FROM sends WHERE origin = 'canary'"))


async def test_who_was_heard_of_lately_is_not_asked_about(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        here.clock.advance(599)
        await here.watch.look()
        assert here.gewe.ledger.of("*/checkOnline") == []


async def test_a_silent_account_that_dropped_unsaid_is_found_offline(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        here.device.state = State.OFFLINE
        here.clock.advance(600)
        await here.watch.look()
        assert (here.account.state, here.account.state_reason) == (AccountState.OFFLINE, CHECKED)
        assert here.account.online_since is not None


async def test_a_new_account_is_found_online_without_a_message(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.clock.advance(600)
        await here.watch.look()
        assert here.account.state is AccountState.ONLINE


async def test_six_silent_hours_bring_one_canary_and_a_message_puts_it_off(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        here.clock.advance(5 * 3600)
        await here.sees(Event.HEARD)
        here.clock.advance(6 * 3600 - 1)
        await here.watch.look()
        assert await canaries(here) == 0
        here.clock.advance(1)
        await here.watch.look()
        await here.watch.look()
        assert await canaries(here) == 1
        here.clock.advance(6 * 3600)
        await here.watch.look()
        assert await canaries(here) == 2


async def test_canaries_can_be_switched_off(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.watch.canary_after = timedelta()
        await here.sees(Event.HEARD)
        here.clock.advance(86_400)
        await here.watch.look()
        assert await canaries(here) == 0


async def test_a_suspended_account_and_one_without_a_device_are_left_alone(tmp_path: Path) -> None:
    async with phone(tmp_path, device=False) as here:
        here.clock.advance(86_400)
        await here.watch.look()
        assert here.gewe.ledger.of("*/checkOnline") == []
        await here.sees(Event.SUSPENDED)
        await here.watch.look()
        assert here.account.state is AccountState.SUSPENDED


async def test_gewe_that_does_not_answer_moves_nothing(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        here.device.token = "another"  # so that it is not known there
        here.clock.advance(600)
        await here.watch.look()
        assert here.account.state is AccountState.ONLINE


async def test_an_account_that_is_known_to_be_offline_gets_no_canary(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.SEND_OFFLINE)
        here.clock.advance(86_400)
        await here.watch.look()
        assert await canaries(here) == 0
