import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.account import AccountSignal, Signal
from daemon.domain.callback import Callback, ControlPacket, Unrecognised
from daemon.domain.contact import Change, ContactChange
from daemon.domain.message import MENTION_ALL, Message, Origin
from daemon.errors import Invalid
from daemon.net.gewe.wire import read
from tests.net.gewe.samples import APP, BOT, FRIEND, MEMBER, NAMES, NEWCOMER, ROOM, raw, sample, text_from, xml_of

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def seen(body: object) -> Callback:
    return read(raw(body), now=NOW)


def message(body: object) -> Message:
    callback = seen(body)
    assert isinstance(callback, Message), callback
    return callback


READ = {
    # sample: (origin, kind, peer, sender, text)
    "e01_private_text": (Origin.PEER, "text", FRIEND, FRIEND, "你好"),
    "e02_group_text_mention": (Origin.PEER, "text", ROOM, MEMBER, "@小桥\u2005 周四的展览几点开门"),
    "e03_self_private_text": (Origin.SELF, "text", FRIEND, BOT, "路上，到了回你"),
    "e04_self_group_text": (Origin.SELF, "text", ROOM, BOT, "好的，明白"),
    "e05_image": (Origin.PEER, "image", FRIEND, FRIEND, "[图片]"),
    "e06_group_image": (Origin.PEER, "image", ROOM, MEMBER, "[图片]"),
    "e07_voice": (Origin.PEER, "voice", FRIEND, FRIEND, "[语音] 3″"),
    "e08_video": (Origin.PEER, "video", FRIEND, FRIEND, "[视频]"),
    "e09_emoji": (Origin.PEER, "emoji", FRIEND, FRIEND, "[动画表情]"),
    "e10_link": (Origin.PEER, "link", FRIEND, FRIEND, "[链接] 周末市集开放时间"),
    "e11a_file_announced": (Origin.PEER, "file_announced", FRIEND, FRIEND, "[文件] 报价单.xlsx"),
    "e11b_file": (Origin.PEER, "file", FRIEND, FRIEND, "[文件] 报价单.xlsx"),
    "e12_quote": (Origin.PEER, "quote", FRIEND, FRIEND, "这句是什么意思"),
    "e13_mini_program": (Origin.PEER, "mini_program", FRIEND, FRIEND, "[小程序] 排队取号"),
    "e14_location": (Origin.PEER, "location", FRIEND, FRIEND, "[位置] 花港公园 杭州市西湖区杨公堤"),
    "e15_transfer": (Origin.PEER, "transfer", FRIEND, FRIEND, "[转账] ￥8.80"),
    "e16_red_packet": (Origin.PEER, "red_packet", FRIEND, FRIEND, "[红包] 祝新店开张"),
    "e17_name_card": (Origin.PEER, "name_card", FRIEND, FRIEND, "[名片] Mira"),
    "e18_friend_request": (Origin.SYSTEM, "friend_request", "fmessage", "fmessage", "Tomas: 我是Tomas"),
    "e19_revoke": (Origin.SYSTEM, "revoke", FRIEND, FRIEND, '"Lan" 撤回了一条消息'),
    "e20_group_revoke": (Origin.SYSTEM, "revoke", ROOM, MEMBER, '"Heyun" 撤回了一条消息'),
    "e21_pat": (Origin.SYSTEM, "pat", FRIEND, FRIEND, f'"{FRIEND}" 拍了拍我'),
    "e22_member_joined": (Origin.SYSTEM, "group_notice", ROOM, ROOM, '"Heyun"邀请"Tomas"加入了群聊'),
    "e23_plain_notice": (Origin.SYSTEM, "notice", ROOM, ROOM, '你被"Heyun"移出群聊'),
    "e24_group_invitation": (
        Origin.PEER,
        "group_invitation",
        FRIEND,
        FRIEND,
        '[邀请你加入群聊] "Lan"邀请你加入群聊"读书会"，进入可查看详情。',
    ),
    "e25_status_sync": (Origin.SYSTEM, "noise", BOT, BOT, ""),
    "v2_private_text": (Origin.PEER, "text", FRIEND, FRIEND, "你好"),
    "v2_group_text_mention": (Origin.PEER, "text", ROOM, MEMBER, "@小桥\u2005 在吗"),
    "v2_revoke": (Origin.SYSTEM, "revoke", FRIEND, FRIEND, '"Lan" 撤回了一条消息'),
}


@pytest.mark.parametrize("name", READ)
def test_a_callback_says_who_said_what_and_where(name: str) -> None:
    found = message(sample(name))

    assert (found.origin, found.content.kind, found.peer, found.sender, found.text) == READ[name]
    assert (found.app_id, found.account_wxid, found.raw) == (APP, BOT, None)


@pytest.mark.parametrize("name", NAMES)
def test_lower_case_envelopes_and_relays_say_the_same(name: str) -> None:
    body = sample(name)
    lower = {
        {"TypeName": "type_name", "Appid": "appid", "Wxid": "wxid", "Data": "data"}.get(key, key): value
        for key, value in body.items()
    }

    assert without_digest(seen(lower)) == without_digest(seen(body))
    assert without_digest(seen({"headers": {"host": "x"}, "body": body})) == without_digest(seen(body))


@pytest.mark.parametrize("name", NAMES)
def test_values_may_be_plain_and_keys_in_any_case(name: str) -> None:
    body = sample(name)

    assert without_digest(seen(plain(body))) == without_digest(seen(body))
    assert without_digest(seen(lower_keys(body))) == without_digest(seen(body))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value["string"] if set(value) == {"string"} else {key: plain(item) for key, item in value.items()}
    return value


def lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {"string" if key == "string" else key.lower(): lower_keys(item) for key, item in value.items()}
    return value


def without_digest(callback: Callback) -> object:
    """Events without an id are told apart by a digest of the body as it is spelled: that part may differ."""
    key = getattr(callback, "dedupe_key", "")
    return str(callback).replace(key, "") if key.startswith("h:") else callback


def test_an_exact_id_a_time_and_an_order_come_along() -> None:
    found = message(sample("e01_private_text"))

    assert found.wechat_id == "3609599576579036718"
    assert found.sent_at == datetime.fromtimestamp(1765043418, UTC)
    assert found.sequence == 711556096


@pytest.mark.parametrize(
    "identifier", ["3609599576579036719", "18446744073709551615", "18446744073709551616", "9" * 40, "-7"]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_an_id_of_any_size_stays_exact(identifier: str, quote: str) -> None:
    body = raw(sample("e01_private_text")).replace(b"3609599576579036718", f"{quote}{identifier}{quote}".encode())

    found = read(body, now=NOW)

    assert isinstance(found, Message)
    assert found.wechat_id == identifier
    assert found.dedupe_key == f"m:{APP}:AddMsg:{identifier}"


def v2(**fields: Any) -> dict[str, Any]:
    body = sample("v2_group_text_mention") | {"newMsgId": 4467091435029555663, **fields}
    return {key: value for key, value in body.items() if value is not None}


GROUP_V2 = [
    v2(),
    v2(content=f"{MEMBER}:\n@小桥\u2005 在吗"),
    v2(fromGroup=None, fromUser=ROOM, content=f"{MEMBER}:\n@小桥\u2005 在吗"),
    v2(createTime=1784412725, isSelf=None, eventCode=None),
]


@pytest.mark.parametrize("body", GROUP_V2)
def test_a_v2_room_is_found_in_each_of_its_forms(body: dict[str, Any]) -> None:
    found = message(body)

    assert (found.peer, found.sender, found.origin, found.text) == (ROOM, MEMBER, Origin.PEER, "@小桥\u2005 在吗")
    assert found.sent_at.replace(microsecond=0) == datetime.fromtimestamp(1784412725, UTC)
    assert found.mentions == {BOT}


@pytest.mark.parametrize(
    "body",
    [
        v2(fromGroup=None),
        v2(fromGroup=None, eventCode=None, content=f"{MEMBER}:\n在吗"),
    ],
)
def test_a_v2_message_from_a_room_that_is_not_named_is_never_taken_for_a_private_one(body: dict[str, Any]) -> None:
    found = seen(body)

    assert isinstance(found, Unrecognised)
    assert (found.app_id, found.what) == (APP, "TEXT in a room without its id")


V2_NAMES = {
    "e01_private_text": "TEXT",
    "e03_self_private_text": "text",
    "e04_self_group_text": "TEXT",
    "e05_image": "IMAGE",
    "e06_group_image": "IMAGE",
    "e07_voice": "VOICE",
    "e08_video": "VIDEO",
    "e09_emoji": "EMOJI",
    "e10_link": "LINK",
    "e11a_file_announced": "APP_MSG",
    "e11b_file": "FILE",
    "e12_quote": "QUOTE",
    "e13_mini_program": "MINI_PROGRAM",
    "e14_location": "LOCATION",
    "e15_transfer": "TRANSFER",
    "e16_red_packet": "RED_PACKET",
    "e17_name_card": "CARD",
    "e18_friend_request": "FRIEND_VERIFY",
    "e19_revoke": "REVOKE_MSG",
    "e20_group_revoke": "REVOKE_MSG",
    "e21_pat": "PAT_MSG",
    "e22_member_joined": "SYSTEM",
    "e23_plain_notice": "REMOVE_FROM_GROUP",
    "e24_group_invitation": "APPMSG",
    "e25_status_sync": "UNKNOWN",
}


@pytest.mark.parametrize("name", V2_NAMES)
def test_each_kind_says_in_v2_what_it_says_in_v1(name: str) -> None:
    body = sample(name)
    data = body["Data"]
    flat = {
        "appid": body["Appid"],
        "wxid": body["Wxid"],
        "msgType": V2_NAMES[name],
        "content": data["Content"]["string"],
        "fromUser": data["FromUserName"]["string"],
        "toUser": data["ToUserName"]["string"],
        "msgId": data["MsgId"],
        "newMsgId": data["NewMsgId"],
        "createTime": data["CreateTime"] * 1000,
        "pushContent": data.get("PushContent", ""),
    }

    assert evolve(message(flat), sequence=data["MsgSeq"]) == message(body)


def test_a_pat_that_is_none_is_kept_and_not_answered() -> None:
    found = message(v2(msgType="PAT_MSG", content="<config><x/></config>"))

    assert (found.origin, found.content.kind) == (Origin.SYSTEM, "notice")


def test_a_list_of_mentions_in_v2_is_read_where_there_is_one() -> None:
    assert message(v2(pushContent=None, atUserList=[BOT, FRIEND])).mentions == {BOT, FRIEND}


def test_v1_and_v2_of_one_message_are_one_message() -> None:
    one = sample("e02_group_text_mention")["Data"]["NewMsgId"]

    assert message(v2(newMsgId=one)).dedupe_key == message(sample("e02_group_text_mention")).dedupe_key


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("e01", "e26", "e29", "v2_revoke"))])
def test_what_gewe_adds_to_a_body_makes_it_no_other_event(name: str) -> None:
    body = sample(name)
    repeated = {"userId": 7, "tokenName": "x", "tokenId": 1, **body, "token": "secret-secret"}

    first, second = seen(body), seen(repeated)

    assert getattr(first, "dedupe_key") == getattr(second, "dedupe_key")  # noqa: B009


def test_a_time_that_stands_for_an_id_does_not_make_two_events_one() -> None:
    first, second = sample("v2_revoke"), sample("v2_revoke")
    second["content"] = second["content"].replace("2172087799090873247", "2172087799090873248")

    keys = {message(first).dedupe_key, message(second).dedupe_key}

    assert len(keys) == 2
    assert all(key.startswith(f"h:{APP}:AddMsg:") for key in keys)


@pytest.mark.parametrize("name", ["e28_contact_removed", "e29_offline"])
def test_what_happens_again_later_is_another_event_though_its_body_is_the_same(name: str) -> None:
    def key(at: datetime) -> str:
        callback = read(raw(sample(name)), now=at)
        assert isinstance(callback, AccountSignal | ContactChange)
        return callback.dedupe_key

    assert key(NOW) == key(NOW + timedelta(seconds=3))
    assert key(NOW) != key(NOW + timedelta(minutes=1))


def test_a_member_without_wxid_in_the_id_is_the_speaker_and_only_the_first_colon_ends_it() -> None:
    found = message(text_from(ROOM, "heyun1988:\n清单:\n苹果:\n梨"))

    assert (found.sender, found.text) == (MEMBER, "清单:\n苹果:\n梨")


@pytest.mark.parametrize("content", ["没有前缀", "清单 如下:\n苹果", ":\n空", "<a>:\nx"])
def test_what_begins_a_line_is_not_always_a_speaker(content: str) -> None:
    found = message(text_from(ROOM, content))

    assert (found.peer, found.sender, found.text, found.origin) == (ROOM, ROOM, content, Origin.SYSTEM)


def test_a_plain_notice_has_no_speaker_even_if_it_looks_so() -> None:
    found = message(text_from(ROOM, "Heyun:\n修改群名", MsgType=10000))

    assert (found.sender, found.text) == (ROOM, "Heyun:\n修改群名")


def test_our_own_words_in_a_room_are_ours_in_each_way_they_come() -> None:
    with_prefix = text_from(ROOM, f"{BOT}:\n收到")
    flat = v2(fromUser=BOT, isSelf=None)
    said_so = v2(fromUser="otherwise_unknown", isSelf=True)

    assert [message(body).origin for body in (with_prefix, flat, said_so)] == [Origin.SELF] * 3


@pytest.mark.parametrize("sender", ["gh_77ab01cc9e10", "weixin", "fmessage", "newsapp", "filehelper"])
def test_wechats_own_accounts_are_the_system(sender: str) -> None:
    assert message(text_from(sender, "你好")).origin is Origin.SYSTEM


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (f"<![CDATA[,{BOT}]]>", {BOT}),
        (f"{BOT},{FRIEND}", {BOT, FRIEND}),
        (f"{BOT};{FRIEND}", {BOT, FRIEND}),
        (f"<![CDATA[{FRIEND}, {BOT},]]>", {BOT, FRIEND}),
        ("<![CDATA[notify@all]]>", {MENTION_ALL}),
        ("", set()),
    ],
)
def test_who_is_mentioned_is_listed_in_many_ways(listed: str, expected: set[str]) -> None:
    source = f"<msgsource><atuserlist>{listed}</atuserlist><silence>0</silence></msgsource>"

    assert message(text_from(ROOM, f"{MEMBER}:\n@小桥\u2005 hi", MsgSource=source, PushContent="")).mentions == expected


@pytest.mark.parametrize(
    ("push", "expected"),
    [
        ("Heyun在群聊中@了你", {BOT}),
        ("Heyun在群聊中@了所有人", {MENTION_ALL}),
        ("Heyun : 谁在群聊中@了你", set()),
        ("Heyun : 刚才@了所有人", set()),
    ],
)
def test_a_notification_tells_of_a_mention_but_a_text_cannot_pretend_one(push: str, expected: set[str]) -> None:
    assert message(text_from(ROOM, f"{MEMBER}:\nhi", PushContent=push)).mentions == expected


@pytest.mark.parametrize(
    ("push", "expected"),
    [("Lan : 你好 : 再见", "Lan"), ("Heyun在群聊中@了你", "Heyun"), ("收到一条消息", None), ("", None)],
)
def test_a_notification_tells_the_senders_name(push: str, expected: str | None) -> None:
    assert message(text_from(FRIEND, "你好", PushContent=push)).nickname == expected


@pytest.mark.parametrize("created", [None, 0, -5, "soon", 10**30, {}, 1.5, True])
def test_a_message_without_a_sensible_time_is_from_now(created: object) -> None:
    assert message(text_from(FRIEND, "你好", CreateTime=created)).sent_at == NOW


def test_no_message_is_lost_because_characters_in_it_are_none() -> None:
    body = raw(text_from(FRIEND, "TEXT"))

    lone_surrogate = read(body.replace(b"TEXT", b"a\\ud800b"), now=NOW)
    broken_utf8 = read(b"\xef\xbb\xbf" + body.replace(b"TEXT", b"a\xff\xed\xa0\x80b"), now=NOW)
    nul = read(body.replace(b"TEXT", b"a\\u0000b"), now=NOW)

    texts = [found.text for found in (lone_surrogate, broken_utf8, nul) if isinstance(found, Message)]
    assert texts == ["a\ufffdb", "a\ufffd\ufffd\ufffd\ufffdb", "a\ufffdb"]


@pytest.mark.parametrize(
    "body",
    [
        {"testMsg": "回调地址链接成功！", "token": "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"},
        {"testMsg": "any other words"},
        {"msg": "设置订阅成功!!", "callBackUrl": "https://bot.example.com/x"},
    ],
)
def test_a_control_packet_is_known_by_what_is_there_not_by_its_words(body: object) -> None:
    found = seen(body)

    assert isinstance(found, ControlPacket)
    assert "0f0f" not in repr(found)


def test_a_contact_that_became_a_friend() -> None:
    found = seen(sample("e26_contact_added"))

    assert isinstance(found, ContactChange)
    assert (found.change, found.contact, found.name, found.befriended) == (Change.CHANGED, NEWCOMER, "Tomas", True)
    assert found.user_ticket == "v3_5f0c91aa77e204@stranger"


def test_a_room_that_changed() -> None:
    found = seen(sample("e27_group_changed"))

    assert isinstance(found, ContactChange)
    assert (found.contact, found.name, found.owner, found.befriended) == (ROOM, "读书会", MEMBER, False)


def test_a_contact_event_in_camel_case_is_read_too() -> None:
    body = {"TypeName": "ModContacts", "Appid": APP, "Data": {"userName": FRIEND, "nickName": {"string": "Lan"}}}

    found = seen(body)

    assert isinstance(found, ContactChange)
    assert (found.contact, found.name) == (FRIEND, "Lan")


def test_a_contact_that_is_gone() -> None:
    flat = {"appid": APP, "msgType": "DEL_CONTACTS", "fromUser": FRIEND}

    changes = [seen(sample("e28_contact_removed")), seen(flat), seen(sample("v2_contact_changed"))]

    assert [c.change for c in changes if isinstance(c, ContactChange)] == [
        Change.REMOVED,
        Change.REMOVED,
        Change.CHANGED,
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Offline", Signal.OFFLINE),
        ("LOGIN_SUCCESS", Signal.ONLINE),
        ("RECONNECT_START", Signal.RECONNECTING),
        ("RECONNECT_SUCCESS", Signal.ONLINE),
        ("RECONNECT_FAILED", Signal.OFFLINE),
        ("LONG_FAIL", Signal.OFFLINE),
        ("Long_Serve_START_SUCCESS", Signal.ONLINE),
        ("Long_Serve_Close", Signal.RECONNECTING),
        ("LOGOUT", Signal.LOGGED_OUT),
    ],
)
def test_an_account_tells_its_state_in_either_version(name: str, expected: Signal) -> None:
    flat = {"appid": APP, "wxid": BOT, "msgType": name, "fromUser": BOT, "toUser": BOT, "content": ""}

    signals = [seen({"TypeName": name, "Appid": APP, "Wxid": BOT}), seen(flat)]

    assert [s.signal for s in signals if isinstance(s, AccountSignal)] == [expected, expected]


@pytest.mark.parametrize(
    "body",
    [
        {"TypeName": "FinderMsg", "Appid": APP, "Data": {"x": 1}},
        {"TypeName": "Long_Serve_START_Connect", "Appid": APP},
        {"appid": APP, "msgType": "HEARTBEAT"},
        {"appid": APP, "wxid": BOT},
        {"wcId": "x", "account": "y", "messageType": "80001", "data": {"fromUser": "z", "content": "t"}},
        {},
    ],
)
def test_what_nobody_knows_is_kept_as_it_came_without_its_tokens(body: dict[str, Any]) -> None:
    found = seen({**body, "token": "secret-secret"})

    assert isinstance(found, Unrecognised)
    assert json.loads(found.raw) == body


def test_a_message_of_an_unknown_kind_keeps_the_whole_callback() -> None:
    body = {**xml_of(7777, "<msg/>"), "tokenId": "secret-secret"}

    found = message(body)

    assert (found.content.kind, found.text) == ("unknown", "[7777]")
    assert found.raw is not None
    assert json.loads(found.raw) == {key: value for key, value in body.items() if key != "tokenId"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "gewe.callback.not_json"),
        (b"hello", "gewe.callback.not_json"),
        (b'{"a":NaN}', "gewe.callback.not_json"),
        (b'{"TypeName":"AddMsg"', "gewe.callback.not_json"),
        (b"1" * 5000, "gewe.callback.not_json"),
        (b"[" * 100_000, "gewe.callback.too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "gewe.callback.too_deep"),
        (b"[]", "gewe.callback.not_an_object"),
        (b"null", "gewe.callback.not_an_object"),
        (b'"x"', "gewe.callback.not_an_object"),
        (b'{"TypeName":"AddMsg","Data":{}}', "gewe.callback.incomplete"),
        (b'{"TypeName":"AddMsg","Appid":"a"}', "gewe.callback.incomplete"),
        (b'{"TypeName":"AddMsg","Appid":"a","Data":[]}', "gewe.callback.incomplete"),
        (b'{"TypeName":"AddMsg","Appid":"a","Data":{"FromUserName":"b"}}', "gewe.callback.incomplete"),
        (b'{"msgType":"TEXT","appid":"a","fromUser":"b"}', "gewe.callback.incomplete"),
    ],
)
def test_what_is_no_callback_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(body, now=NOW)

    assert caught.value.code == code


def test_brackets_within_a_text_are_no_depth() -> None:
    assert message(text_from(FRIEND, "[{" * 1000)).text == "[{" * 1000
