"""Moments: the posts of friends. Ids are unsigned 64-bit numbers, kept as text: they exceed a float."""

from datetime import datetime

from attrs import frozen

from daemon.domain.message import Wxid


@frozen(kw_only=True)
class Like:
    wxid: Wxid
    nickname: str
    at: datetime


@frozen(kw_only=True)
class Comment:
    id: str
    reply_to: str | None  # the comment it answers
    wxid: Wxid
    nickname: str
    text: str
    at: datetime


@frozen(kw_only=True)
class Medium:
    kind: str  # image or video
    url: str
    thumb_url: str


@frozen(kw_only=True)
class Post:
    id: str
    author: Wxid
    nickname: str
    text: str
    kind: str  # text, images, link, video, other
    title: str  # of a link
    link: str
    media: tuple[Medium, ...]
    at: datetime
    likes: tuple[Like, ...]
    comments: tuple[Comment, ...]


@frozen(kw_only=True)
class Timeline:
    """One page of about ten, newest first, and what the next one begins with."""

    posts: tuple[Post, ...]
    next_id: str  # maxId; "0" asks for the first page
    first_page: str  # firstPageMd5, given back with `next_id`


@frozen(kw_only=True)
class Audience:
    """Who may see a post. Nothing set: every friend."""

    private: bool = False
    only: tuple[Wxid, ...] = ()
    without: tuple[Wxid, ...] = ()
    mention: tuple[Wxid, ...] = ()


@frozen(kw_only=True)
class NewPost:
    """A post to be published: a text alone, or with pictures, a video, or a link. Media go by URL."""

    text: str
    image_urls: tuple[str, ...] = ()
    video_url: str = ""
    thumb_url: str = ""  # of a video or a link
    link: str = ""
    link_title: str = ""
    link_description: str = ""
    audience: Audience = Audience()


@frozen(kw_only=True)
class Published:
    id: str
    at: datetime
