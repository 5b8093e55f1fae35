"""A message's content by MsgType: WeChat's XML as one of our types, and what a person would read of it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from xml.etree.ElementTree import Element

from daemon.domain.content import (
    NOTICES,
    Call,
    Content,
    Emoji,
    FriendRequest,
    Image,
    Location,
    NameCard,
    Noise,
    Notice,
    Text,
    Unknown,
    Video,
    Voice,
)
from daemon.net.gewe.apps import read_app
from daemon.net.gewe.envelope import APP, NOTICE, STATUS, SYSTEM_XML, TEXT, Said
from daemon.net.gewe.notices import read_notice
from daemon.net.gewe.shown import Shown
from daemon.net.gewe.xml import number, parse

NOTHING = 9998
VOIP, GROUP_VOIP = 50, 56


def read_content(said: Said) -> Shown:
    """What it is and what a person reads of it. Content that cannot be read is Unknown, never lost."""
    if said.kind == TEXT:
        return Shown(Text(), said.body)
    plain = _PLAIN.get(said.kind)
    if plain is not None:
        return plain(said)
    reader = _WITH_XML.get(said.kind)
    root = parse(said.body) if reader is not None else None
    shown = reader(root, said) if reader is not None and root is not None else None
    return shown or Shown(Unknown(wire_type=str(said.kind)), f"[{said.kind}]")


def is_notice(said: Said, content: Content) -> bool:
    """Whether WeChat is speaking, whoever caused it: never answered, and no sign of a person at work."""
    unread = isinstance(content, Unknown) and (said.kind == SYSTEM_XML or said.kind not in _WITH_XML)
    return unread or isinstance(content, NOTICES)


def _notice(said: Said) -> Shown:
    return Shown(Notice(), said.body)


def _noise(said: Said) -> Shown:
    return Shown(Noise(wire_type=str(said.kind)), "")


def _call(said: Said) -> Shown:
    return Shown(Call(in_room=said.kind == GROUP_VOIP), "[通话]")


def _image(root: Element, said: Said) -> Shown | None:
    node = root.find("img")
    if node is None:
        return None
    return Shown(Image(xml=_xml(said), md5=node.get("md5", ""), size=number(node.get("length"))), "[图片]")


def _voice(root: Element, said: Said) -> Shown | None:
    node = root.find("voicemsg")
    if node is None:
        return None
    length = timedelta(milliseconds=_bounded(node.get("voicelength")))
    voice = Voice(xml=_xml(said), number=said.number or "", length=length, size=number(node.get("length")))
    return Shown(voice, f"[语音] {round(length.total_seconds())}″")


def _video(root: Element, said: Said) -> Shown | None:
    node = root.find("videomsg")
    if node is None:
        return None
    length = timedelta(seconds=_bounded(node.get("playlength")))
    video = Video(xml=_xml(said), md5=node.get("md5", ""), length=length, size=number(node.get("length")))
    return Shown(video, "[视频]")


def _emoji(root: Element, _: Said) -> Shown | None:
    node = root.find("emoji")
    if node is None:
        return None
    emoji = Emoji(md5=node.get("md5", ""), size=number(node.get("len")), url=node.get("cdnurl", ""))
    return Shown(emoji, "[动画表情]")


def _location(root: Element, _: Said) -> Shown | None:
    node = root.find("location")
    if node is None:
        return None
    place = Location(
        latitude=node.get("x", ""),
        longitude=node.get("y", ""),
        label=node.get("label", ""),
        name=node.get("poiname", ""),
    )
    return Shown(place, " ".join(filter(None, ("[位置]", place.name, place.label))))


def _name_card(root: Element, _: Said) -> Shown:
    card = NameCard(
        nickname=root.get("nickname", ""),
        alias=root.get("alias", ""),
        user_ticket=root.get("username", ""),
        ticket=root.get("antispamticket", ""),
        scene=number(root.get("scene")),
    )
    return Shown(card, f"[名片] {card.nickname}")


def _friend_request(root: Element, _: Said) -> Shown:
    request = FriendRequest(
        wxid=root.get("fromusername", ""),
        nickname=root.get("fromnickname", ""),
        greeting=root.get("content", ""),
        user_ticket=root.get("encryptusername", ""),
        ticket=root.get("ticket", ""),
        scene=number(root.get("scene")),
        room=root.get("chatroomusername", ""),
    )
    return Shown(request, f"{request.nickname}: {request.greeting}")


def _xml(said: Said) -> str:
    return said.body[said.body.find("<") :]


LONGEST = 24 * 60 * 60 * 1000  # a day in ms, far beyond what WeChat records: keeps hostile numbers out of timedelta


def _bounded(told: str | None) -> int:
    return min(number(told), LONGEST)


_PLAIN: Mapping[int | str, Callable[[Said], Shown]] = {
    NOTICE: _notice,
    STATUS: _noise,
    NOTHING: _noise,
    VOIP: _call,
    GROUP_VOIP: _call,
}
_WITH_XML: Mapping[int | str, Callable[[Element, Said], Shown | None]] = {
    3: _image,
    34: _voice,
    37: _friend_request,
    42: _name_card,
    43: _video,
    47: _emoji,
    48: _location,
    62: _video,
    APP: read_app,
    SYSTEM_XML: read_notice,
}
