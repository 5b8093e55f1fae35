"""The Moments of a simulated WeChat: posts with ids above 2^63, read ten at a time, newest first (contract 8)."""

import hashlib
import random
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.sim.people import People

FIRST_ID = 14287779828924000001  # of the contract's size: above 2^63, and far above 2^53
STEP = 1 << 24  # between two ids, at most
PAGE = 10
MOST = 20_000  # posts, oldest forgotten first
STYLES = {"images": 1, "text": 2, "link": 3, "video": 15}


@define(eq=False, kw_only=True)
class Comment:
    id: int
    wxid: str
    words: str
    at: int
    reply_to: int = 0


@frozen(kw_only=True)
class Picture:
    """Of a post; of a video, what is to be played."""

    url: str
    thumb: str
    width: int = 1080
    height: int = 1440
    length: int = 63166
    md5: str = "d001e2d7e551242dc9187e71773f28cb"


@define(eq=False, kw_only=True)
class Post:
    """`seen_by`: the accounts (app ids) in whose feed it is."""

    id: int
    wxid: str
    words: str
    at: int
    seen_by: frozenset[str]
    kind: str = "text"
    pictures: tuple[Picture, ...] = ()
    link: Mapping[str, str] = field(factory=dict)  # title, url, description
    private: bool = False
    audience: Mapping[str, Any] = field(factory=dict)  # what a post by API asked for
    likes: dict[str, int] = field(factory=dict)  # wxid to when
    comments: list[Comment] = field(factory=list)
    last_comment: int = 0

    def comment(self, wxid: str, words: str, at: int, *, reply_to: int = 0) -> Comment:
        self.last_comment += 1
        comment = Comment(id=self.last_comment, wxid=wxid, words=words, at=at, reply_to=reply_to)
        self.comments.append(comment)
        return comment


@define(eq=False)
class Moments:
    clock: Clock
    random: random.Random
    people: People
    _posts: dict[int, Post] = field(factory=dict, init=False)  # in the order of their ids
    _last_id: int = field(default=FIRST_ID, init=False)

    def add(self, wxid: str, words: str, *, seen_by: Iterable[str], at: int | None = None, **more: Any) -> Post:
        """`more`: any other field of a Post."""
        self._last_id = (self._last_id + self.random.randint(1, STEP) + 1) | 1  # odd: no double is this number
        when = int(self.clock.now().timestamp()) if at is None else at
        post = Post(id=self._last_id, wxid=wxid, words=words, at=when, seen_by=frozenset(seen_by), **more)
        self._posts[post.id] = post
        if len(self._posts) > MOST:
            del self._posts[next(iter(self._posts))]
        return post

    def find(self, app_id: str, sns_id: int) -> Post | None:
        post = self._posts.get(sns_id)
        return post if post is not None and app_id in post.seen_by else None

    def remove(self, post: Post) -> None:
        self._posts.pop(post.id, None)

    def page(self, app_id: str, *, below: int, wxid: str = "") -> list[Post]:
        """The newest ten older than `below` (0: of all), of one person or of everybody."""
        seen = (
            post
            for post in reversed(self._posts.values())
            if app_id in post.seen_by and (not below or post.id < below) and wxid in ("", post.wxid)
        )
        return list(islice(seen, PAGE))

    def shown(self, post: Post) -> dict[str, Any]:
        """A post as GeWe tells it."""
        likes = [self._who(wxid, at, 1) for wxid, at in post.likes.items()]
        comments = [self._comment(comment) for comment in post.comments]
        return {
            "id": post.id,
            "userName": post.wxid,
            "nickName": self.people.name(post.wxid),
            "createTime": post.at,
            "snsXml": xml(post),
            "likeCount": len(likes),
            "likeList": likes or None,
            "commentCount": len(comments),
            "commentList": comments or None,
            "withUserCount": 0,
            "withUserList": None,
        }

    def _who(self, wxid: str, at: int, kind: int) -> dict[str, Any]:
        return {"userName": wxid, "nickName": self.people.name(wxid), "source": 0, "type": kind, "createTime": at}

    def _comment(self, comment: Comment) -> dict[str, Any]:
        more = {"commentId": comment.id, "replyCommentId": comment.reply_to, "isNotRichText": 1}
        return {**self._who(comment.wxid, comment.at, 2), "content": comment.words, **more}


def digest(posts: Iterable[Post]) -> str:
    """firstPageMd5: the same as long as nothing on the page has changed."""
    state = "|".join(f"{post.id}:{sorted(post.likes)}:{[c.id for c in post.comments]}" for post in posts)
    return hashlib.md5(state.encode(), usedforsecurity=False).hexdigest()[:16]


def xml(post: Post) -> str:
    """The TimelineObject; its id is exact even where the JSON number was rounded."""
    media = "".join(
        f"<media><id><![CDATA[{post.id + number}]]></id><type><![CDATA[{6 if post.kind == 'video' else 2}]]></type>"
        f'<url type="1" md5="{picture.md5}"><![CDATA[{picture.url}]]></url>'
        f'<thumb type="1"><![CDATA[{picture.thumb}]]></thumb>'
        f'<size totalSize="{picture.length}.0" width="{picture.width}.0" height="{picture.height}.0"></size></media>'
        for number, picture in enumerate(post.pictures, 1)
    )
    link = post.link
    return (
        f"<TimelineObject><id><![CDATA[{post.id}]]></id><username><![CDATA[{post.wxid}]]></username>"
        f"<createTime><![CDATA[{post.at}]]></createTime><contentDesc>{escape(post.words)}</contentDesc>"
        f"<private><![CDATA[{int(post.private)}]]></private><ContentObject>"
        f"<contentStyle><![CDATA[{STYLES[post.kind]}]]></contentStyle><title>{escape(link.get('title', ''))}</title>"
        f"<description>{escape(link.get('description', ''))}</description>"
        f"<contentUrl>{escape(link.get('url', ''))}</contentUrl><mediaList>{media}</mediaList></ContentObject>"
        "</TimelineObject>"
    )
