"""App messages (MsgType 49): links, files, quotes, mini programs, money, and the rest of what can be shared."""

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from daemon.domain.content import Announcement
from daemon.domain.shared import (
    AppMessage,
    ChatRecord,
    File,
    FileAnnounced,
    FinderVideo,
    GroupInvitation,
    Link,
    MiniProgram,
    Quote,
    RecordLine,
    RedPacket,
    Transfer,
)
from daemon.net.gewe.envelope import Said
from daemon.net.gewe.shown import Shown
from daemon.net.gewe.xml import number, parse, said

MOST_LINES = 200  # of a forwarded chat; WeChat forwards 100 at once
INVITED = "邀请你加入群聊"  # the phone's language; the address tells in any
INVITING = "addchatroombyinvite"
FORWARDED_RECORD = "19"
STAGES = {"1": "sent", "3": "received", "4": "refunded"}  # of a transfer: paysubtype

# what stands for a quoted thing that is no text, by its MsgType
QUOTED = {"3": "[图片]", "34": "[语音]", "43": "[视频]", "47": "[动画表情]", "48": "[位置]", "42": "[名片]"}


def read_app(root: Element, whole: Said) -> Shown | None:
    app = root if root.tag == "appmsg" else root.find("appmsg")
    if app is None:
        return None
    kind = said(app, "type")
    if kind == "40" and said(app, "realinnertype") == FORWARDED_RECORD:
        kind = FORWARDED_RECORD
    return _READERS.get(kind, _other)(app, whole)


def _xml(whole: Said) -> str:
    """What WeChat said, without the sender before it."""
    return whole.body[whole.body.find("<") :]


def _link(app: Element, whole: Said) -> Shown:
    title, url, description = said(app, "title"), said(app, "url"), said(app, "des")
    if INVITING in url or title == INVITED:
        return Shown(GroupInvitation(title=title, description=description, url=url), f"[{title}] {description}")
    link = Link(title=title, description=description, url=url, source=said(app, "sourcedisplayname"), xml=_xml(whole))
    return Shown(link, f"[链接] {title}")


def _file(app: Element, whole: Said) -> Shown:
    file = File(
        xml=_xml(whole),
        name=said(app, "title"),
        size=number(said(app, "appattach/totallen")),
        extension=said(app, "appattach/fileext"),
        md5=said(app, "md5"),
        announced_as=said(app, "appattach/overwrite_newmsgid"),
    )
    return Shown(file, f"[文件] {file.name}")


def _file_announced(app: Element, _: Said) -> Shown:
    file = FileAnnounced(
        name=said(app, "title"),
        size=number(said(app, "appattach/totallen")),
        extension=said(app, "appattach/fileext"),
        md5=said(app, "md5"),
    )
    return Shown(file, f"[文件] {file.name}")


def _quote(app: Element, _: Said) -> Shown:
    quote = Quote(
        quoted_id=said(app, "refermsg/svrid"),
        quoted_author=said(app, "refermsg/chatusr") or said(app, "refermsg/fromusr"),
        quoted_name=said(app, "refermsg/displayname"),
        quoted_text=_quoted_text(said(app, "refermsg/type"), said(app, "refermsg/content")),
    )
    return Shown(quote, said(app, "title"))


def _quoted_text(kind: str, content: str) -> str:
    if kind == "1" or not content.startswith("<"):
        return content
    inner = parse(content) if kind == "49" else None
    return QUOTED.get(kind, "") if inner is None else said(inner, "appmsg/title")


def _chat_record(app: Element, _: Said) -> Shown:
    inner = parse(said(app, "recorditem"))
    items = [] if inner is None else inner.findall("datalist/dataitem")[:MOST_LINES]
    record = ChatRecord(
        title=said(app, "title"), description=said(app, "des"), lines=tuple(_record_line(item) for item in items)
    )
    return Shown(record, f"[聊天记录] {record.title}")


def _record_line(item: Element) -> RecordLine:
    return RecordLine(
        kind=item.get("datatype", ""),
        author=said(item, "sourcename"),
        at=said(item, "sourcetime"),
        text=said(item, "datadesc") or said(item, "datatitle"),
    )


def _mini_program(app: Element, whole: Said) -> Shown:
    program = MiniProgram(
        title=said(app, "title"),
        name=said(app, "sourcedisplayname"),
        app_id=said(app, "weappinfo/appid"),
        owner=said(app, "weappinfo/username") or said(app, "sourceusername"),
        page=said(app, "weappinfo/pagepath"),
        xml=_xml(whole),
    )
    return Shown(program, f"[小程序] {program.title}")


def _finder_video(app: Element, _: Said) -> Shown:
    video = FinderVideo(
        author=said(app, "finderFeed/nickname"),
        description=said(app, "finderFeed/desc"),
        url=said(app, "finderFeed/mediaList/media/url"),
    )
    return Shown(video, f"[视频号] {video.author} {video.description}".rstrip())


def _announcement(app: Element, _: Said) -> Shown:
    return Shown(Announcement(), said(app, "textannouncement") or said(app, "des") or said(app, "title"))


def _transfer(app: Element, _: Said) -> Shown:
    stage = said(app, "wcpayinfo/paysubtype")
    transfer = Transfer(
        stage=STAGES.get(stage, stage),
        amount=said(app, "wcpayinfo/feedesc"),
        transfer_id=said(app, "wcpayinfo/transferid"),
        memo=said(app, "wcpayinfo/pay_memo"),
    )
    return Shown(transfer, f"[转账] {transfer.amount}")


def _red_packet(app: Element, _: Said) -> Shown:
    wish = said(app, "wcpayinfo/sendertitle")
    return Shown(RedPacket(wish=wish), f"[红包] {wish}")


def _other(app: Element, _: Said) -> Shown:
    message = AppMessage(
        wire_type=said(app, "type"), title=said(app, "title"), description=said(app, "des"), url=said(app, "url")
    )
    return Shown(message, f"[分享] {message.title}")


_READERS: Mapping[str, Callable[[Element, Said], Shown]] = {
    "4": _link,
    "5": _link,
    "6": _file,
    FORWARDED_RECORD: _chat_record,
    "33": _mini_program,
    "36": _mini_program,
    "51": _finder_video,
    "57": _quote,
    "74": _file_announced,
    "87": _announcement,
    "2000": _transfer,
    "2001": _red_packet,
}
