import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.account import Account, Product
from daemon.domain.login import LoginCheck, LoginCode, LoginStep, Profile
from daemon.domain.message import AppId, Wxid
from daemon.errors import (
    AccountOffline,
    Invalid,
    QiaodError,
    RemoteError,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.client import Gewe
from daemon.sim.gewe import TOKEN as SIM_TOKEN
from daemon.sim.gewe import GeweSetup, gewe_simulator
from daemon.sim.gewe_accounts import State
from tests.clock import FakeClock
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import Answering, done, failed
from tests.net.gewe.samples import APP, BOT
from tests.net.loopback import free_port, loopback
from tests.sim.wires import APP as SIM_APP
from tests.sim.wires import BOT as SIM_BOT
from tests.sim.wires import receiving

NEW = AppId("new:018f0000-0000-7000-8000-000000000001")
CODE = {
    "appId": APP,
    "uuid": "AZ0y",
    "qrData": "http://weixin.qq.com/x/AZ0y",
    "qrImgBase64": "data:image/jpg;base64,/9",
}


def of_sim(url: str, app_id: str = SIM_APP, product: Product = Product.HOSTED) -> Account:
    return evolve(account(url, product, SIM_TOKEN), app_id=AppId(app_id))


async def code_for(gewe: Gewe, of: Account) -> LoginCode:
    region = "320000" if of.product is Product.HOSTED else None
    return await gewe.devices.login_code(of, region=region, proxy=None)


@pytest.mark.parametrize("product", Product)
async def test_login_code_makes_a_device_once_and_names_it_at_every_later_login(gewe: Gewe, product: Product) -> None:
    async with gewe_simulator(GeweSetup(accounts={})) as sim:
        first = await code_for(gewe, of_sim(sim.url, NEW, product))
        again = await code_for(gewe, of_sim(sim.url, first.app_id, product))

        assert len(sim.accounts.of(SIM_TOKEN)) == 1

    assert first.app_id == again.app_id
    assert first.app_id.startswith("wx_")
    assert first.uuid != again.uuid
    assert first.content == f"http://weixin.qq.com/x/{first.uuid}"
    assert first.image.startswith("data:image/jpg;base64,")


async def test_login_code_of_a_new_device_says_an_empty_app_id(gewe: Gewe) -> None:
    server = done(CODE)
    async with loopback(server) as here:
        code = await code_for(gewe, evolve(account(here.url), app_id=NEW))

    assert server.fields["appId"] == ""
    assert code.app_id == APP


@pytest.mark.parametrize("region", [None, "", "32", "999999"])
async def test_login_code_of_the_hosted_product_needs_a_province(gewe: Gewe, region: str | None) -> None:
    hosted = account(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Invalid) as caught:
        await gewe.devices.login_code(hosted, region=region, proxy=None)
    with pytest.raises(Invalid):
        await gewe.devices.push_login(hosted, region=region, proxy=None)

    assert (caught.value.code, caught.value.problems[0].field) == ("gewe.unknown_region", "region")


async def test_push_login_needs_a_device_to_be_told_of(gewe: Gewe) -> None:
    bare = evolve(account(f"http://127.0.0.1:{free_port()}"), app_id=NEW)
    with pytest.raises(AccountOffline) as caught:
        await gewe.devices.push_login(bare, region="320000", proxy=None)

    assert caught.value.code == "gewe.no_device"


async def test_push_login_gives_no_code_to_be_scanned(gewe: Gewe) -> None:
    async with loopback(done({"appId": APP, "uuid": "AZ0y"})) as here:
        code = await gewe.devices.push_login(account(here.url), region="320000", proxy=None)

    assert code == LoginCode(app_id=AppId(APP), uuid="AZ0y", content="")


REFUSED: list[tuple[Answering, type[QiaodError], str]] = [
    (failed("获取二维码失败", "微信已登录，请勿重复登录。"), RemoteRefused, "gewe.already_logged_in"),
    (failed("获取二维码失败", f"[{APP}]设备不存在"), RemoteRefused, "gewe.unknown_device"),
    (failed("获取二维码失败", "已达到最大客户端数量操作"), RemoteRefused, "gewe.device_limit"),
    (failed("创建设备失败", "unexpected EOF"), RemoteUnavailable, "gewe.wechat_unreachable"),
    (failed("创建设备失败", "exceeded maximum retries"), RemoteUnavailable, "gewe.wechat_unreachable"),
    (
        failed("创建设备失败", "invalid character '<' looking for beginning of value"),
        RemoteUnavailable,
        "gewe.wechat_unreachable",
    ),
    (failed("x", 'Post "http://short.weixin.qq.com/mmtls/0": EOF'), RemoteUnavailable, "gewe.wechat_unreachable"),
    (done({"appId": APP}), RemoteNonsense, "gewe.nonsense"),
    (done(None), RemoteNonsense, "gewe.nonsense"),
]


@pytest.mark.parametrize(("server", "kind", "code"), REFUSED)
async def test_login_code_that_is_refused_says_why(
    gewe: Gewe, server: Answering, kind: type[RemoteError], code: str
) -> None:
    async with loopback(server) as here:
        with pytest.raises(RemoteError) as caught:
            await code_for(gewe, account(here.url))

    assert (type(caught.value), caught.value.code) == (kind, code)


async def test_login_code_does_not_repeat_the_proxys_password(gewe: Gewe) -> None:
    proxy = "socks5://qiao:hunter2-hunter2@10.0.0.1:1080"
    async with loopback(failed("创建设备失败", f"dial {proxy}: hunter2-hunter2 refused")) as here:
        with pytest.raises(RemoteError) as caught:
            await gewe.devices.login_code(account(here.url), region="320000", proxy=proxy)

    assert "hunter2" not in f"{caught.value} {caught.value.facts}"
    assert "refused" in caught.value.detail


async def test_check_login_follows_the_person_step_by_step(gewe: Gewe) -> None:
    clock = FakeClock()
    async with gewe_simulator(GeweSetup(accounts={}), clock=clock) as sim:
        code = await code_for(gewe, of_sim(sim.url, NEW))
        here = of_sim(sim.url, code.app_id)
        waiting = await gewe.devices.check_login(here, code.uuid, code=None)
        sim.accounts.scan(code.app_id)
        scanned = await gewe.devices.check_login(here, code.uuid, code=None)
        sim.accounts.confirm(code.app_id, wxid=SIM_BOT, nick_name="Bridge")
        done = await gewe.devices.check_login(here, code.uuid, code=None)
        online = await gewe.devices.check_online(here)

    assert [waiting.step, scanned.step, done.step] == [LoginStep.WAITING, LoginStep.SCANNED, LoginStep.DONE]
    assert (waiting.wxid, scanned.wxid, done.wxid) == (None, None, SIM_BOT)
    assert done.nickname == "Bridge"
    assert waiting.expires_in == timedelta(seconds=225)
    assert online is True


async def test_check_login_tells_cancelled_expired_and_a_code_that_is_needed(gewe: Gewe) -> None:
    clock = FakeClock()
    async with gewe_simulator(GeweSetup(accounts={}), clock=clock) as sim:
        code = await code_for(gewe, of_sim(sim.url, NEW))
        here = of_sim(sim.url, code.app_id)
        sim.accounts.get(code.app_id).needs_code = True
        needed = await gewe.devices.check_login(here, code.uuid, code=None)
        given = await gewe.devices.check_login(here, code.uuid, code="482913")
        sim.accounts.cancel(code.app_id)
        cancelled = await gewe.devices.check_login(here, code.uuid, code="482913")
        code = await code_for(gewe, here)
        clock.advance(151)
        expired = await gewe.devices.check_login(here, code.uuid, code=None)

    assert [check.step for check in (needed, given, cancelled, expired)] == [
        LoginStep.CODE_NEEDED,
        LoginStep.WAITING,
        LoginStep.CANCELLED,
        LoginStep.EXPIRED,
    ]


LOGIN_INFO = {"uin": 4077276085, "wxid": BOT, "nickName": "Bridge", "mobile": "17100000000", "alias": None}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"status": 0, "expiredTime": 0, "nickName": None}, LoginCheck(step=LoginStep.EXPIRED, expires_in=timedelta())),
        (
            {"status": "1", "expiredTime": "225", "nickName": "Lan", "url": "https://weixin.example/verify"},
            LoginCheck(
                step=LoginStep.SCANNED,
                nickname="Lan",
                expires_in=timedelta(seconds=225),
                verify_url="https://weixin.example/verify",
            ),
        ),
        (
            {"status": 2, "expiredTime": 0, "loginInfo": LOGIN_INFO},
            LoginCheck(step=LoginStep.DONE, nickname="Bridge", wxid=Wxid(BOT), expires_in=timedelta()),
        ),
        ({"status": 0, "expiredTime": 10**40}, LoginCheck(step=LoginStep.WAITING, expires_in=timedelta(days=1))),
    ],
)
async def test_check_login_reads_what_is_there(gewe: Gewe, data: dict[str, Any], expected: LoginCheck) -> None:
    async with loopback(done(data)) as here:
        assert await gewe.devices.check_login(account(here.url), "AZ0y", code=None) == expected


@pytest.mark.parametrize("data", [None, [], {}, {"status": 3}, {"status": None}, {"status": {}}, True])
async def test_check_login_does_not_guess(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.devices.check_login(account(here.url), "AZ0y", code=None)


async def test_check_online_believes_gewe_even_when_sends_fail(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        sim.accounts.get(SIM_APP).false_online = True
        assert await gewe.devices.check_online(of_sim(sim.url)) is True


async def test_reconnect_of_an_account_that_is_well_is_done(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        await gewe.devices.reconnect(of_sim(sim.url))
        sim.accounts.get(SIM_APP).state = State.OFFLINE
        await gewe.devices.reconnect(of_sim(sim.url))

        assert sim.accounts.get(SIM_APP).online


async def test_reconnect_after_a_logout_is_refused(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        await gewe.devices.logout(of_sim(sim.url))
        with pytest.raises(RemoteRefused):
            await gewe.devices.reconnect(of_sim(sim.url))

        assert await gewe.devices.check_online(of_sim(sim.url)) is False


async def test_logout_ends_the_session(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        await gewe.devices.logout(of_sim(sim.url))

        assert not sim.accounts.get(SIM_APP).online


@pytest.mark.parametrize("product", Product)
async def test_set_callback_is_probed_before_it_is_taken(gewe: Gewe, product: Product) -> None:
    async with gewe_simulator() as sim, receiving() as receiver:
        await gewe.devices.set_callback(of_sim(sim.url, product=product), receiver.url)

        assert "testMsg" in receiver.drained()[0]


async def test_set_callback_that_gewe_cannot_reach_is_refused_without_telling_its_secret(gewe: Gewe) -> None:
    url = f"http://127.0.0.1:{free_port()}/gewe/callback/s3cr3t-of-the-url"
    async with gewe_simulator() as sim:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.devices.set_callback(of_sim(sim.url), url)

    assert caught.value.code == "gewe.callback_unreachable"
    assert "s3cr3t" not in f"{caught.value} {caught.value.facts}"


async def test_set_callback_refused_without_a_word_is_a_wrong_token(gewe: Gewe) -> None:
    async with loopback(Answering(json.dumps({"ret": 500, "msg": None}).encode())) as here:
        with pytest.raises(RemoteUnauthorized):
            await gewe.devices.set_callback(account(here.url), "https://q.example/cb")


async def test_set_callback_can_be_done_before_the_account_has_a_device(gewe: Gewe) -> None:
    async with gewe_simulator(GeweSetup(accounts={})) as sim, receiving() as receiver:
        await gewe.devices.set_callback(of_sim(sim.url, NEW), receiver.url)


async def test_profile_says_who_is_logged_in(gewe: Gewe) -> None:
    told = {
        "alias": None,
        "wxid": BOT,
        "nickName": "Bridge",
        "mobile": "17100000000",
        "country": "CN",
        "province": "Jiangsu",
        "city": None,
        "bigHeadImgUrl": None,
        "smallHeadImgUrl": "https://wx.qlogo.cn/a/132",
    }
    async with loopback(done(told)) as here:
        profile = await gewe.devices.profile(account(here.url))

    assert profile == Profile(
        wxid=Wxid(BOT),
        nickname="Bridge",
        alias="",
        mobile="17100000000",
        region="CN Jiangsu",
        avatar_url="https://wx.qlogo.cn/a/132",
    )


async def test_profile_of_nobody_is_nonsense(gewe: Gewe) -> None:
    async with loopback(done({"wxid": None})) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.devices.profile(account(here.url))
