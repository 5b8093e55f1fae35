"""The events a WeChat session gives rise to, as v1 bodies; among them the samples of the contract."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from attrs import define, field, frozen

from daemon.codec import parse

Body = dict[str, Any]

ACCOUNT = "Account"  # our name for what v1 has no event for
SAMPLE_BOT = "wxid_bot000000000001"
_SOURCE_END = (
    "\t<signature>v1_volHXhv4</signature>\n"
    "\t<tmp_node>\n\t\t<publisher-id></publisher-id>\n\t</tmp_node>\n</msgsource>\n"
)
PRIVATE_SOURCE = "<msgsource>\n" + _SOURCE_END


@frozen(kw_only=True)
class Line:
    """A message on its way into a callback."""

    app_id: str
    wxid: str  # the account
    sender: str  # FromUserName
    to: str  # ToUserName
    content: str
    push: str | None
    source: str = PRIVATE_SOURCE
    kind: int = 1  # MsgType
    inline: bytes = b""  # ImgBuf: a picture's thumb, or the voice
    status: int = 3  # 4 is a notice


@define(eq=False)
class Numbers:
    """The running ids of one WeChat."""

    msg_id: int = 1_040_356_096
    seq: int = 640_356_096

    def next(self) -> tuple[int, int]:
        self.msg_id = (self.msg_id + 1) % (1 << 31)
        self.seq += 1
        return self.msg_id, self.seq


def text(line: Line, *, numbers: Numbers, new_msg_id: int, create_time: int) -> Body:
    """A message of any kind, in spite of the name: a text is the usual one."""
    msg_id, seq = numbers.next()
    data: Body = {
        "MsgId": msg_id,
        "FromUserName": {"string": line.sender},
        "ToUserName": {"string": line.to},
        "MsgType": line.kind,
        "Content": {"string": line.content},
        "Status": line.status,
        "ImgStatus": 2 if line.kind in (3, 47) else 1,
        "ImgBuf": _inline(line.inline),
        "CreateTime": create_time,
        "MsgSource": line.source,
        **({"PushContent": line.push} if line.push is not None else {}),
        "NewMsgId": new_msg_id,
        "MsgSeq": seq,
    }
    return {"TypeName": "AddMsg", "Appid": line.app_id, "Wxid": line.wxid, "Data": data}


def _inline(raw: bytes) -> Body:
    return {"iLen": len(raw), "buffer": base64.b64encode(raw).decode()} if raw else {"iLen": 0}


def room_source(at: Sequence[str], members: int) -> str:
    listed = f"\t<atuserlist><![CDATA[,{','.join(at)}]]></atuserlist>\n\t<pua>1</pua>\n" if at else ""
    return f"<msgsource>\n{listed}\t<silence>0</silence>\n\t<membercount>{members}</membercount>\n{_SOURCE_END}"


def account_event(app_id: str, wxid: str, event: str) -> Body:
    """What only the flat envelope tells of an account; `event` by its v2 name."""
    return {"TypeName": ACCOUNT, "Appid": app_id, "Wxid": wxid, "Event": event}


def offline(app_id: str, wxid: str) -> Body:
    return {"TypeName": "Offline", "Appid": app_id, "Wxid": wxid}


@frozen
class Samples:
    """E1 to E29 of the contract by name (`E11a`, `E11b`)."""

    bodies: Mapping[str, Body] = field(factory=lambda: dict(_read()))

    def body(self, name: str, app_id: str, wxid: str) -> Body:
        """The sample as this account would get it, with the sample's own ids and times."""
        body = _renamed(self.bodies[name], wxid)
        return {**body, "Appid": app_id}


def renumbered(body: Body, *, numbers: Numbers, new_msg_id: int, create_time: int) -> Body:
    """The same event, happening now. A pseudo-message keeps its small id, which is what makes it one."""
    data = body.get("Data", {})
    if "NewMsgId" not in data:
        return body
    msg_id, seq = numbers.next()
    kept = data["NewMsgId"] if data["NewMsgId"] < 1 << 32 else new_msg_id
    fresh = {**data, "MsgId": msg_id, "MsgSeq": seq, "NewMsgId": kept, "CreateTime": create_time}
    return {**body, "Data": fresh}


def _renamed(value: Any, wxid: str) -> Any:
    match value:
        case str():
            return value.replace(SAMPLE_BOT, wxid)
        case dict():
            return {key: _renamed(item, wxid) for key, item in value.items()}
        case list():
            return [_renamed(item, wxid) for item in value]
        case _:
            return value


def _read() -> Iterator[tuple[str, Body]]:
    for line in files(__package__).joinpath("samples.jsonl").read_bytes().splitlines():
        sample = parse(line)
        yield sample["name"], sample["body"]
