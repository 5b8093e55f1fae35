"""What a message is made of, as the API takes and shows it: flat, and `type` decides which fields there are."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from attrs import asdict, fields, frozen

from daemon.codec import unstructure
from daemon.domain import outgoing
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Parcel
from daemon.engine.drafts import Draft, ForwardOf, QuoteOf
from daemon.errors import Invalid, Problem
from daemon.net.api.fields import ForeignId, Identifier, Url
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.texts import render

MOST_TEXT = 20_000  # characters: a longer one would be more than ten WeChat messages
MOST_XML = 60_000  # characters: an <appmsg> with a picture in it
SECONDS = Range(0.001, 3600)

Title = Annotated[str, Length(1, 500)]


class ContentType(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    FILE = "file"
    VOICE = "voice"
    VIDEO = "video"
    LINK = "link"
    CARD = "card"
    MINI_PROGRAM = "mini_program"
    APP = "app"
    EMOJI = "emoji"
    QUOTE = "quote"
    FORWARD = "forward"


@frozen(kw_only=True)
class ContentBody:
    """GeWe fetches media itself, so their addresses must be reachable from it."""

    type: ContentType = ContentType.TEXT
    content: (
        Annotated[
            str, Length(1, MOST_TEXT), Pattern(r"[\s\S]*\S[\s\S]*"), Note("Of text, quote. Long: in several parts.")
        ]
        | None
    ) = None
    at: (
        Annotated[
            list[ForeignId],
            Length(0, 50),
            Note("Of text: members to @ in a room; the content must name each, @Ann."),
        ]
        | None
    ) = None
    url: Annotated[Url, Note("Of image, file, voice (silk), video, link.")] | None = None
    thumb_url: Annotated[Url, Note("Of video, link: a small picture.")] | None = None
    cover_url: Annotated[Url, Note("Of mini_program, also of a forwarded one.")] | None = None
    name: Annotated[str, Length(1, 255), Note("Of file, mini_program.")] | None = None
    title: Annotated[Title, Note("Of link, mini_program.")] | None = None
    description: Annotated[str, Length(0, 1000), Note("Of link.")] | None = None
    seconds: Annotated[float, SECONDS, Note("Of voice, video: how long it plays.")] | None = None
    wxid: Annotated[ForeignId, Note("Of card: whose.")] | None = None
    nickname: Annotated[str, Length(1, 200), Note("Of card.")] | None = None
    app_id: Annotated[ForeignId, Note("Of mini_program.")] | None = None
    owner: Annotated[ForeignId, Note("Of mini_program: gh_…@app.")] | None = None
    path: Annotated[str, Length(1, 2000), Note("Of mini_program: its page.")] | None = None
    appmsg: (
        Annotated[
            str,
            Length(17, MOST_XML),
            Pattern(r"\s*<appmsg[\s>][\s\S]*</appmsg>\s*"),
            Note("Of app: the <appmsg> element alone."),
        ]
        | None
    ) = None
    md5: Annotated[str, Pattern("[0-9a-fA-F]{32}"), Note("Of emoji.")] | None = None
    size: Annotated[int, Range(1, 100_000_000), Note("Of emoji, in bytes.")] | None = None
    message_id: Annotated[Identifier, Note("Of quote, forward: a received message, by our id.")] | None = None
    wechat_id: Annotated[ForeignId, Note("Of quote: a received message, by WeChat's id.")] | None = None


NEEDED: dict[ContentType, tuple[str, ...]] = {
    ContentType.TEXT: ("content",),
    ContentType.IMAGE: ("url",),
    ContentType.FILE: ("url", "name"),
    ContentType.VOICE: ("url", "seconds"),
    ContentType.VIDEO: ("url", "thumb_url", "seconds"),
    ContentType.LINK: ("title", "description", "url", "thumb_url"),
    ContentType.CARD: ("wxid", "nickname"),
    ContentType.MINI_PROGRAM: ("app_id", "owner", "title", "cover_url", "path", "name"),
    ContentType.APP: ("appmsg",),
    ContentType.EMOJI: ("md5", "size"),
    ContentType.QUOTE: ("content",),  # and one of the ids
    ContentType.FORWARD: ("message_id",),
}
BESIDE: dict[ContentType, tuple[str, ...]] = {
    ContentType.TEXT: ("at",),
    ContentType.QUOTE: ("message_id", "wechat_id"),
    ContentType.FORWARD: ("cover_url",),  # of a mini program
}
_NAMES = tuple(field.name for field in fields(ContentBody) if field.name != "type")


def draft_of(body: ContentBody, language: str, *, under: str = "") -> Draft:
    """What is to be sent; Invalid naming each field that is missing or too much. `under`: where the body stands."""
    given = {name: getattr(body, name) for name in _NAMES if getattr(body, name) is not None}
    needed, beside = NEEDED[body.type], BESIDE.get(body.type, ())
    problems = [(name, "field.required") for name in needed if name not in given]
    problems += [(name, "field.not_of_type") for name in given if name not in needed + beside]
    if body.type is ContentType.QUOTE and not given.keys() & {"message_id", "wechat_id"}:
        problems.append(("message_id", "field.required"))
    if body.type is ContentType.QUOTE and given.keys() >= {"message_id", "wechat_id"}:
        problems.append(("wechat_id", "field.not_of_type"))
    if problems:
        facts = {"type": body.type}
        raise Invalid(problems=[Problem(under + name, render(code, language, facts)) for name, code in problems])
    return _built(body.type, given)


def parcel_of(body: ContentBody, language: str, *, under: str) -> Parcel:
    """The same for what does not depend on a received message; Invalid for a quote or a forward."""
    draft = draft_of(body, language, under=under)
    if isinstance(draft, QuoteOf | ForwardOf):
        raise Invalid(problems=[Problem(under + "type", render("campaign.kind", language, {}))])
    return draft


def _built(kind: ContentType, given: dict[str, Any]) -> Draft:
    if "seconds" in given:
        given["length"] = timedelta(seconds=given.pop("seconds"))
    match kind:
        case ContentType.TEXT:
            return outgoing.Text(text=given["content"], mentions=tuple(map(Wxid, given.get("at", ()))))
        case ContentType.QUOTE:
            return QuoteOf(text=given.pop("content"), **given)
        case ContentType.FORWARD:
            return ForwardOf(**given)
        case ContentType.APP:
            return outgoing.App(appmsg=given["appmsg"].strip())
        case _:
            shape: Any = outgoing.KINDS[kind]
            parcel: Parcel = shape(**given)
            return parcel


def details_of(parcel: Parcel) -> dict[str, Any]:
    """What a message is made of beside its text and whom it mentions, as it is shown."""
    shown: dict[str, Any] = unstructure(asdict(parcel, recurse=False))
    if "length" in shown:
        shown["seconds"] = shown.pop("length")
    return {name: value for name, value in shown.items() if name not in {"text", "mentions"}}
