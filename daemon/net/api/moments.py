"""Moments: what an account's friends posted, posting, liking, commenting. Ids are text: they exceed 2^53."""

from datetime import datetime
from typing import Annotated

from attrs import field, frozen

from daemon.codec import decode, encode_text
from daemon.domain.access import Role
from daemon.domain.message import Wxid
from daemon.domain.moments import Audience, NewPost, Post
from daemon.errors import Invalid, Problem
from daemon.net.api.fields import ForeignId, Identifier, Url
from daemon.net.api.services import ACCOUNTS, MOMENTS
from daemon.net.server.call import Call, Reply, open_cursor, seal_cursor
from daemon.net.server.constraints import Length, Note, Pattern
from daemon.net.server.routes import Routes

routes = Routes("Moments")

PATH = "/api/v1/integrations/gewe/moments"
POST = PATH + "/{post_id}"

FIRST = "0"  # what asks for the first page
Wxids = Annotated[list[ForeignId], Length(0, 200)]
PostId = Annotated[str, Length(1, 20), Pattern(r"[0-9]+")]
Author = Annotated[ForeignId | None, Note("Of the post; left out, the post is read first, which counts as one read.")]


@frozen(kw_only=True)
class Place:
    """Where the next page begins, as GeWe wants it told."""

    next_id: str = FIRST
    first_page: str = ""


@frozen(kw_only=True)
class LikeView:
    wxid: str
    nickname: str
    at: datetime


@frozen(kw_only=True)
class CommentView:
    id: str
    reply_to: str | None
    wxid: str
    nickname: str
    text: str
    at: datetime


@frozen(kw_only=True)
class MediumView:
    kind: Annotated[str, Note("image or video")]
    url: str
    thumb_url: str


@frozen(kw_only=True)
class PostView:
    id: str
    author: str
    nickname: str
    text: str
    kind: Annotated[str, Note("text, images, link, video, other")]
    title: str
    link: str
    media: list[MediumView]
    at: datetime
    likes: list[LikeView]
    comments: list[CommentView]


@frozen(kw_only=True)
class PostsView:
    data: Annotated[list[PostView], Note("About ten, newest first.")]
    next_cursor: Annotated[str | None, Note("Null: this was the last page.")]


@frozen(kw_only=True)
class AudienceBody:
    """Nothing set: every friend sees it."""

    private: bool = False
    only: Annotated[Wxids, Note("Only these see it.")] = field(factory=list)
    without: Annotated[Wxids, Note("These do not.")] = field(factory=list)
    mention: Annotated[Wxids, Note("These are told of it.")] = field(factory=list)


@frozen(kw_only=True)
class NewPostBody:
    account_id: Identifier
    text: Annotated[str, Length(0, 2000)] = ""
    image_urls: Annotated[list[Url], Length(0, 9)] = field(factory=list)
    video_url: Url | None = None
    thumb_url: Annotated[Url | None, Note("The picture of a video or a link.")] = None
    link: Url | None = None
    link_title: Annotated[str, Length(0, 200)] = ""
    link_description: Annotated[str, Length(0, 500)] = ""
    audience: AudienceBody = field(factory=AudienceBody)
    dry_run: Annotated[bool, Note("Only check it; nothing is posted.")] = False


@frozen(kw_only=True)
class PublishedView:
    id: Annotated[str | None, Note("Null after a dry run.")]
    at: datetime | None
    dry_run: bool


@frozen(kw_only=True)
class LikeBody:
    account_id: Identifier
    on: Annotated[bool, Note("False takes a like back.")] = True
    author: Author = None


@frozen(kw_only=True)
class CommentBody:
    account_id: Identifier
    text: Annotated[str, Length(1, 500)]
    reply_to: Annotated[PostId | None, Note("The comment it answers.")] = None
    author: Author = None


@routes.get(PATH, role=Role.OPERATOR, summary="What friends posted, or one of them")
async def page(call: Call, *, account_id: str, wxid: str | None = None, cursor: str | None = None) -> PostsView:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    place = Place() if cursor is None else decode(open_cursor(cursor, call.language), Place)
    timeline = await call.service(MOMENTS).page(
        account,
        wxid=None if wxid is None else Wxid(wxid),
        next_id=place.next_id,
        first_page=place.first_page,
        by=call.actor,
    )
    after = Place(next_id=timeline.next_id, first_page=timeline.first_page)
    more = bool(timeline.posts) and timeline.next_id not in {place.next_id, FIRST, ""}
    return PostsView(
        data=[view(post) for post in timeline.posts],
        next_cursor=seal_cursor(encode_text(after)) if more else None,
    )


@routes.get(POST, role=Role.OPERATOR, summary="Show a post")
async def show(call: Call, post_id: PostId, *, account_id: str) -> PostView:
    call.allow(account_id)
    return view(await call.service(MOMENTS).post(call.service(ACCOUNTS).get(account_id), post_id, by=call.actor))


@routes.post(PATH, role=Role.OPERATOR, summary="Post something", status=201, effect=True)
async def publish(call: Call, body: NewPostBody) -> Reply[PublishedView]:
    call.allow(body.account_id)
    account, new = call.service(ACCOUNTS).get(body.account_id), _new(body)
    if body.dry_run:
        return Reply(body=PublishedView(id=None, at=None, dry_run=True), status=200)
    published = await call.service(MOMENTS).publish(account, new, by=call.actor)
    return Reply(
        body=PublishedView(id=published.id, at=published.at, dry_run=False),
        headers={"Location": f"{PATH}/{published.id}"},
    )


@routes.delete(POST, role=Role.OPERATOR, summary="Take a post of the account down")
async def remove(call: Call, post_id: PostId, *, account_id: str) -> None:
    call.allow(account_id)
    await call.service(MOMENTS).delete(call.service(ACCOUNTS).get(account_id), post_id, by=call.actor)


@routes.post(POST + "/like", role=Role.OPERATOR, summary="Like a post, or take the like back", effect=True)
async def like(call: Call, post_id: PostId, body: LikeBody) -> None:
    call.allow(body.account_id)
    account, author = call.service(ACCOUNTS).get(body.account_id), _author(body.author)
    await call.service(MOMENTS).like(account, post_id, author, on=body.on, by=call.actor)


@routes.post(POST + "/comment", role=Role.OPERATOR, summary="Comment a post, or answer a comment", effect=True)
async def comment(call: Call, post_id: PostId, body: CommentBody) -> None:
    call.allow(body.account_id)
    account, author = call.service(ACCOUNTS).get(body.account_id), _author(body.author)
    await call.service(MOMENTS).comment(account, post_id, author, text=body.text, reply_to=body.reply_to, by=call.actor)


def _author(wxid: str | None) -> Wxid | None:
    return None if wxid is None else Wxid(wxid)


def _new(body: NewPostBody) -> NewPost:
    if sum(map(bool, (body.image_urls, body.video_url, body.link))) > 1:
        raise Invalid(problems=[Problem("image_urls", "a post has pictures, or a video, or a link, or text alone")])
    if not (body.text.strip() or body.image_urls or body.video_url or body.link):
        raise Invalid(problems=[Problem("text", "there is nothing to post")])
    if (body.video_url or body.link) and not body.thumb_url:
        raise Invalid(problems=[Problem("thumb_url", "a video and a link need their picture")])
    audience = body.audience
    return NewPost(
        text=body.text,
        image_urls=tuple(body.image_urls),
        video_url=body.video_url or "",
        thumb_url=body.thumb_url or "",
        link=body.link or "",
        link_title=body.link_title,
        link_description=body.link_description,
        audience=Audience(
            private=audience.private,
            only=tuple(map(Wxid, audience.only)),
            without=tuple(map(Wxid, audience.without)),
            mention=tuple(map(Wxid, audience.mention)),
        ),
    )


def view(post: Post) -> PostView:
    return PostView(
        id=post.id,
        author=post.author,
        nickname=post.nickname,
        text=post.text,
        kind=post.kind,
        title=post.title,
        link=post.link,
        media=[MediumView(kind=m.kind, url=m.url, thumb_url=m.thumb_url) for m in post.media],
        at=post.at,
        likes=[LikeView(wxid=one.wxid, nickname=one.nickname, at=one.at) for one in post.likes],
        comments=[
            CommentView(
                id=one.id,
                reply_to=one.reply_to,
                wxid=one.wxid,
                nickname=one.nickname,
                text=one.text,
                at=one.at,
            )
            for one in post.comments
        ],
    )
