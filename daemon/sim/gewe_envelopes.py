"""One event in each of the envelopes GeWe is known to push: v1, lower-case v1, and v2 with its three group forms."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

Body = dict[str, Any]

_APP_TYPE = re.compile(r"<appmsg.*?<type>(?:<!\[CDATA\[)?(\d+)", re.DOTALL)
_REVOKED = 'type="revokemsg"'
_PAT = 'type="pat"'

# contract 13: v2's names of MsgType, and of the type inside an app message
NAMES = {
    1: "TEXT", 3: "IMAGE", 34: "VOICE", 37: "FRIEND_VERIFY", 42: "CARD", 43: "VIDEO", 47: "EMOJI", 48: "LOCATION",
    10000: "SYSTEM",
}  # fmt: skip
APP_NAMES = {
    5: "LINK", 6: "FILE", 19: "CHAT_RECORD", 33: "MINI_PROGRAM", 36: "MINI_PROGRAM", 51: "FINDER_FEED", 57: "QUOTE",
    87: "ANNOUNCEMENT", 2000: "TRANSFER", 2001: "RED_PACKET",
}  # fmt: skip
EVENTS = {"ModContacts": "MOD_CONTACTS", "DelContacts": "DEL_CONTACTS", "Offline": "LOGOUT"}


class Envelope(StrEnum):
    V1 = "v1"
    V1_LOWER = "v1-lower"
    V2A = "v2a"  # fromGroup, the real sender, no prefix
    V2B = "v2b"  # the real sender and the prefix, no group at all
    V2C = "v2c"  # the group as sender, and the prefix

    @property
    def is_flat(self) -> bool:
        return self in (Envelope.V2A, Envelope.V2B, Envelope.V2C)


def wrapped(body: Mapping[str, Any], envelope: Envelope) -> Body:
    """A v1 event as this envelope has it."""
    match envelope:
        case Envelope.V1:
            return dict(body)
        case Envelope.V1_LOWER:
            return lower_case(body)
        case _:
            return flat(body, envelope)


def lower_case(body: Mapping[str, Any]) -> Body:
    names = {"TypeName": "type_name", "Appid": "appid", "Wxid": "wxid", "Data": "data"}
    return {names.get(key, key): value for key, value in body.items()}


def flat(body: Mapping[str, Any], envelope: Envelope) -> Body:
    data, wxid = body.get("Data", {}), body.get("Wxid")
    head = {"appid": body["Appid"], **({"wxid": wxid} if wxid else {})}
    if body["TypeName"] != "AddMsg":
        event = body.get("Event") or EVENTS.get(body["TypeName"], "UNKNOWN")
        who = {"fromUser": data["UserName"]["string"]} if "UserName" in data else {}
        return {**head, "msgType": event, **who}
    push = {"pushContent": data["PushContent"]} if "PushContent" in data else {}
    return {
        **head,
        "msgType": name_of(data["MsgType"], data["Content"]["string"]),
        **_parties(data, envelope),
        "toUser": data["ToUserName"]["string"],
        "msgId": data["MsgId"],
        "newMsgId": data["NewMsgId"],
        "createTime": data["CreateTime"] * 1000,
        "isSelf": data["FromUserName"]["string"] == wxid,
        **push,
    }


def name_of(kind: int, content: str) -> str:
    if kind == 49:
        found = _APP_TYPE.search(content)
        return APP_NAMES.get(int(found[1]), "APP_MSG") if found else "APP_MSG"
    if kind == 10002:
        return "REVOKE_MSG" if _REVOKED in content else "PAT_MSG" if _PAT in content else "SYSTEM"
    return NAMES.get(kind, "UNKNOWN")


def _parties(data: Mapping[str, Any], envelope: Envelope) -> Body:
    peer, content = data["FromUserName"]["string"], data["Content"]["string"]
    if not peer.endswith("@chatroom"):
        return {"content": content, "fromUser": peer, "eventCode": "private_msg_event"}
    sender, colon, text = content.partition(":\n")
    speaker = sender if colon else peer
    match envelope:
        case Envelope.V2A:
            return {
                "content": text if colon else content,
                "fromGroup": peer,
                "fromUser": speaker,
                "eventCode": "group_msg_event",
            }
        case Envelope.V2B:
            return {"content": content, "fromUser": speaker, "eventCode": "group_msg_event"}
        case _:
            return {"content": content, "fromUser": peer, "eventCode": "group_msg_event"}
