"""The envelopes of a message (v1, lower-case v1, v2 in three forms) brought to one: who said what, where, and when.

Field names here are GeWe's, in lower case: their case differs between builds of it. A value is plain or
`{"string": …}`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define

from daemon.clock import from_ms
from daemon.domain.message import ROOM_SUFFIX
from daemon.errors import Invalid, Problem

Fields = Mapping[str, Any]

MOST_ID = 64  # characters; a number of 64 bits has 20 at most
LATEST_MS = 4_102_444_800_000  # 2100: later than this is no time
MILLISECONDS = 100_000_000_000  # above this a createTime is ms: as seconds it would be the year 5138
MOST_SEQUENCE = (1 << 63) - 1
SEPARATOR = ":\n"  # between the member who speaks and what they say

_NUMBER = re.compile(rf"-?[0-9]{{1,{MOST_ID}}}")

TEXT, APP, NOTICE, SYSTEM_XML, STATUS = 1, 49, 10000, 10002, 51

# v2's names for MsgType; the others say less than their content does
V2_KINDS = {
    "text": TEXT, "image": 3, "voice": 34, "friend_verify": 37, "card": 42, "video": 43, "emoji": 47, "location": 48,
    "file": APP, "link": APP, "mini_program": APP, "quote": APP, "chat_record": APP, "transfer": APP, "red_packet": APP,
    "finder_feed": APP, "app_msg": APP, "appmsg": APP,
}  # fmt: skip
V2_NOTICES = frozenset(
    {"system", "revoke_msg", "pat_msg", "friend_confirm", "remove_from_group", "group_name_change", "group_dismiss",
     "group_todo", "announcement"}
)  # fmt: skip


@define
class Said:
    """One message as it was said. `kind` is MsgType; a name of v2's where that has no number."""

    kind: int | str
    peer: str
    sender: str  # the room itself for its notices
    is_self: bool
    body: str
    source: str  # MsgSource, XML
    push: str
    number: str | None  # MsgId
    sent_at: datetime
    sequence: int = 0


def lowered(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in fields.items()}


def text(value: Any) -> str:
    """A string, plain or boxed; empty where there is none."""
    if isinstance(value, dict):
        value = value.get("string") or value.get("String")
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    return str(value) if type(value) is int else ""


def identifier(value: Any) -> str | None:
    """A foreign number as text, exact; None where it says nothing."""
    told = text(value).strip()
    return told if _NUMBER.fullmatch(told) and told.strip("-0") else None


def number(value: Any) -> int | None:
    if type(value) is int:
        return value
    told = text(value).strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) <= MOST_ID else None


def moment(value: Any, *, now: datetime) -> datetime:
    """CreateTime, in seconds or milliseconds; `now` where it says no time."""
    told = number(value)
    if told is None or told <= 0:
        return now
    milliseconds = told if told > MILLISECONDS else told * 1000
    return from_ms(milliseconds) if milliseconds < LATEST_MS else now


def from_v1(data: Fields, wxid: str, *, now: datetime) -> Said:
    source, target = _parties(data, "fromusername", "tousername")
    kind = _kind(data.get("msgtype"))
    body = text(data.get("content"))
    is_self = source == wxid != ""
    if source.endswith(ROOM_SUFFIX):
        peer = source
        sender, body = _split(body, room=source, is_notice=kind == NOTICE)
        is_self = sender == wxid != ""
    elif target.endswith(ROOM_SUFFIX):
        peer, sender, body = target, source, body.removeprefix(f"{source}{SEPARATOR}")
    else:
        peer, sender = target if is_self else source, source
    return Said(
        kind=kind,
        peer=peer,
        sender=sender,
        is_self=is_self,
        body=body,
        source=text(data.get("msgsource")),
        push=text(data.get("pushcontent")),
        number=identifier(data.get("msgid")),
        sent_at=moment(data.get("createtime"), now=now),
        sequence=_sequence(data.get("msgseq")),
    )


def from_v2(top: Fields, wxid: str, *, now: datetime) -> Said | None:
    """None where it was said in a room that the callback does not name: answering the sender alone would be wrong."""
    source, target = _parties(top, "fromuser", "touser")
    room, body = text(top.get("fromgroup")), text(top.get("content"))
    if not room:
        room = next((party for party in (source, target) if party.endswith(ROOM_SUFFIX)), "")
    kind = _v2_kind(text(top.get("msgtype")), body)
    if room and source == room:
        sender, body = _split(body, room=room, is_notice=kind == NOTICE)
    else:
        sender = source
        if not room and _in_nameless_room(top, source, body):
            return None
        body = body.removeprefix(f"{source}{SEPARATOR}") if room else body
    is_self = sender == wxid != "" or (top.get("isself") is True and sender != room)
    return Said(
        kind=kind,
        peer=room or (target if is_self else source),
        sender=sender,
        is_self=is_self,
        body=body,
        source=text(top.get("msgsource")) or _as_source(top.get("atuserlist")),
        push=text(top.get("pushcontent")),
        number=identifier(top.get("msgid")),
        sent_at=moment(top.get("createtime"), now=now),
        sequence=_sequence(top.get("msgseq")),
    )


def _parties(fields: Fields, source: str, target: str) -> tuple[str, str]:
    said_by, said_to = text(fields.get(source)), text(fields.get(target))
    if not said_by or not said_to:
        missing = source if not said_by else target
        raise Invalid("gewe.callback.incomplete", [Problem(missing, "is missing or no text")], field=missing)
    return said_by, said_to


def _split(body: str, *, room: str, is_notice: bool) -> tuple[str, str]:
    """Who speaks in a room, and what: `wxid:\\n` comes first, except before a plain notice."""
    speaker, separator, rest = body.partition(SEPARATOR)
    if separator and (speaker == room or (not is_notice and _is_id(speaker))):
        return speaker, rest
    return room, body


def _is_id(speaker: str) -> bool:
    """Whether it could be one: ids are opaque, with or without `wxid_`, but they are one ASCII word."""
    return (
        0 < len(speaker) <= MOST_ID and speaker.isascii() and speaker.isprintable() and not set(speaker) & set(" <>\"'")
    )


def _in_nameless_room(top: Fields, source: str, body: str) -> bool:
    event = text(top.get("eventcode")).lower()
    return event.startswith("group") or (not event and body.startswith(f"{source}{SEPARATOR}"))


def _kind(value: Any) -> int | str:
    told = number(value)
    return text(value)[:MOST_ID] if told is None else told


def _v2_kind(name: str, body: str) -> int | str:
    """The number v1 has for it. A name that covers several is decided by what the content is."""
    known = V2_KINDS.get(name.lower())
    if known is not None:
        return known
    if "<sysmsg" in body:
        return SYSTEM_XML
    if "<appmsg" in body:
        return APP
    if name.lower() in V2_NOTICES:
        return NOTICE
    return STATUS if "<op " in body else name[:MOST_ID]


def _as_source(mentioned: Any) -> str:
    """v2's own list of mentions, in the form that v1 has it."""
    names = ",".join(map(text, mentioned)) if isinstance(mentioned, list) else text(mentioned)
    return f"<atuserlist>{names}</atuserlist>" if names else ""


def _sequence(value: Any) -> int:
    told = number(value)
    return told if told is not None and 0 <= told <= MOST_SEQUENCE else 0
