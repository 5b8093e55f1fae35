"""Who is @-ed in a message, and how its sender is shown: read from MsgSource and PushContent."""

import re

from daemon.domain.message import MENTION_ALL, Wxid
from daemon.net.gewe.envelope import Said

MOST_MENTIONS = 500  # a room has at most that many members

SYSTEM_SENDERS = frozenset(
    {
        "exmail_tool", "filehelper", "floatbottle", "fmessage", "medianote", "mphelper", "newsapp", "qmessage",
        "qqmail", "qqsafe", "tmessage", "weibo", "weixin",
    }
)  # fmt: skip
OFFICIAL = "gh_"  # official accounts: they broadcast

_BETWEEN = re.compile(r"[,;\s]+")
_IN_ROOM = "在群聊中"  # "Ann在群聊中@了你", "Ann在群聊中发了一张图片"
_AT_US = "在群聊中@了你"
_AT_ALL = "@了所有人"
_SAYS = " : "  # "Ann : 你好"


def is_system(sender: str) -> bool:
    return sender in SYSTEM_SENDERS or sender.startswith(OFFICIAL)


def mentions(said: Said, wxid: str) -> frozenset[Wxid]:
    """Whom it names. The notification tells of us too where the list is missing, as it always is in v2."""
    named = _listed(said.source)
    if _SAYS in said.push:  # it quotes the text, which may say anything
        return named
    if said.push.endswith(_AT_US) and wxid:
        return named | {Wxid(wxid)}
    return named | {MENTION_ALL} if said.push.endswith(_AT_ALL) else named


def nickname(push: str) -> str | None:
    """The name before what a notification says."""
    for mark in (_SAYS, _IN_ROOM):
        name, found, _ = push.partition(mark)
        if found:
            return name.strip() or None
    return None


def _listed(source: str) -> frozenset[Wxid]:
    _, opened, rest = source.partition("<atuserlist>")
    names, closed, _ = rest.partition("</atuserlist>")
    if not opened or not closed:
        return frozenset()
    names = names.strip().removeprefix("<![CDATA[").removesuffix("]]>")
    return frozenset(Wxid(name) for name in _BETWEEN.split(names)[:MOST_MENTIONS] if name)
