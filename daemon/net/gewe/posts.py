"""Posts of Moments as GeWe shows them: JSON for who and when, WeChat's XML for what."""

from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from daemon.domain.message import Wxid
from daemon.domain.moments import Comment, Like, Medium, Post, Timeline
from daemon.net.gewe.envelope import Fields, identifier, text
from daemon.net.gewe.reading import fields_of, items_of, time_of
from daemon.net.gewe.xml import parse, said

KINDS = {"1": "images", "2": "text", "3": "link", "15": "video"}  # contentStyle
VIDEO = "6"  # type of a medium
MOST_MEDIA = 50  # of one post; WeChat allows 9 pictures
TOP_LEVEL = "0"  # replyCommentId of a comment that answers no other


def timeline_of(data: Any, *, asked: str) -> Timeline:
    """An empty page ends the feed: its next one begins where it began itself."""
    page = fields_of(data) if data else {}
    posts = tuple(post for item in items_of(page.get("snsList")) if (post := post_of(item)) is not None)
    last = posts[-1].id if posts else None
    return Timeline(
        posts=posts,
        next_id=exact_id(page.get("maxId"), last) or last or asked,
        first_page=text(page.get("firstPageMd5")),
    )


def post_of(item: Fields) -> Post | None:
    """None where it has no exact id: nothing could be done with it."""
    root = parse(text(item.get("snsXml")))
    shown = Element("TimelineObject") if root is None else root
    post_id = exact_id(item.get("id"), said(shown, "id"))
    if post_id is None:
        return None
    kind = KINDS.get(said(shown, "ContentObject/contentStyle"), "other")
    return Post(
        id=post_id,
        author=Wxid(text(item.get("userName")) or said(shown, "username")),
        nickname=text(item.get("nickName")),
        text=said(shown, "contentDesc"),
        kind=kind,
        title=said(shown, "ContentObject/title"),
        link=_address(said(shown, "ContentObject/contentUrl")),
        media=_media(shown, kind),
        at=time_of(item.get("createTime") or said(shown, "createTime")),
        likes=tuple(_like(like) for like in items_of(item.get("likeList"))),
        comments=tuple(_comment(comment) for comment in items_of(item.get("commentList"))),
    )


def exact_id(told: Any, written: str | None) -> str | None:
    """The id GeWe tells, or the one in the XML where the number was rounded on its way: both say the same then."""
    exact = identifier(written)
    if exact is not None and (identifier(told) is None or _rounded(told) == float(exact)):
        return exact
    return identifier(told)


def _rounded(told: Any) -> float | None:
    """The number as a double, as which some have passed it on."""
    number = identifier(told)
    return None if number is None else float(number)


def _media(shown: Element, kind: str) -> tuple[Medium, ...]:
    found = shown.findall("ContentObject/mediaList/media")[:MOST_MEDIA]
    return tuple(
        Medium(
            kind="video" if kind == "video" or said(medium, "type") == VIDEO else "image",
            url=_address(said(medium, "url")),
            thumb_url=_address(said(medium, "thumb")),
        )
        for medium in found
    )


def _like(item: Fields) -> Like:
    return Like(
        wxid=Wxid(text(item.get("userName"))), nickname=text(item.get("nickName")), at=time_of(item.get("createTime"))
    )


def _comment(item: Fields) -> Comment:
    answered = text(item.get("replyCommentId"))
    return Comment(
        id=text(item.get("commentId")),
        reply_to=answered if answered not in {"", TOP_LEVEL} else None,
        wxid=Wxid(text(item.get("userName"))),
        nickname=text(item.get("nickName")),
        text=text(item.get("content")),
        at=time_of(item.get("createTime")),
    )


def _address(told: str) -> str:
    """Within CDATA an address may still be written as XML."""
    return unescape(told)
