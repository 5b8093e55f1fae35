"""A login by a person: a code is shown, scanned and confirmed, and all of it is kept."""

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.account import AccountState
from daemon.domain.login import LoginMethod, LoginStep
from daemon.engine.account_states import LOGIN_BEGUN, SEND_FAILED, Event
from daemon.engine.accounts import Accounts
from daemon.engine.logins import Logins
from daemon.errors import Conflict, Invalid
from daemon.secret import Secret
from daemon.sim.gewe_accounts import State
from daemon.store import secrets
from tests.engine.phone import ANN, REGION, phone


async def test_the_first_login_brings_the_device_and_the_wxid(tmp_path: Path) -> None:
    async with phone(tmp_path, device=False) as here:
        assert (here.account.has_device, here.account.may_send) == (False, False)
        begun = await here.begins()
        assert (begun.account.app_id, begun.account.state) == (begun.code.app_id, AccountState.QR_PENDING)
        assert begun.code.content.startswith("http://weixin.qq.com/x/")
        here.gewe.accounts.scan(begun.code.app_id)
        check, _ = await here.logins.check(here.account_id, code=None, by=ANN)
        assert check.step is LoginStep.SCANNED
        here.gewe.accounts.confirm(begun.code.app_id, wxid="wxid_new0000000001")
        check, account = await here.logins.check(here.account_id, code=None, by=ANN)

        assert (check.step, account.state, account.wxid) == (LoginStep.DONE, AccountState.ONLINE, "wxid_new0000000001")
        assert account.online_since == here.clock.now()
        said = [(entry.action, entry.actor) for entry in await here.audited()]
        assert said == [("account.added", "system"), ("login.started", "key:ann"), ("login.done", "key:ann")]


async def test_every_later_login_names_the_same_device_and_the_first_one_counts(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        first = here.account.online_since
        here.device.state = State.OFFLINE
        here.clock.advance(3600)
        begun = await here.begins()
        here.gewe.accounts.confirm(begun.code.app_id)
        await here.logins.check(here.account_id, code=None, by=ANN)

        asked = here.gewe.ledger.of("*/getLoginQrCode")
        assert [entry.body["appId"] for entry in asked] == [here.account.app_id]
        assert first is not None
        assert here.account.online_since == first


async def test_a_login_under_way_survives_a_restart(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        begun = await here.begins()
        here.gewe.accounts.confirm(begun.code.app_id)
        reborn = Accounts(here.db, here.accounts.vault, here.accounts.default_policy)
        await reborn.load()
        check, account = await Logins(here.db, reborn, here.logins.devices).check(here.account_id, code=None, by=ANN)
        assert (check.step, account.state) == (LoginStep.DONE, AccountState.ONLINE)


async def test_a_code_that_nobody_scans_expires_and_is_given_up(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        await here.begins()
        here.clock.advance(121)
        check, account = await here.logins.check(here.account_id, code=None, by=ANN)
        assert (check.step, account.state) == (LoginStep.EXPIRED, AccountState.QR_PENDING)
        assert (await here.audited())[-1].detail == {"method": "qr", "step": "expired"}
        with pytest.raises(Conflict) as refused:
            await here.logins.check(here.account_id, code=None, by=ANN)
        assert refused.value.code == "account.no_login"


async def test_a_security_code_is_asked_for_and_passed_on(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state, here.device.needs_code = State.OFFLINE, True
        await here.begins()
        check, _ = await here.logins.check(here.account_id, code=None, by=ANN)
        assert check.step is LoginStep.CODE_NEEDED
        check, _ = await here.logins.check(here.account_id, code="123456", by=ANN)
        assert check.step is LoginStep.WAITING


async def test_where_the_phone_is_and_its_proxy_are_remembered_and_no_audit_line_has_the_proxy(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        proxy = Secret("socks5://user:password@192.0.2.1:1080")
        await here.logins.begin(here.account_id, method=LoginMethod.QR, region=REGION, proxy=proxy, by=ANN)
        await here.logins.begin(here.account_id, method=LoginMethod.QR, region=None, proxy=None, by=ANN)
        second = (await here.audited())[-1]
        assert second.detail["region"] == REGION
        assert second.detail["proxy"] is True
        assert "password" not in str([entry.detail for entry in await here.audited()])


async def test_the_hosted_product_wants_a_region_at_the_first_login(tmp_path: Path) -> None:
    async with phone(tmp_path, device=False) as here:
        with pytest.raises(Invalid):
            await here.logins.begin(here.account_id, method=LoginMethod.QR, region=None, proxy=None, by=ANN)
        assert here.account.state is AccountState.NEW


async def test_a_push_needs_a_device(tmp_path: Path) -> None:
    async with phone(tmp_path, device=False) as here:
        with pytest.raises(Conflict) as refused:
            await here.begins(LoginMethod.PUSH)
        assert refused.value.code == "account.no_device"


async def test_logging_out_stops_sending_and_no_alert_is_raised(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        await here.sees(Event.HEARD)
        account = await here.logins.logout(here.account_id, by=ANN)
        assert (account.state, account.may_send) == (AccountState.LOGGED_OUT, False)
        assert here.device.state is State.OFFLINE
        assert await here.alerts() == []
        assert (await here.audited())[-1].action == "account.logged_out"


async def test_a_reconnection_takes_up_the_old_login(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        await here.sees(Event.SAID_OFFLINE, "Offline")
        account = await here.logins.reconnect(here.account_id, by=ANN)
        assert account.state is AccountState.ONLINE
        assert here.device.online


async def test_reconnecting_what_gewe_wrongly_takes_for_online_says_what_helps(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.false_online = True
        await here.sees(Event.SEND_OFFLINE)
        with pytest.raises(Conflict) as refused:
            await here.logins.reconnect(here.account_id, by=ANN)
        assert refused.value.code == "account.false_online"
        assert (here.account.state, here.account.state_reason) == (AccountState.OFFLINE, SEND_FAILED)


async def test_asking_gewe_changes_nothing(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.false_online = True
        await here.sees(Event.SEND_OFFLINE)
        online, account = await here.logins.online(here.account_id)
        assert (online, account.state) == (True, AccountState.OFFLINE)


async def test_a_message_that_comes_during_a_login_ends_it(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        await here.begins()
        assert here.account.state_reason == LOGIN_BEGUN
        await here.sees(Event.HEARD)
        assert here.account.state is AccountState.ONLINE
        assert here.clock.now() - here.accounts.silent_since(here.account) == timedelta()


async def test_a_proxys_password_is_sealed_anew_with_the_other_secrets(tmp_path: Path) -> None:
    async with phone(tmp_path) as here:
        here.device.state = State.OFFLINE
        proxy = Secret("socks5://user:password@192.0.2.1:1080")
        await here.logins.begin(here.account_id, method=LoginMethod.QR, region=REGION, proxy=proxy, by=ANN)
        sealed = await here.db.read(lambda tx: tx.value("SELECT proxy FROM logins"))
        assert b"password" not in sealed
        assert await here.db.read(lambda tx: sum(map(len, secrets.wanted(tx).values()))) == 2
