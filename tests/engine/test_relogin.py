"""An account that went offline is logged in again: step by step, not too often, and with a person as the last step."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from daemon.domain.access import SYSTEM
from daemon.domain.account import AccountState
from daemon.domain.alert import Severity
from daemon.engine.account_states import CURING, LOGIN_BEGUN, NEEDS_QR, Event
from daemon.engine.jobs import Done, Snooze
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe_accounts import State
from tests.engine.phone import ANN, Phone, phone


async def logged_in(here: Phone) -> None:
    """As somebody did it here before: where the phone is, is known since then."""
    here.device.state = State.OFFLINE
    await here.begins()
    here.gewe.accounts.confirm(here.account.app_id)
    await here.logins.check(here.account_id, code=None, by=ANN)


async def falls(here: Phone, *, reconnectable: bool = False) -> None:
    """WeChat ends the session, and GeWe says so."""
    here.device.state, here.device.reconnectable = State.OFFLINE, reconnectable
    await here.sees(Event.SAID_OFFLINE, "Offline")


def asked(here: Phone, call: str) -> int:
    return len(here.gewe.ledger.of(f"*/login/{call}"))


async def test_a_login_that_wechat_still_knows_is_taken_up(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        await falls(here, reconnectable=True)
        assert isinstance(await here.works(), Done)
        assert (here.account.state, here.device.online) == (AccountState.ONLINE, True)
        assert (asked(here, "checkOnline"), asked(here, "reconnection"), asked(here, "dialogLogin")) == (1, 1, 0)
        last = (await here.audited())[-1]
        assert (last.action, last.actor) == ("account.reconnected", "system")


async def test_else_the_phone_is_asked_until_somebody_taps(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await logged_in(here)
        await falls(here, reconnectable=True)
        here.gewe.faults.add(Fault(kind=Kind.STATUS, path="*/reconnection", status=502))
        assert await here.works() == Snooze(timedelta(seconds=5), reason="account.login_begun")
        assert here.account.state_reason == LOGIN_BEGUN
        assert isinstance(await here.works(), Snooze)
        here.gewe.accounts.confirm(here.account.app_id)
        assert isinstance(await here.works(), Done)
        assert here.account.state is AccountState.ONLINE
        said = [entry.action for entry in await here.audited()]
        assert said[-2:] == ["login.started", "login.done"]


async def test_where_nobody_taps_a_person_is_called_for_and_the_alert_ends_when_it_is_online(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here)
        while here.account.state_reason != NEEDS_QR:
            assert isinstance(await here.works(), Snooze)
        alert, *others = await here.alerts()
        assert (alert.code, alert.severity, others) == (NEEDS_QR, Severity.CRITICAL, [])
        assert (alert.account_id, alert.facts["name"]) == (here.account_id, "Shop")
        assert here.account.state is AccountState.QR_PENDING
        await here.begins()
        here.gewe.accounts.confirm(here.account.app_id)
        await here.logins.check(here.account_id, code=None, by=ANN)
        assert await here.alerts() == []


async def test_five_rounds_are_tried_ten_minutes_apart_at_least_and_then_only_the_alert_stays(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here)
        began, rounds = [], 0
        while not isinstance(await here.works(), Done):
            if asked(here, "reconnection") > rounds:
                rounds += 1
                began.append(here.clock.now())
        gaps = [later - earlier for earlier, later in pairwise(began)]
        assert len(began) == 5
        assert all(gap >= timedelta(minutes=10) * 2**n for n, gap in enumerate(gaps))
        assert len(await here.alerts()) == 1
        assert await here.works() is None


async def test_an_account_that_comes_and_goes_is_not_logged_in_more_often(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here, reconnectable=True)
        await here.works()
        first = here.clock.now()
        await falls(here, reconnectable=True)
        while here.account.state is not AccountState.ONLINE:
            await here.works()
        assert asked(here, "reconnection") == 2
        assert here.clock.now() - first >= timedelta(minutes=10)


async def test_an_account_that_gewe_wrongly_takes_for_online_is_logged_out_and_in_again(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await logged_in(here)
        here.device.false_online = True
        await here.sees(Event.SEND_OFFLINE)
        assert isinstance(await here.works(), Snooze)
        assert (asked(here, "logout"), asked(here, "reconnection"), asked(here, "dialogLogin")) == (1, 0, 1)
        why = [entry.detail for entry in await here.audited() if entry.action == "account.logged_out"]
        assert why == [{"why": CURING}]
        await here.sees(Event.SAID_LOGGED_OUT, "LOGOUT")
        assert here.account.state is AccountState.QR_PENDING


async def test_where_nothing_but_gewe_contradicts_itself_a_message_to_ourselves_decides(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.SAID_OFFLINE, "Offline")
        assert isinstance(await here.works(), Snooze)
        sends = await here.db.read(lambda tx: tx.all("SELECT peer, origin FROM sends"))
        assert [tuple(row) for row in sends] == [("filehelper", "canary")]
        await here.sees(Event.SEND_OFFLINE)
        await here.works()
        assert asked(here, "logout") == 1


async def test_a_persons_own_login_is_left_alone(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here)
        await here.begins(by=ANN)
        result = await here.works()
        assert isinstance(result, Snooze)
        assert result.reason == "account.login_begun"
        assert (asked(here, "reconnection"), asked(here, "dialogLogin")) == (0, 0)


async def test_while_gewe_itself_does_not_answer_no_round_is_used_up(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here, reconnectable=True)
        number = here.gewe.faults.add(Fault(kind=Kind.STATUS, path="*/checkOnline", status=502))
        assert await here.works() == Snooze(timedelta(minutes=1), reason="remote.gateway")
        assert await here.db.read(lambda tx: tx.value("SELECT count(*) FROM relogins")) == 0
        here.gewe.faults.remove(number)
        assert isinstance(await here.works(), Done)


async def test_a_device_that_gewe_does_not_know_needs_a_person_at_once(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here)
        here.device.token = "another"
        await here.works()
        assert here.account.state_reason == NEEDS_QR


async def test_an_account_that_wants_no_repair_gets_an_alert_at_once(tmp_path: Path) -> None:
    async with phone(tmp_path, relogin=False) as here:
        await falls(here)
        assert await here.works() is None
        assert [alert.code for alert in await here.alerts()] == [NEEDS_QR]
        assert here.account.state is AccountState.OFFLINE


async def test_a_logout_by_somebody_else_calls_for_a_person(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        await here.sees(Event.SAID_LOGGED_OUT, "LOGOUT")
        assert await here.works() is None
        assert [alert.code for alert in await here.alerts()] == [NEEDS_QR]


async def test_an_operators_logout_ends_the_repair(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await falls(here)
        await here.logins.logout(here.account_id, by=ANN)
        assert isinstance(await here.works(), Done)
        assert (here.account.state, asked(here, "reconnection")) == (AccountState.LOGGED_OUT, 0)
        assert SYSTEM.id not in {entry.actor for entry in (await here.audited())[1:]}
