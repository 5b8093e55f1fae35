"""Moments as GeWe reads and writes them; the hosted product alone has them (contract 8, 15.10)."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import define

from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_media import Media, Unfetched
from daemon.sim.gewe_wire import OFFLINE, Reply, given, missing, ok, plain, refused
from daemon.sim.moments import Moments, Picture, Post, digest
from daemon.sim.pictures import seen

AUDIENCE = ("privacy", "allowWxIds", "atWxIds", "disableWxIds", "allowTagIds", "disableTagIds")
MOST_PICTURES = 9  # WeChat's own
DETAILS_FAILED = "朋友圈详情失败"
LIST_FAILED = "获取朋友圈失败"
SEND_FAILED = "发送朋友圈失败"
UPLOAD_FAILED = "上传朋友圈素材失败"

Did = Callable[[Device, Post, Call], Reply]


@define(eq=False)
class MomentsApi:
    accounts: Accounts
    moments: Moments
    media: Media

    def endpoints(self) -> list[Endpoint]:
        on_posts: dict[str, Did] = {
            "snsDetails": self.details,
            "likeSns": self.like,
            "commentSns": self.comment,
            "delSns": self.delete,
            "snsSetPrivacy": self.privacy,
        }
        return [
            Endpoint("sns/snsList", self.feed, hosted_only=True),
            Endpoint("sns/contactsSnsList", partial(self.feed, whose="wxid"), hosted_only=True),
            Endpoint("sns/sendTextSns", partial(self.send, "text", ("content",)), hosted_only=True),
            Endpoint("sns/sendImgSns", partial(self.send, "images", ("imgInfos",)), hosted_only=True),
            Endpoint("sns/sendVideoSns", partial(self.send, "video", ("videoInfo",)), hosted_only=True),
            Endpoint(
                "sns/sendUrlSns",
                partial(self.send, "link", ("thumbUrl", "linkUrl", "title", "description")),
                hosted_only=True,
            ),
            Endpoint("sns/uploadSnsImage", self.upload_images, hosted_only=True),
            Endpoint("sns/uploadSnsVideo", self.upload_video, hosted_only=True),
            *(
                Endpoint(f"sns/{name}", partial(self.on_post, does), hosted_only=True)
                for name, does in on_posts.items()
            ),
        ]

    def feed(self, call: Call, *, whose: str = "") -> Reply:
        """Everybody's posts; or one person's."""
        device, refusal = call.device(self.accounts, LIST_FAILED, *([whose] if whose else []))
        if device is None:
            return refusal
        if not device.alive:
            return refused(LIST_FAILED, OFFLINE)
        below = exact(call.body.get("maxId") or 0)
        if below is None:
            return refused(LIST_FAILED, "参数错误")
        wxid = str(call.body[whose]) if whose else ""
        first = self.moments.page(device.app_id, below=0, wxid=wxid)
        same = not below and call.body.get("firstPageMd5") == digest(first)
        page = [] if same else self.moments.page(device.app_id, below=below, wxid=wxid)
        return given(
            {
                "firstPageMd5": digest(first),
                "maxId": page[-1].id if page else below,
                "snsCount": len(page),
                "requestTime": self._now(),
                "snsList": [self.moments.shown(post) for post in page],
            }
        )

    def on_post(self, does: Did, call: Call) -> Reply:
        """What concerns one post. An id that was rounded on its way names none."""
        device, refusal = call.device(self.accounts, DETAILS_FAILED, "snsId")
        if device is None:
            return refusal
        if not device.alive:
            return refused(DETAILS_FAILED, OFFLINE)
        sns_id = exact(call.body["snsId"])
        post = None if sns_id is None else self.moments.find(device.app_id, sns_id)
        return refused(DETAILS_FAILED, None) if post is None else does(device, post, call)

    def details(self, _: Device, post: Post, __: Call) -> Reply:
        return given(self.moments.shown(post))

    def like(self, device: Device, post: Post, call: Call) -> Reply:
        refusal = missing(call.body, "operType", "wxid")
        if refusal is not None:
            return refusal
        if call.body["wxid"] != post.wxid:
            return refused("点赞失败", "作者不符")
        match call.body["operType"]:
            case 1:
                post.likes[device.wxid] = self._now()
            case 2:
                post.likes.pop(device.wxid, None)
            case _:
                return plain("参数错误")
        return ok()

    def comment(self, device: Device, post: Post, call: Call) -> Reply:
        body = call.body
        refusal = missing(body, "operType", "wxid")
        if refusal is not None:
            return refusal
        named = exact(body.get("commentId") or 0)
        if body["wxid"] != post.wxid or named is None:
            return refused("评论失败", "作者不符")
        if body["operType"] == 2:
            return self._uncomment(device, post, named)
        if not body.get("content"):
            return plain("content不可为空")
        if named and named not in [comment.id for comment in post.comments]:
            return refused("评论失败", "评论不存在")
        post.comment(device.wxid, str(body["content"]), self._now(), reply_to=named)
        return ok()

    def _uncomment(self, device: Device, post: Post, named: int) -> Reply:
        mine = [comment for comment in post.comments if comment.id == named and comment.wxid == device.wxid]
        if not mine:
            return refused("评论失败", "评论不存在")
        post.comments.remove(mine[0])
        return ok()

    def delete(self, device: Device, post: Post, _: Call) -> Reply:
        if post.wxid != device.wxid:
            return refused("删除朋友圈失败", None)
        self.moments.remove(post)
        return ok()

    def privacy(self, device: Device, post: Post, call: Call) -> Reply:
        if post.wxid != device.wxid or not isinstance(call.body.get("open"), bool):
            return refused("设置朋友圈失败", None)
        post.private = not call.body["open"]
        return ok()

    def send(self, kind: str, needed: tuple[str, ...], call: Call) -> Reply:
        device, refusal = call.device(self.accounts, SEND_FAILED, *needed)
        if device is None:
            return refusal
        if not device.alive:
            return refused(SEND_FAILED, OFFLINE)
        pictures = _pictures(kind, call.body)
        if pictures is None:
            return refused(SEND_FAILED, "素材无效")
        body = call.body
        link = {"title": "title", "url": "linkUrl", "description": "description"} if kind == "link" else {}
        post = self.moments.add(
            device.wxid,
            str(body.get("content") or ""),
            seen_by=(device.app_id,),
            kind=kind,
            pictures=pictures,
            link={name: str(body[told]) for name, told in link.items()},
            private=body.get("privacy") is True,
            audience={name: body[name] for name in AUDIENCE if name in body},
        )
        call.entry.ids.update(snsId=post.id)
        sent = {"id": post.id, "userName": device.wxid, "nickName": device.nick_name, "createTime": post.at}
        return given(sent)

    async def upload_images(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, UPLOAD_FAILED, "imgUrls")
        if device is None:
            return refusal
        urls = call.body["imgUrls"]
        if not isinstance(urls, list) or len(urls) > MOST_PICTURES:
            return plain("参数错误")
        try:
            return given([await self._uploaded(device, url, sized=True) for url in urls])
        except Unfetched as error:
            return refused(UPLOAD_FAILED, str(error))

    async def upload_video(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, UPLOAD_FAILED, "thumbUrl", "videoUrl")
        if device is None:
            return refusal
        try:
            thumb = await self._uploaded(device, call.body["thumbUrl"], sized=False)
            return given(
                {**await self._uploaded(device, call.body["videoUrl"], sized=False), "thumbUrl": thumb["fileUrl"]}
            )
        except Unfetched as error:
            return refused(UPLOAD_FAILED, str(error))

    async def _uploaded(self, device: Device, url: object, *, sized: bool) -> dict[str, Any]:
        """The object that sendImgSns and sendVideoSns want back."""
        data = await self.media.fetch(url)
        if data is None:  # taken on trust, and so is its size
            told: dict[str, Any] = {
                "fileUrl": url,
                "thumbUrl": url,
                "fileMd5": _md5(str(url).encode()),
                "length": 63166,
            }
            return {**told, "width": 1080, "height": 1440} if sized else told
        shown, place = seen(data), self.media.publish(device.app_id, data, hosted=True)
        told = {"fileUrl": place, "thumbUrl": place, "fileMd5": _md5(data), "length": shown.length}
        if not sized:
            return told
        if not shown.is_picture and self.media.knobs.checks_format:
            raise Unfetched("图片格式错误")
        return {**told, "width": shown.width, "height": shown.height}

    def _now(self) -> int:
        return int(self.moments.clock.now().timestamp())


def exact(told: object) -> int | None:
    """An id as a number or as decimal text; None for anything else."""
    if isinstance(told, bool) or not isinstance(told, int | str):
        return None
    if isinstance(told, int):
        return told
    return int(told) if told.isdecimal() else None


def _pictures(kind: str, body: Any) -> tuple[Picture, ...] | None:
    """Of objects as an upload gives them; None where they are something else."""
    objects = {"images": body.get("imgInfos"), "video": [body.get("videoInfo")]}.get(kind, [])
    if kind == "link":
        objects = [{"fileUrl": body["thumbUrl"], "thumbUrl": body["thumbUrl"]}]
    if not isinstance(objects, list) or not all(isinstance(o, dict) and o.get("fileUrl") for o in objects):
        return None
    return tuple(
        Picture(
            url=str(told["fileUrl"]),
            thumb=str(told.get("thumbUrl") or told["fileUrl"]),
            width=int(told.get("width") or 0),
            height=int(told.get("height") or 0),
            length=int(told.get("length") or 0),
            md5=str(told.get("fileMd5") or ""),
        )
        for told in objects
    )


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
