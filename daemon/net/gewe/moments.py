"""Moments through GeWe: the feed, publishing, liking, commenting. The hosted product only."""

from collections.abc import Mapping
from typing import Any

from attrs import define

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.moments import Audience, NewPost, Post, Published, Timeline
from daemon.errors import Invalid, Problem, RemoteRefused
from daemon.net.gewe.calls import MEDIA, SENDING, Calls
from daemon.net.gewe.envelope import identifier
from daemon.net.gewe.posts import post_of, timeline_of
from daemon.net.gewe.reading import fields_of, nonsense, time_of
from daemon.net.gewe.sayings import SERVICE
from daemon.net.outbound import Timeouts

FIRST_PAGE = "0"
MOST_ID = (1 << 64) - 1  # ids are unsigned, and go out as exact numbers
LIKE, UNLIKE, COMMENT = 1, 2, 1  # `operType`
TOP_LEVEL = 0  # `commentId` of a comment that answers no other


@define
class GeweMoments:
    """See `engine.ports.Moments`."""

    calls: Calls

    async def timeline(self, account: Account, *, next_id: str, first_page: str) -> Timeline:
        """What friends posted, about ten at a time. GeWe's documents call it the account's own list; it is not."""
        return await self._page(account, "/sns/snsList", {}, next_id, first_page)

    async def of_contact(self, account: Account, wxid: Wxid, *, next_id: str, first_page: str) -> Timeline:
        return await self._page(account, "/sns/contactsSnsList", {"wxid": wxid}, next_id, first_page)

    async def _page(
        self, account: Account, path: str, of: Mapping[str, Any], next_id: str, first_page: str
    ) -> Timeline:
        asked = _number(next_id or FIRST_PAGE, "next_id")
        fields = {**of, "maxId": asked, "decrypt": True, "firstPageMd5": first_page}
        return timeline_of(await self.calls.ask(account, path, fields), asked=str(asked))

    async def post(self, account: Account, post_id: str) -> Post:
        data = await self.calls.ask(account, "/sns/snsDetails", {"snsId": _number(post_id, "post_id")})
        post = post_of(fields_of(data))
        if post is None:
            raise nonsense(data)
        return post

    async def publish(self, account: Account, new: NewPost) -> Published:
        """A failed upload of its pictures or its video is surely nothing posted, and may be tried again."""
        if sum(map(bool, (new.image_urls, new.video_url, new.link))) > 1:
            problem = Problem("image_urls", "a post has pictures, or a video, or a link, or text alone")
            raise Invalid("gewe.moments_one_kind", [problem])
        fields: dict[str, Any] = {"content": new.text, **_audience(new.audience)}
        if new.image_urls:
            uploaded = await self._upload_images(account, new.image_urls)
            return await self._publish(account, "/sns/sendImgSns", {**fields, "imgInfos": uploaded})
        if new.video_url:
            video = await self._upload_video(account, new)
            return await self._publish(account, "/sns/sendVideoSns", {**fields, "videoInfo": video})
        if new.link:
            return await self._publish(account, "/sns/sendUrlSns", {**fields, **_link(new)}, timeouts=MEDIA)
        return await self._publish(account, "/sns/sendTextSns", fields)

    async def _upload_images(self, account: Account, urls: tuple[str, ...]) -> list[Any]:
        """As GeWe describes them, which is how it wants them back."""
        uploaded = await self.calls.ask(account, "/sns/uploadSnsImage", {"imgUrls": list(urls)}, timeouts=MEDIA)
        if not isinstance(uploaded, list) or len(uploaded) != len(urls) or not all(uploaded):
            raise RemoteRefused("gewe.upload_incomplete", service=SERVICE)
        return uploaded

    async def _upload_video(self, account: Account, new: NewPost) -> Mapping[str, Any]:
        fields = {"thumbUrl": new.thumb_url, "videoUrl": new.video_url}
        uploaded = await self.calls.ask(account, "/sns/uploadSnsVideo", fields, timeouts=MEDIA)
        if not isinstance(uploaded, dict) or not uploaded:
            raise RemoteRefused("gewe.upload_incomplete", service=SERVICE)
        return uploaded

    async def _publish(
        self, account: Account, path: str, fields: Mapping[str, Any], timeouts: Timeouts = SENDING
    ) -> Published:
        data = fields_of(await self.calls.act(account, path, fields, timeouts=timeouts))
        post_id = identifier(data.get("id"))
        if post_id is None:
            raise nonsense(data)
        return Published(id=post_id, at=time_of(data.get("createTime")))

    async def delete(self, account: Account, post_id: str) -> None:
        await self.calls.act(account, "/sns/delSns", {"snsId": _number(post_id, "post_id")})

    async def like(self, account: Account, post_id: str, author: Wxid, *, on: bool) -> None:
        fields = {"snsId": _number(post_id, "post_id"), "operType": LIKE if on else UNLIKE, "wxid": author}
        await self.calls.act(account, "/sns/likeSns", fields)

    async def comment(self, account: Account, post_id: str, author: Wxid, *, text: str, reply_to: str | None) -> None:
        fields = {
            "snsId": _number(post_id, "post_id"),
            "operType": COMMENT,
            "wxid": author,
            "commentId": TOP_LEVEL if reply_to is None else _number(reply_to, "reply_to"),
            "content": text,
        }
        await self.calls.act(account, "/sns/commentSns", fields)


def _number(told: str, field: str) -> int:
    """The exact number that `told` is; a JSON number of 64 bits is written whole."""
    if not (told.isascii() and told.isdigit()) or len(told) > len(str(MOST_ID)) or int(told) > MOST_ID:
        raise Invalid("gewe.bad_moments_id", [Problem(field, "is no id of Moments")])
    return int(told)


def _link(new: NewPost) -> dict[str, str]:
    return {
        "thumbUrl": new.thumb_url,
        "linkUrl": new.link,
        "title": new.link_title,
        "description": new.link_description,
    }


def _audience(audience: Audience) -> dict[str, Any]:
    """Only what is set: all of it is optional."""
    named = {
        "allowWxIds": list(audience.only),
        "disableWxIds": list(audience.without),
        "atWxIds": list(audience.mention),
    }
    private = {"privacy": True} if audience.private else {}
    return {**private, **{name: wxids for name, wxids in named.items() if wxids}}
