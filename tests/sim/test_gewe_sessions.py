import base64

from daemon.sim.gewe import GeweSetup
from daemon.sim.gewe_callbacks import Knobs
from daemon.sim.gewe_envelopes import Envelope
from daemon.sim.pictures import jpeg, mp4, pdf, png, seen, silk
from tests.sim.wires import ANN, APP, BOT, asking, gewe, receiving

DEVICE = {"appId": APP}
FLAT = Knobs(envelope=Envelope.V2A)
REGION = {"regionId": "320000"}


async def test_the_flat_envelope_tells_how_a_login_goes() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url, knobs=FLAT)) as (sim, raw):
        await sim.wechat.drop(APP, event="LONG_FAIL")
        await raw.post("/login/getLoginQrCode", {**DEVICE, "type": "ipad", **REGION})
        sim.wechat.scan_login(APP)
        await sim.wechat.confirm_login(APP)
        await raw.post("/login/logout", DEVICE)
        await sim.callbacks.settle()
        told = receiver.drained()

    assert [body["msgType"] for body in told] == ["LONG_FAIL", "LOGIN_SUCCESS", "LOGOUT"]
    assert all((body["appid"], body["wxid"]) == (APP, BOT) for body in told)


async def test_the_first_envelope_tells_of_an_end_alone() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.drop(APP, event="LONG_FAIL")
        await raw.post("/login/reconnection", DEVICE)
        assert await sim.wechat.account_event(APP, "LONG_SUCCESS") is None
        await sim.callbacks.settle()
        (body,) = receiver.drained()

    assert body == {"TypeName": "Offline", "Appid": APP, "Wxid": BOT}


async def test_a_reconnection_is_told_after_its_answer() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url, knobs=FLAT)) as (sim, raw):
        await sim.wechat.drop(APP)
        _, back = await raw.post("/login/reconnection", DEVICE)
        await sim.callbacks.settle()
        events = [body["msgType"] for body in receiver.drained()]
        await sim.wechat.drop(APP, tell=False)
        await sim.wechat.comes_back(APP)

        assert back["ret"] == 200
        assert events == ["LOGOUT", "RECONNECT_START", "RECONNECT_SUCCESS"]
        assert [body["msgType"] for body in receiver.drained()] == ["RECONNECT_START", "RECONNECT_SUCCESS"]
        assert sim.accounts.get(APP).online


async def test_a_dialog_logs_in_without_a_code_where_wechat_still_knows_the_device() -> None:
    async with gewe() as (sim, raw):
        _, online = await raw.post("/login/dialogLogin", {**DEVICE, **REGION})
        await sim.wechat.drop(APP)
        _, shown = await raw.post("/login/dialogLogin", {**DEVICE, **REGION})
        asked = {**DEVICE, "uuid": shown["data"]["uuid"]}
        _, waiting = await raw.post("/login/checkLogin", asked)
        await sim.wechat.confirm_login(APP)
        _, done = await raw.post("/login/checkLogin", asked)
        await sim.wechat.drop(APP, reconnectable=False)
        _, refused = await raw.post("/login/dialogLogin", {**DEVICE, **REGION})

    assert (online["ret"], refused["ret"]) == (500, 500)
    assert (waiting["data"]["status"], done["data"]["status"]) == (1, 2)
    assert done["data"]["loginInfo"]["wxid"] == BOT


async def test_the_code_is_a_picture_and_the_profile_is_whole() -> None:
    async with gewe() as (sim, raw):
        _, profile = await raw.post("/personal/getProfile", DEVICE)
        _, safety = await raw.post("/personal/getSafetyInfo", DEVICE)
        await sim.wechat.drop(APP)
        _, code = await raw.post("/login/getLoginQrCode", {**DEVICE, "type": "ipad", **REGION})

    raw_code = base64.b64decode(code["data"]["qrImgBase64"].partition(",")[2])
    assert seen(raw_code).is_picture
    assert {"uin", "sex", "regCountry", "bigHeadImgUrl"} <= set(profile["data"])
    assert [row["deviceType"] for row in safety["data"]["list"]] == ["iPhone", "iPad"]


async def test_a_driver_outside_has_a_route_for_each_of_these() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, _), asking(sim.url) as own:
        person = {"app_id": APP, "wxid": ANN}
        for kind in ("image", "voice", "video", "file", "emoji", "link", "card", "location"):
            status, pushed = await own.post("/_sim/wechat/media", {**person, "kind": kind, "card": "wxid_carl"})
            assert (status, pushed["outcome"]) == (200, "answered"), kind
        _, asking_ = await own.post("/_sim/wechat/friend-request", {"app_id": APP, "wxid": "wxid_new"})
        _, post = await own.post("/_sim/wechat/post", {**person, "text": "你好", "pictures": 2})
        on = {**person, "sns_id": int(post["sns_id"])}
        _, liked = await own.post("/_sim/wechat/react", on)
        _, comment = await own.post("/_sim/wechat/react", {**on, "text": "好"})
        _, invited = await own.post("/_sim/wechat/room", {**person, "room": "1@chatroom", "what": "invites"})
        _, untold = await own.post("/_sim/wechat/event", {"app_id": APP, "event": "LONG_FAIL"})
        knobs = await own.status("PUT", "/_sim/media/knobs", {"gone": True})
        odd = await own.status("POST", "/_sim/wechat/media", {**person, "kind": "smell"})

        kinds = [body["Data"]["MsgType"] for body in receiver.drained()]
        assert kinds == [3, 34, 43, 49, 47, 49, 42, 48, 37, 49]
        assert (asking_["outcome"], liked, comment, invited["outcome"]) == (
            "answered",
            {"liked": True},
            {"comment_id": 1},
            "answered",
        )
        assert (untold, knobs, odd) == ({"outcome": "untold"}, 200, 400)
        assert sim.media.knobs.gone


async def test_a_person_takes_a_message_back_quotes_one_and_pats() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        said = await sim.wechat.person_writes(APP, ANN, "写错了", name="Ann")
        await sim.wechat.person_revokes(APP, ANN, said)
        _, sent = await raw.post("/message/postText", {**DEVICE, "toWxid": ANN, "content": "您好"})
        number = sent["data"]["newMsgId"]
        await sim.wechat.person_quotes(APP, ANN, "这条？<", quoted=number, quoted_words="您好")
        await sim.wechat.person_pats(APP, ANN)
        _, recall, quote, pat = [body["Data"] for body in receiver.drained()]

    assert f"<newmsgid>{said.new_msg_id}</newmsgid>" in recall["Content"]["string"]
    assert f"<svrid>{number}</svrid>" in quote["Content"]["string"]
    assert "这条？&lt;" in quote["Content"]["string"]
    assert f"<pattedusername>{BOT}</pattedusername>" in pat["Content"]["string"]


async def test_the_drawn_files_are_what_they_say() -> None:
    found = [seen(data) for data in (png(40, 30), jpeg(64, 48), silk(), mp4(), pdf("x"), b"hello", b"\x00\x01")]
    types = [one.type for one in found]

    assert types[:3] == ["image/png", "image/jpeg", "audio/silk"]
    assert types[3:] == ["video/mp4", "application/pdf", "text/plain", "application/octet-stream"]
    assert [(one.width, one.height) for one in found[:2]] == [(40, 30), (64, 48)]
    assert jpeg(64, 48) != jpeg(64, 48, shade=50)
