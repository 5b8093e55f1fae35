"""One callback of GeWe's, from bytes to what it means. Pure: raises Invalid where the bytes are not GeWe's, never more.

Which envelope it is shows in each request by itself: accounts set to v2 are sent v1 as well, and builds differ in case.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from daemon.clock import to_ms
from daemon.domain.account import AccountSignal, Signal
from daemon.domain.callback import Callback, ControlPacket, Unrecognised
from daemon.domain.contact import Change, ContactChange
from daemon.domain.content import Content, Unknown
from daemon.domain.message import ROOM_SUFFIX, AppId, Message, Origin, Wxid
from daemon.errors import Invalid, Problem
from daemon.net.gewe import bodies
from daemon.net.gewe.envelope import MOST_ID, Fields, Said, from_v1, from_v2, identifier, lowered, number, text
from daemon.net.gewe.kinds import is_notice, read_content
from daemon.net.gewe.people import is_system, mentions, nickname
from daemon.secret import Secret

RELAYED = 3  # envelopes of a relay around the body, at most
SAME_EVENT = 10_000  # ms: the same event without an id or a time of its own is a repetition for so long
PSEUDO_DIGITS = 10  # MsgId == NewMsgId of this many digits is a time, not an id: many events share one
BEFRIENDED = 3  # BitVal of a contact that is a friend

MESSAGE, CHANGED, REMOVED = "AddMsg", "ModContacts", "DelContacts"
V2_EVENTS = {"mod_contacts": CHANGED, "del_contacts": REMOVED}

# by how the event's name begins: its spelling differs between builds
SIGNALS = {
    "login_success": Signal.ONLINE,
    "long_connected": Signal.ONLINE,
    "long_serve_start_success": Signal.ONLINE,
    "long_success": Signal.ONLINE,
    "reconnect_success": Signal.ONLINE,
    "long_disconnected": Signal.RECONNECTING,
    "long_serve_close": Signal.RECONNECTING,
    "reconnect_start": Signal.RECONNECTING,
    "login_error": Signal.OFFLINE,
    "long_fail": Signal.OFFLINE,
    "long_serve_start_failure": Signal.OFFLINE,
    "long_serve_start_timeout": Signal.OFFLINE,
    "offline": Signal.OFFLINE,
    "reconnect_fail": Signal.OFFLINE,
    "logout": Signal.LOGGED_OUT,
}


@frozen
class _Body:
    """What every envelope has, and the body as it came."""

    whole: Mapping[str, Any]
    top: Fields
    app_id: AppId
    wxid: str
    now: datetime


def read(raw: bytes, *, now: datetime) -> Callback:
    whole = _unwrapped(bodies.document(raw))
    if _has_rounded_id(whole):
        whole = _unwrapped(bodies.exact(raw))
    top = _joined(whole)
    if "testmsg" in top or "callbackurl" in top:
        token = text(top.get("token"))
        return ControlPacket(token=Secret(token) if token else None)
    app_id = text(top.get("appid"))
    body = _Body(whole, top, AppId(app_id), text(top.get("wxid")), now)
    if not ("typename" in top or "msgtype" in top):
        return _unrecognised(body, "probe")
    if not app_id or len(app_id) > MOST_ID:
        raise Invalid("gewe.callback.incomplete", [Problem("Appid", "is missing or no id")], field="Appid")
    return _v1(body) if "typename" in top else _v2(body)


def _v1(body: _Body) -> Callback:
    name, fields = text(body.top["typename"]), body.top.get("data")
    fields = lowered(fields) if isinstance(fields, dict) else {}
    match name:
        case "AddMsg":
            return _message(body, fields, from_v1(fields, body.wxid, now=body.now))
        case "ModContacts" | "DelContacts":
            return _contact(body, name, fields)
        case _:
            return _signal(body, name)


def _v2(body: _Body) -> Callback:
    name = text(body.top["msgtype"])
    event = V2_EVENTS.get(name.lower())
    if event is not None:
        return _contact(body, event, body.top)
    if "fromuser" not in body.top or _signalled(name) is not None:
        return _signal(body, name)
    said = from_v2(body.top, body.wxid, now=body.now)
    if said is None:
        return _unrecognised(body, f"{name[:MOST_ID]} in a room without its id")
    return _message(body, body.top, said)


def _message(body: _Body, fields: Fields, said: Said) -> Message:
    content, shown = read_content(said)
    wechat_id = identifier(fields.get("newmsgid"))
    return Message(
        app_id=body.app_id,
        dedupe_key=_key(body, MESSAGE, wechat_id, said.number),
        wechat_id=wechat_id,
        peer=Wxid(said.peer),
        sender=Wxid(said.sender),
        origin=_origin(said, content),
        content=content,
        text=shown,
        mentions=mentions(said, body.wxid),
        nickname=nickname(said.push) if said.push else None,
        sent_at=said.sent_at,
        sequence=said.sequence,
        account_wxid=Wxid(body.wxid) if body.wxid else None,
        raw=bodies.kept(body.whole) if isinstance(content, Unknown) else None,
    )


def _origin(said: Said, content: Content) -> Origin:
    of_room = said.sender == said.peer and said.peer.endswith(ROOM_SUFFIX)
    if of_room or is_notice(said, content) or is_system(said.sender):
        return Origin.SYSTEM
    return Origin.SELF if said.is_self else Origin.PEER


def _contact(body: _Body, name: str, fields: Fields) -> Callback:
    contact = text(fields.get("username")) or text(fields.get("fromuser"))
    if not contact:
        return _unrecognised(body, name)
    removed = name == REMOVED
    return ContactChange(
        app_id=body.app_id,
        wxid=Wxid(body.wxid) if body.wxid else None,
        dedupe_key=_event_key(body, name) if removed else _key(body, name, None, None),
        change=Change.REMOVED if removed else Change.CHANGED,
        contact=Wxid(contact),
        name=text(fields.get("nickname")) or None,
        remark=text(fields.get("remark")) or None,
        owner=Wxid(owner) if (owner := text(fields.get("chatroomowner"))) else None,
        user_ticket=text(fields.get("encryptusername")) or None,
        befriended=not removed and number(fields.get("bitval")) == BEFRIENDED,
    )


def _signal(body: _Body, name: str) -> Callback:
    signal = _signalled(name)
    if signal is None:
        return _unrecognised(body, name[:MOST_ID])
    return AccountSignal(
        app_id=body.app_id,
        wxid=Wxid(body.wxid) if body.wxid else None,
        signal=signal,
        detail=name[:MOST_ID],
        dedupe_key=_event_key(body, name[:MOST_ID]),
    )


def _signalled(name: str) -> Signal | None:
    name = name.lower()
    return next((signal for begins, signal in SIGNALS.items() if name.startswith(begins)), None)


def _unrecognised(body: _Body, what: str) -> Unrecognised:
    return Unrecognised(
        app_id=body.app_id or None,
        what=what,
        dedupe_key=_key(body, what, None, None),
        raw=bodies.kept(body.whole),
    )


def _key(body: _Body, name: str, wechat_id: str | None, number: str | None) -> str:
    """The same for every delivery of one event, in whichever envelope; another for every other event."""
    if wechat_id is not None and not (wechat_id == number and len(wechat_id) == PSEUDO_DIGITS):
        return f"m:{body.app_id}:{name}:{wechat_id}"
    return f"h:{body.app_id}:{name}:{hashlib.sha256(bodies.kept(body.whole)).hexdigest()}"


def _event_key(body: _Body, name: str) -> str:
    """For an event whose body is the same each time it truly happens again, such as going offline."""
    return f"{_key(body, name, None, None)}:{to_ms(body.now) // SAME_EVENT}"


def _joined(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Its keys in one spelling: TypeName and type_name, Appid and appId are the same."""
    return {key.lower().replace("_", ""): value for key, value in whole.items()}


def _unwrapped(document: Any) -> Mapping[str, Any]:
    """The body itself, out of the `{"body": …}` of a relay."""
    for _ in range(RELAYED):
        if not isinstance(document, dict) or not isinstance(document.get("body"), dict) or _is_ours(document):
            break
        document = document["body"]
    if not isinstance(document, dict):
        raise Invalid("gewe.callback.not_an_object")
    return document


def _is_ours(document: Mapping[str, Any]) -> bool:
    return not {"typename", "msgtype", "testmsg", "callbackurl"}.isdisjoint(_joined(document))


def _has_rounded_id(whole: Mapping[str, Any]) -> bool:
    """Whether an id may have come out as a fraction: a fast parser does that to integers of more than 64 bits."""
    data = whole.get("Data") or whole.get("data")
    fields = data if isinstance(data, dict) else whole
    return float in map(type, fields.values())
