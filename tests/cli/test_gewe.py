"""`qiaod gewe` against a daemon and a simulated GeWe: what a person at a terminal sees of a login."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from click.testing import CliRunner, Result

from daemon.cli.gewe import drawn
from daemon.cli.main import cli
from daemon.sim.gewe_accounts import State
from tests.flows.house import APP_ID, House, house

FAST = ("--every", "0.01")


async def qiaod(here: House, *args: str, typed: str = "", **environ: str) -> Result:
    """In a thread, as the daemon needs this one."""
    state = str(here.settings.unix_socket.parent)
    ours = {name: None for name in os.environ if name.startswith(("QIAOD_", "XDG_", "LC_", "LANG"))}
    env = {**ours, "HOME": state, "QIAOD_DAEMON_STATE_DIR": state, **environ}
    return await asyncio.to_thread(CliRunner().invoke, cli, list(args), env=env, input=typed, prog_name="qiaod")


async def meanwhile(here: House, login: Awaitable[Result], act: Callable[[], None], *, polls: int = 1) -> Result:
    """Somebody acts once the login has been asked about so often."""
    task = asyncio.ensure_future(login)
    await here.gewe.ledger.wait_for("*/checkLogin", polls, timeout=10)
    act()
    return await task


async def test_a_login_shows_the_code_and_follows_it_to_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        device = here.gewe.accounts.get(APP_ID)
        device.state = State.OFFLINE
        login = qiaod(here, "gewe", "login", "Shop", "--region", "320000", *FAST)
        done = await meanwhile(here, login, lambda: here.gewe.accounts.confirm(APP_ID), polls=2)
        assert done.exit_code == 0, done.output
        assert drawn(f"http://weixin.qq.com/x/{device.uuid}") in done.stdout
        assert "Scan this with WeChat on the phone of Shop" in done.stderr
        assert "Shop is logged in (wxid_bot000000000001)." in done.stdout


async def test_a_login_speaks_chinese_to_a_chinese_terminal(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.gewe.accounts.get(APP_ID).state = State.OFFLINE
        login = qiaod(here, "gewe", "login", APP_ID, "--region", "320000", *FAST, LANG="zh_CN.UTF-8")
        done = await meanwhile(here, login, lambda: here.gewe.accounts.cancel(APP_ID))
        assert done.exit_code == 75
        assert "请用“Shop”的手机微信扫描二维码" in done.stderr
        assert "手机上取消了“Shop”的登录" in done.stderr


async def test_a_security_code_is_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        device = here.gewe.accounts.get(APP_ID)
        device.state, device.needs_code = State.OFFLINE, True
        login = qiaod(here, "gewe", "login", "Shop", "--region", "320000", *FAST, typed="123456\n")
        done = await meanwhile(here, login, lambda: here.gewe.accounts.confirm(APP_ID), polls=2)
        assert done.exit_code == 0, done.output
        assert here.gewe.ledger.of("*/checkLogin")[1].body["captchCode"] == "123456"
        assert "security code" in done.stderr


async def test_a_program_gets_a_line_of_json_for_each_step(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.gewe.accounts.get(APP_ID).state = State.OFFLINE
        login = qiaod(here, "gewe", "login", here.account_id, "--region", "320000", "--json", *FAST)
        done = await meanwhile(here, login, lambda: here.gewe.accounts.confirm(APP_ID))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines[0]["qr_content"].startswith("http")
        assert lines[-1]["step"] == "done"
        assert lines[-1]["account"]["state"] == "online"


async def test_accounts_are_listed_and_logged_out_and_reconnected(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        listed = await qiaod(here, "gewe", "accounts")
        assert "Shop" in listed.stdout
        out = await qiaod(here, "gewe", "logout", "Shop", "--yes")
        assert out.stdout == "Shop is logged_out.\n"
        here.gewe.accounts.get(APP_ID).reconnectable = True
        back = await qiaod(here, "gewe", "reconnect", "Shop", "--json")
        assert json.loads(back.stdout)["state"] == "online"


async def test_the_webhook_is_set_and_its_address_alone_on_stdout(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        done = await qiaod(here, "gewe", "webhook", "Shop", "--url", here.bridge.url)
        assert done.stdout.strip() == here.gewe.callbacks.url(here.gewe.token)
        told = await qiaod(here, "gewe", "webhook", "Shop")
        assert told.exit_code != 0
        assert "public_url" in told.stderr


async def test_a_name_that_is_no_accounts_says_which_there_are(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        wrong = await qiaod(here, "gewe", "login", "Shopp")
        assert wrong.exit_code == 66
        assert "Shop" in wrong.stderr


def test_the_help_teaches_the_first_day() -> None:
    shown = CliRunner().invoke(cli, ["gewe", "--help"]).output
    assert "qiaod gewe login Shop --region 320000" in shown
