"""System XML (MsgType 10002): revocations, pats, and what happens to a room."""

import re
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from daemon.domain.content import (
    Announcement,
    GroupNotice,
    GroupTodo,
    JoinApplication,
    Noise,
    Pat,
    Person,
    Revoke,
    Slot,
    Unknown,
)
from daemon.net.gewe.envelope import Said
from daemon.net.gewe.shown import Shown
from daemon.net.gewe.xml import said

MOST_PEOPLE = 500  # a room has at most that many members

_GAP = re.compile(r"\$(\w{1,32})\$")  # "$username$"邀请"$names$"加入了群聊
_WXID = re.compile(r"\$\{([^{}]{1,64})\}")  # "${wxid_a}" 拍了拍我


def read_notice(root: Element, whole: Said) -> Shown | None:
    if root.tag != "sysmsg":
        return None
    kind = root.get("type", "")
    return _READERS.get(kind, _unknown)(root, whole)


def _revoke(root: Element, _: Said) -> Shown:
    revoke = Revoke(
        revoked_id=said(root, "revokemsg/newmsgid"),
        revoked_number=said(root, "revokemsg/msgid"),
    )
    return Shown(revoke, said(root, "revokemsg/replacemsg"))


def _pat(root: Element, _: Said) -> Shown:
    pat = Pat(by=said(root, "pat/fromusername"), patted=said(root, "pat/pattedusername"))
    return Shown(pat, _WXID.sub(r"\1", said(root, "pat/template")))


def _group_notice(root: Element, _: Said) -> Shown:
    content = root.find("sysmsgtemplate/content_template")
    if content is None:
        return Shown(GroupNotice(template="", slots=()), "")
    template = said(content, "template") or said(content, "plain")
    links = content.findall("link_list/link")
    words = {link.get("name", ""): _names(link) for link in links}
    slots = tuple(Slot(name=link.get("name", ""), people=_people(link)) for link in links)
    return Shown(GroupNotice(template=template, slots=slots), _GAP.sub(lambda gap: words.get(gap[1], gap[0]), template))


def _people(link: Element) -> tuple[Person, ...]:
    members = link.findall("memberlist/member")[:MOST_PEOPLE]
    return tuple(Person(wxid=said(member, "username"), name=said(member, "nickname")) for member in members)


def _names(link: Element) -> str:
    separator = link.findtext("separator") or "、"
    return separator.join(person.name or person.wxid for person in _people(link)) or said(link, "plain")


def _member_undo(root: Element, _: Said) -> Shown:
    text = said(root, "delchatroommember/plain") or said(root, "delchatroommember/text")
    return Shown(GroupNotice(template=text, slots=()), text)


def _announcement(root: Element, _: Said) -> Shown:
    return Shown(Announcement(), said(root, "mmchatroombarannouncememt/content"))


def _todo(root: Element, _: Said) -> Shown:
    return Shown(GroupTodo(), said(root, "todo/title") or said(root, "roomtoolstips/title"))


def _application(root: Element, whole: Said) -> Shown:
    application = JoinApplication(xml=whole.body[whole.body.find("<") :])
    return Shown(application, said(root, f"{root.get('type')}/text"))


def _noise(root: Element, _: Said) -> Shown:
    return Shown(Noise(wire_type=root.get("type", "")), "")


def _unknown(root: Element, whole: Said) -> Shown:
    kind = root.get("type", "")
    return Shown(Unknown(wire_type=f"{whole.kind}/{kind}"), f"[{kind}]")


_READERS: Mapping[str, Callable[[Element, Said], Shown]] = {
    "revokemsg": _revoke,
    "pat": _pat,
    "sysmsgtemplate": _group_notice,
    "delchatroommember": _member_undo,
    "mmchatroombarannouncememt": _announcement,
    "roomtoolstips": _todo,
    "NewXmlChatRoomAccessVerifyApplication": _application,
    "functionmsg": _noise,
    "ilinkvoip": _noise,
    "trackmsg": _noise,
}
