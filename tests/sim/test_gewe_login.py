from typing import Any

import pytest

from daemon.errors import Invalid
from daemon.sim.gewe import HEADER, TOKEN, GeweSetup
from daemon.sim.gewe_callbacks import Knobs
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, BOT, Raw, asking, gewe, receiving

HOSTED_QR = {"type": "ipad", "regionId": "320000"}
BARE = GeweSetup(accounts={})


async def login(raw: Raw, app_id: str = "") -> dict[str, Any]:
    _, document = await raw.post("/login/getLoginQrCode", {"appId": app_id, **HOSTED_QR})
    return dict(document["data"])


@pytest.mark.parametrize("prefix", ["/gewe/v2/api", "/v2/api"])
async def test_every_path_is_under_both_prefixes_and_wants_post(prefix: str) -> None:
    async with gewe() as (sim, _), asking(sim.url, {HEADER: TOKEN}) as raw:
        assert await raw.post(f"{prefix}/login/checkOnline", {"appId": APP}) == (
            200,
            {"ret": 200, "msg": "操作成功", "data": True},
        )
        assert await raw.status("GET", f"{prefix}/login/checkOnline") == 405
        assert (await raw.bytes(f"{prefix}/login/nothing", {}))[0] == 404


async def test_a_missing_and_an_unknown_token_have_their_texts() -> None:
    async with gewe() as (sim, raw), asking(sim.base_url) as nobody:
        _, missing = await nobody.post("/login/checkOnline", {"appId": APP})
        _, unknown = await raw.post("/login/checkOnline", {"appId": APP}, **{HEADER: "abc"})

    assert missing == {"ret": 500, "msg": "header:X-GEWE-TOKEN 不可为空"}
    assert unknown == {"ret": 500, "msg": "HTTP HEADER: X-GEWE-TOKEN=abc 不可用或已过期"}


async def test_the_token_is_asked_for_without_one_and_stays_the_same() -> None:
    async with gewe() as (sim, _), asking(sim.url) as nobody:
        answers = [await nobody.post("/v2/api/tools/getTokenId", {}) for _ in range(2)]

    assert answers == [(200, {"ret": 200, "msg": "执行成功", "data": TOKEN})] * 2


async def test_a_login_goes_from_code_to_scan_to_online() -> None:
    async with gewe(BARE) as (sim, raw):
        qr = await login(raw)
        check = {"appId": qr["appId"], "uuid": qr["uuid"]}
        seen = [(await raw.post("/login/checkLogin", check))[1]["data"]]
        sim.accounts.scan(qr["appId"])
        seen.append((await raw.post("/login/checkLogin", check))[1]["data"])
        sim.accounts.confirm(qr["appId"], wxid=BOT, nick_name="小桥")
        seen.append((await raw.post("/login/checkLogin", check))[1]["data"])

        assert qr["appId"].startswith("wx_")
        assert qr["qrData"] == f"http://weixin.qq.com/x/{qr['uuid']}"
        assert qr["qrImgBase64"].startswith("data:image/jpg;base64,")
        assert [data["status"] for data in seen] == [0, 1, 2]
        assert [data["loginInfo"] for data in seen[:2]] == [None, None]
        assert (seen[2]["loginInfo"]["wxid"], seen[2]["loginInfo"]["nickName"]) == (BOT, "小桥")
        assert (await raw.post("/login/checkOnline", {"appId": qr["appId"]}))[1]["data"] is True
        assert (await raw.post("/login/deviceList", {}))[1]["data"] == [qr["appId"]]


async def test_a_login_by_itself_needs_nobody() -> None:
    async with gewe(GeweSetup(accounts={}, auto_login=True)) as (_, raw):
        qr = await login(raw)
        check = {"appId": qr["appId"], "uuid": qr["uuid"]}

        statuses = [(await raw.post("/login/checkLogin", check))[1]["data"]["status"] for _ in range(3)]

    assert statuses == [0, 1, 2]


async def test_a_code_lives_150_seconds() -> None:
    clock = FakeClock()
    async with gewe(BARE, clock=clock) as (_, raw):
        qr = await login(raw)
        check = {"appId": qr["appId"], "uuid": qr["uuid"]}
        clock.advance(150)
        _, alive = await raw.post("/login/checkLogin", check)
        clock.advance(1)
        _, dead = await raw.post("/login/checkLogin", check)

    assert alive["data"]["status"] == 0
    assert (dead["ret"], dead["msg"]) == (500, "检测登录失败")


async def test_a_login_that_was_cancelled_says_so() -> None:
    async with gewe(BARE) as (sim, raw):
        qr = await login(raw)
        sim.accounts.cancel(qr["appId"])

        _, document = await raw.post("/login/checkLogin", {"appId": qr["appId"], "uuid": qr["uuid"]})

    assert document["data"]["status"] == 4


async def test_a_login_may_want_a_code() -> None:
    async with gewe(BARE) as (sim, raw):
        qr = await login(raw)
        sim.accounts.get(qr["appId"]).needs_code = True
        check = {"appId": qr["appId"], "uuid": qr["uuid"]}

        _, without = await raw.post("/login/checkLogin", check)
        _, with_code = await raw.post("/login/checkLogin", {**check, "captchCode": "1234"})

    assert without["data"]["msg"] == "本次登录需要输入安全验证码"
    assert with_code["data"]["status"] == 0


async def test_a_code_is_refused_for_an_unknown_device_and_for_one_that_is_online() -> None:
    async with gewe() as (_, raw):
        _, unknown = await raw.post("/login/getLoginQrCode", {"appId": "wx_none", **HOSTED_QR})
        _, online = await raw.post("/login/getLoginQrCode", {"appId": APP, **HOSTED_QR})

    assert (unknown["msg"], unknown["data"]["msg"]) == ("获取二维码失败", "[wx_none]设备不存在")
    assert online["data"]["msg"] == "微信已登录，请勿重复登录。"


async def test_the_hosted_code_wants_a_region_and_the_self_hosted_allows_two_devices() -> None:
    async with gewe(BARE) as (sim, raw), asking(sim.url, {HEADER: TOKEN}) as own:
        _, hosted = await raw.post("/login/getLoginQrCode", {"appId": "", "type": "ipad"})
        first, second, third = [(await own.post("/v2/api/login/getLoginQrCode", {"appId": ""}))[1] for _ in range(3)]

    assert hosted == {"ret": 500, "msg": "regionId不可为空"}
    assert (first["ret"], second["ret"]) == (200, 200)
    assert third["data"]["msg"] == "已达到最大客户端数量操作"


async def test_a_dropped_account_is_offline_until_it_reconnects() -> None:
    async with gewe() as (sim, raw):
        device = {"appId": APP}
        _, needless = await raw.post("/login/reconnection", device)
        await sim.wechat.drop(APP)
        _, dropped = await raw.post("/login/checkOnline", device)
        _, again = await raw.post("/login/reconnection", device)
        _, back = await raw.post("/login/checkOnline", device)

    assert needless["msg"] == "断线重连异常 e=当前账号状态正常，无需重连"
    assert (dropped["data"], again, back["data"]) == (False, {"ret": 200, "msg": "操作成功"}, True)


async def test_after_a_logout_only_a_new_code_helps_and_the_device_is_kept() -> None:
    async with gewe() as (sim, raw):
        _, out = await raw.post("/login/logout", {"appId": APP})
        _, refused = await raw.post("/login/reconnection", {"appId": APP})
        qr = await login(raw, APP)
        sim.accounts.confirm(APP)
        _, online = await raw.post("/login/checkOnline", {"appId": APP})

    assert (out["ret"], refused["ret"], qr["appId"], online["data"]) == (200, 500, APP, True)


async def test_false_online_is_online_for_the_check_and_offline_for_a_send_until_logged_in_again() -> None:
    async with gewe() as (sim, raw):
        sim.accounts.get(APP).false_online = True
        text = {"appId": APP, "toWxid": ANN, "content": "在吗"}
        _, online = await raw.post("/login/checkOnline", {"appId": APP})
        _, sent = await raw.post("/message/postText", text)
        await raw.post("/login/logout", {"appId": APP})
        await login(raw, APP)
        sim.accounts.confirm(APP)
        _, cured = await raw.post("/message/postText", text)

    assert online["data"] is True
    assert (sent["msg"], sent["data"]) == ("发送消息失败", {"code": "-1", "msg": "微信已离线"})
    assert cured["ret"] == 200


async def test_a_token_does_not_see_the_devices_of_another() -> None:
    async with gewe(GeweSetup(tokens=(TOKEN, "second-token"))) as (_, raw):
        _, document = await raw.post("/login/checkOnline", {"appId": APP}, **{HEADER: "second-token"})

    assert document["data"]["msg"] == f"[{APP}]设备不存在"


async def test_the_callback_is_tested_before_it_is_taken() -> None:
    async with gewe() as (sim, raw), receiving() as receiver:
        _, document = await raw.post("/login/setCallback", {"token": TOKEN, "callbackUrl": receiver.url})
        (packet,) = receiver.drained()

        assert document == {"ret": 200, "msg": "操作成功"}
        assert packet == {"testMsg": "验证回调地址是否可用", "token": TOKEN}
        assert sim.callbacks.url(TOKEN) == receiver.url


async def test_a_callback_that_does_not_answer_200_is_not_taken() -> None:
    setup = GeweSetup(knobs=Knobs(patience_s=0.1), callback_url="http://127.0.0.1:9/old")
    async with gewe(setup) as (sim, raw), receiving() as receiver:
        receiver.status = 500
        _, failed = await raw.post("/login/setCallback", {"token": TOKEN, "callbackUrl": receiver.url})
        receiver.stalled = True
        _, slow = await raw.post("/tools/setCallback", {"token": TOKEN, "callbackUrl": receiver.url})

        assert failed == slow == {"ret": 500, "msg": f"{receiver.url} push msg err"}
        assert sim.callbacks.url(TOKEN) == "http://127.0.0.1:9/old"


async def test_a_callback_for_a_wrong_token_fails_without_a_word() -> None:
    async with gewe() as (_, raw):
        _, document = await raw.post("/login/setCallback", {"token": APP, "callbackUrl": "http://127.0.0.1:9/"})

    assert document == {"ret": 500, "msg": None}


async def test_what_is_no_json_object_is_a_bad_request() -> None:
    async with gewe() as (_, raw):
        assert (await raw.post("/login/checkOnline", b"[1"))[0] == 400
        assert (await raw.post("/login/checkOnline", []))[0] == 400


async def test_a_step_the_state_does_not_allow_is_refused() -> None:
    async with gewe() as (sim, _):
        with pytest.raises(Invalid, match="online"):
            sim.accounts.scan(APP)
        with pytest.raises(Invalid, match="no account"):
            sim.accounts.get("wx_none")


async def test_accounts_are_stepped_and_turned_over_http() -> None:
    async with gewe(BARE) as (sim, raw), asking(sim.url) as control:
        app_id = (await login(raw))["appId"]
        await control.post("/_sim/accounts", {"app_id": app_id, "action": "scan"})
        _, shown = await control.post("/_sim/accounts", {"app_id": app_id, "action": "confirm", "wxid": BOT})
        _, turned = await control.post("/_sim/accounts", {"app_id": app_id, "silent": True, "false_online": True})

        assert (shown["state"], shown["wxid"], turned["silent"], turned["false_online"]) == ("online", BOT, True, True)
        assert "token" not in (await control.get("/_sim/accounts"))["accounts"][0]
        assert (await control.post("/_sim/accounts", {"app_id": app_id, "action": "fly"}))[0] == 400
