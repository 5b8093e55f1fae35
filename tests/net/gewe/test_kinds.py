from datetime import UTC, datetime, timedelta
from html import escape

import pytest

from daemon.domain.content import (
    Call,
    Content,
    Emoji,
    FriendRequest,
    GroupNotice,
    Image,
    JoinApplication,
    NameCard,
    Noise,
    Pat,
    Person,
    Revoke,
    Slot,
    Unknown,
    Voice,
)
from daemon.domain.message import Message, Origin
from daemon.domain.shared import (
    AppMessage,
    ChatRecord,
    File,
    FileAnnounced,
    FinderVideo,
    Link,
    MiniProgram,
    Quote,
    RecordLine,
    Transfer,
)
from daemon.net.gewe.wire import read
from tests.net.gewe.samples import BOT, FRIEND, MEMBER, NEWCOMER, ROOM, raw, sample, text_from, xml_of

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def message(body: object) -> Message:
    callback = read(raw(body), now=NOW)
    assert isinstance(callback, Message), callback
    return callback


def content(name: str) -> Content:
    return message(sample(name)).content


def said_in(name: str) -> str:
    """The XML of a sample, without the sender before it."""
    whole: str = sample(name)["Data"]["Content"]["string"]
    return whole[whole.find("<") :]


def app(inner: str) -> Message:
    return message(xml_of(49, f"<msg><appmsg>{inner}</appmsg></msg>"))


def sysmsg(kind: str, inner: str) -> Message:
    return message(text_from(ROOM, f'{ROOM}:\n<sysmsg type="{kind}">{inner}</sysmsg>', MsgType=10002))


def test_media_keep_what_downloading_them_takes() -> None:
    image, voice, file = content("e06_group_image"), content("e07_voice"), content("e11b_file")

    assert isinstance(image, Image)
    assert image.xml.startswith('<?xml version="1.0"?>\n<msg>')
    assert isinstance(voice, Voice)
    assert (voice.number, voice.length, voice.size) == ("2088156102", timedelta(milliseconds=2540), 3600)
    assert isinstance(file, File)
    assert (file.name, file.size, file.extension) == ("报价单.xlsx", 8939, "xlsx")


def test_a_file_names_the_announcement_it_replaces() -> None:
    announced, file = message(sample("e11a_file_announced")), content("e11b_file")

    assert isinstance(announced.content, FileAnnounced)
    assert isinstance(file, File)
    assert file.announced_as == announced.wechat_id


def test_a_quote_names_what_it_quotes() -> None:
    assert content("e12_quote") == Quote(
        quoted_id="3609599576579036718", quoted_author=FRIEND, quoted_name="Lan", quoted_text="你好"
    )


@pytest.mark.parametrize(
    ("kind", "quoted", "expected"),
    [
        ("1", "1 < 2", "1 < 2"),
        ("3", "<msg><img/></msg>", "[图片]"),
        ("49", "<msg><appmsg><title>周末市集</title></appmsg></msg>", "周末市集"),
        ("49", "<msg><appmsg><title>", ""),
        ("9999", "<msg/>", ""),
    ],
)
def test_what_is_quoted_need_not_be_a_text(kind: str, quoted: str, expected: str) -> None:
    found = app(
        f"<title>嗯</title><type>57</type><refermsg><type>{kind}</type><chatusr>a</chatusr>"
        f"<content>{escape(quoted)}</content></refermsg>"
    )

    assert isinstance(found.content, Quote)
    assert (found.text, found.content.quoted_text) == ("嗯", expected)


def test_a_forwarded_chat_is_read_line_by_line() -> None:
    record = (
        '<recordinfo><datalist count="2">'
        '<dataitem datatype="1"><sourcename>Lan</sourcename><sourcetime>2026-07-01 10:00</sourcetime>'
        "<datadesc>几点?</datadesc></dataitem>"
        '<dataitem datatype="8"><sourcename>Heyun</sourcename><datatitle>a.pdf</datatitle></dataitem>'
        "</datalist></recordinfo>"
    )

    found = app(f"<title>群聊的聊天记录</title><type>19</type><recorditem><![CDATA[{record}]]></recorditem>")

    assert found.content == ChatRecord(
        title="群聊的聊天记录",
        description="",
        lines=(
            RecordLine(kind="1", author="Lan", at="2026-07-01 10:00", text="几点?"),
            RecordLine(kind="8", author="Heyun", at="", text="a.pdf"),
        ),
    )


def test_a_forwarded_favourite_is_a_chat_record_without_its_lines() -> None:
    found = app("<title>聊天记录</title><des>Lan: 几点?</des><type>40</type><realinnertype>19</realinnertype>")

    assert found.content == ChatRecord(title="聊天记录", description="Lan: 几点?", lines=())


def test_an_invitation_is_known_by_its_address_in_any_language() -> None:
    found = app("<title>Join group</title><type>5</type><url>https://x.example/addchatroombyinvite?ticket=1</url>")

    assert found.content.kind == "group_invitation"


@pytest.mark.parametrize(("subtype", "stage"), [("1", "sent"), ("3", "received"), ("4", "refunded"), ("9", "9")])
def test_a_transfer_has_a_stage(subtype: str, stage: str) -> None:
    found = app(f"<type>2000</type><wcpayinfo><paysubtype>{subtype}</paysubtype></wcpayinfo>").content

    assert isinstance(found, Transfer)
    assert found.stage == stage


def test_the_other_samples_are_read_whole() -> None:
    assert content("e10_link") == Link(
        title="周末市集开放时间",
        description="每周六上午九点",
        url="http://mp.weixin.qq.com/s?__biz=Qg77&mid=3300441188",
        source="云河日报",
        xml=said_in("e10_link"),
    )
    assert content("e13_mini_program") == MiniProgram(
        title="排队取号",
        name="排队取号",
        app_id="wx0000000000000000",
        owner="gh_31d08e5b6a29@app",
        page="pages/index/index.html",
        xml=said_in("e13_mini_program"),
    )
    assert content("e17_name_card") == NameCard(
        nickname="Mira",
        alias="",
        user_ticket="v3_5f0c91aa77e204@stranger",
        ticket="v4_88d1e05c3a19",
        scene=17,
    )
    assert content("e18_friend_request") == FriendRequest(
        wxid=NEWCOMER,
        nickname="Tomas",
        greeting="我是Tomas",
        user_ticket="v3_5f0c91aa77e204@stranger",
        ticket="v4_88d1e05c3a19",
        scene=6,
        room="",
    )
    assert content("e20_group_revoke") == Revoke(revoked_id="4467091435029555663", revoked_number="585327701")
    assert content("e21_pat") == Pat(by=FRIEND, patted=BOT)
    assert content("e22_member_joined") == GroupNotice(
        template='"$username$"邀请"$names$"加入了群聊',
        slots=(
            Slot(name="username", people=(Person(wxid=MEMBER, name="Heyun"),)),
            Slot(name="names", people=(Person(wxid=NEWCOMER, name="Tomas"),)),
        ),
    )
    emoji = content("e09_emoji")
    assert isinstance(emoji, Emoji)
    assert emoji.size == 211797


def test_several_newcomers_are_told_in_one_sentence() -> None:
    members = "".join(f"<member><username>{n}</username><nickname>{n}</nickname></member>" for n in ("甲", "乙"))
    found = sysmsg(
        "sysmsgtemplate",
        "<sysmsgtemplate><content_template><template>$names$ 加入 $other$</template><link_list>"
        f'<link name="names"><memberlist>{members}</memberlist><separator>和</separator></link>'
        "</link_list></content_template></sysmsgtemplate>",
    )

    assert found.text == "甲和乙 加入 $other$"


@pytest.mark.parametrize(
    ("kind", "inner", "expected"),
    [
        ("NewXmlChatRoomAccessVerifyApplication", "<x/>", "join_application"),
        ("mmchatroombarannouncememt", "<mmchatroombarannouncememt/>", "announcement"),
        ("roomtoolstips", "<todo/>", "group_todo"),
        ("delchatroommember", "<delchatroommember><plain>你邀请了甲</plain></delchatroommember>", "group_notice"),
        ("functionmsg", "", "noise"),
        ("never_seen", "", "unknown"),
    ],
)
def test_a_system_notice_is_never_a_person_talking(kind: str, inner: str, expected: str) -> None:
    found = sysmsg(kind, inner)

    assert (found.content.kind, found.origin) == (expected, Origin.SYSTEM)


def test_an_application_keeps_what_approving_it_takes() -> None:
    found = sysmsg("NewXmlChatRoomAccessVerifyApplication", "<a/>").content

    assert isinstance(found, JoinApplication)
    assert found.xml.startswith("<sysmsg ")


@pytest.mark.parametrize(
    ("kind", "expected"), [(50, Call(in_room=False)), (56, Call(in_room=True)), (9998, Noise(wire_type="9998"))]
)
def test_calls_and_noise_have_no_words(kind: int, expected: Content) -> None:
    assert message(xml_of(kind, "")).content == expected


def test_a_finder_video_and_an_app_without_a_type_of_ours() -> None:
    finder = app("<type>51</type><finderFeed><nickname>云河</nickname><desc>日出</desc></finderFeed>")
    music = app("<title>曲</title><des>人</des><type>3</type><url>http://m.example</url>")

    assert finder.content == FinderVideo(author="云河", description="日出", url="")
    assert music.content == AppMessage(wire_type="3", title="曲", description="人", url="http://m.example")


def test_a_bare_ampersand_does_not_break_a_message() -> None:
    found = message(xml_of(47, '<msg><emoji md5="m" len="3" cdnurl="http://x/?a=1&b=2&amp;c=3" /></msg>'))

    assert found.content == Emoji(md5="m", size=3, url="http://x/?a=1&b=2&c=3")


DEEP = "<a>" * 33 + "</a>" * 33
BILLION = '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY l2 "&lol;&lol;">]><msg><img md5="&l2;"/></msg>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><msg><img md5="&e;"/></msg>'


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no xml at all",
        "<msg><img",
        "<msg></other>",
        "<msg/>",
        f"<msg>{DEEP}<img/></msg>",
        BILLION,
        OUTSIDE,
        "<!doctype x><msg><img/></msg>",
        '<msg><img md5="&undefined;"/></img>',
        f"<msg><img/>{'x' * 70_000}</msg>",
        "<msg>\ufffe<img",
    ],
)
@pytest.mark.parametrize("kind", [3, 34, 43, 47, 48, 49, 10002])
def test_broken_or_hostile_xml_never_loses_its_message(kind: int, xml: str) -> None:
    found = message(xml_of(kind, xml))

    assert found.content == Unknown(wire_type=str(kind))
    assert found.raw is not None


def test_a_length_beyond_reason_is_none() -> None:
    found = message(xml_of(34, f'<msg><voicemsg voicelength="{"9" * 18}" length="{"9" * 99}"/></msg>')).content

    assert isinstance(found, Voice)
    assert (found.length, found.size) == (timedelta(days=1), 0)


def test_a_thing_of_ours_that_nobody_can_read_shows_no_person_at_work() -> None:
    ours = text_from(BOT, "<op/>", MsgType=9999, ToUserName={"string": FRIEND})
    image = text_from(BOT, "<broken", MsgType=3, ToUserName={"string": FRIEND})

    assert (message(ours).origin, message(image).origin) == (Origin.SYSTEM, Origin.SELF)
