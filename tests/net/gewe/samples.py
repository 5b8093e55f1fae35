"""Callbacks as GeWe sends them, one file each; every id, name and text in them is made up."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "data" / "gewe"
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))

APP = "wx_Qiao-samples_0000000007"
BOT = "wxid_bridge0keeper7"
FRIEND = "wxid_lan5xq81ttz22"
MEMBER = "heyun1988"  # an id without wxid_
NEWCOMER = "wxid_tomas0k4e9w11"
ROOM = "20771500341@chatroom"


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return body


def raw(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def text_from(source: str, content: str, **data: Any) -> dict[str, Any]:
    """A text like e01, with other words; `data` replaces fields of Data."""
    body = sample("e01_private_text")
    body["Data"] |= {"FromUserName": {"string": source}, "Content": {"string": content}, **data}
    return body


def xml_of(kind: int, content: str, **data: Any) -> dict[str, Any]:
    return text_from(FRIEND, content, MsgType=kind, **data)
