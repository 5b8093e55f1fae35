"""What somebody wants sent, as far as it only names a message we have: looked up when it is queued."""

from attrs import frozen

from daemon.codec import parse
from daemon.domain.message import AccountId, Wxid
from daemon.domain.outgoing import Forward, Parcel, QuoteReply
from daemon.errors import Invalid, Problem
from daemon.store import messages
from daemon.store.messages import Held
from daemon.store.tx import Tx
from daemon.texts import render

MINI_PROGRAM = "mini_program"
FORWARDED = frozenset(
    {"file", "image", "video", "link", MINI_PROGRAM}
)  # received kinds whose XML we have: GeWe wants it back


@frozen(kw_only=True)
class QuoteOf:
    """A text that quotes a message of the same conversation, named by our id or by WeChat's."""

    text: str
    message_id: str | None = None
    wechat_id: str | None = None


@frozen(kw_only=True)
class ForwardOf:
    """A medium that the account received, sent on."""

    message_id: str
    cover_url: str = ""  # a mini program needs one, and nothing else has one


Draft = Parcel | QuoteOf | ForwardOf


def parcel(tx: Tx, account_id: AccountId, to: Wxid, draft: Draft, language: str) -> Parcel:
    """What is to be sent. Raises Invalid naming the field that leads nowhere."""
    match draft:
        case QuoteOf():
            return _quote(tx, account_id, to, draft, language)
        case ForwardOf():
            return _forward(tx, account_id, draft, language)
        case _:
            return draft


def _quote(tx: Tx, account_id: AccountId, to: Wxid, draft: QuoteOf, language: str) -> QuoteReply:
    if draft.message_id is not None:
        field, held = "message_id", messages.held(tx, account_id, message_id=draft.message_id)
    else:
        field, held = "wechat_id", messages.held(tx, account_id, wechat_id=draft.wechat_id)
    if held is None or held.peer != to or held.wechat_id is None:
        raise _wrong(field, "send.nothing_to_quote", language)
    return QuoteReply(
        text=draft.text,
        wechat_id=held.wechat_id,
        sender=held.sender,
        nickname=held.nickname or "",
        quoted=held.text,
    )


def _forward(tx: Tx, account_id: AccountId, draft: ForwardOf, language: str) -> Forward:
    held = messages.held(tx, account_id, message_id=draft.message_id)
    xml = _xml(held) if held is not None and held.kind in FORWARDED else ""
    if held is None or not xml:
        raise _wrong("message_id", "send.nothing_to_forward", language)
    if held.kind == MINI_PROGRAM and not draft.cover_url:
        raise _wrong("cover_url", "field.required", language)
    if held.kind != MINI_PROGRAM and draft.cover_url:
        raise _wrong("cover_url", "send.no_cover", language)
    return Forward(what=held.kind, xml=xml, cover_url=draft.cover_url)


def _xml(held: Held) -> str:
    return str(parse(held.content).get("xml", ""))


def _wrong(field: str, code: str, language: str) -> Invalid:
    return Invalid(problems=[Problem(field, render(code, language, {}))])
