"""Becoming friends, and what friends post: the parts of the simulated WeChat beside its chats."""

from collections.abc import Sequence

from attrs import define

from daemon.errors import Invalid, Problem
from daemon.sim import wechat_xml as xml
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.moments import Picture, Post
from daemon.sim.wechat_contacts import befriended
from daemon.sim.wechat_session import Session


@define(eq=False, kw_only=True)
class Befriending(Session):
    async def person_asks_to_be_friend(
        self, app_id: str, wxid: str, *, greeting: str = "", nickname: str = "", scene: int = 6
    ) -> Delivery:
        """A request with a v3 and a v4 of its own; addContacts with them and `scene` accepts or rejects it."""
        device, called = self.accounts.get(app_id), self.people.stranger(wxid, nickname)
        words = greeting or f"我是{called}"
        request = self.circles.request(wxid, scene=scene, words=words, ours=False)
        self.circles.of(app_id).remember(request)
        content = xml.friend_request(wxid, called, words, v3=request.v3, v4=request.v4, scene=scene)
        return await self._push(device, self._said(device, "fmessage", content, kind=37))

    async def person_accepts(self, app_id: str, wxid: str) -> Delivery:
        """Says yes to an addContacts of the account. Raises Invalid where nobody asked."""
        device, circle = self.accounts.get(app_id), self.circles.of(app_id)
        request = circle.asked.pop(wxid, None)
        if request is None:
            raise Invalid(problems=[Problem("wxid", f"{app_id} has not asked {wxid} to be a friend")])
        circle.befriend(wxid)
        told = await self._push(device, befriended(app_id, wxid, self.people.name(wxid), request.v3))
        words = "我通过了你的朋友验证请求，现在我们可以开始聊天了"
        await self._push(device, self._said(device, wxid, words, push=f"{self.people.name(wxid)} : {words}"))
        return told

    def person_unfriends(self, app_id: str, wxid: str, *, relation: int = 1) -> None:
        """WeChat tells nobody; checkRelation says it from now on (1 deleted, 2 blocked)."""
        self.circles.of(app_id).relations[wxid] = relation

    def can_be_found(self, info: str, wxid: str, *, nickname: str = "") -> None:
        """Searching for `info` (a phone number, a WeChat number) finds this person."""
        self.people.stranger(wxid, nickname)
        self.people.findable[info] = wxid

    def friend_posts(
        self,
        app_id: str,
        wxid: str,
        words: str,
        *,
        images: Sequence[bytes | None] = (),
        link: str = "",
        title: str = "",
        name: str = "",
        age_s: int = 0,
    ) -> int:
        """In Moments; each of `images` a picture (None: a small one), served by the simulator. The id of the post."""
        self.accounts.get(app_id)
        self.people.name(wxid, name)
        pictures = tuple(self._picture(app_id, data) for data in images)
        post = self.moments.add(
            wxid,
            words,
            seen_by=(app_id,),
            at=self._now() - age_s,
            kind="link" if link else "images" if pictures else "text",
            pictures=pictures,
            link={"title": title, "url": link} if link else {},
        )
        return post.id

    def friend_likes(self, app_id: str, wxid: str, sns_id: int) -> None:
        self._post(app_id, sns_id).likes[wxid] = self._now()

    def friend_comments(self, app_id: str, wxid: str, sns_id: int, words: str, *, reply_to: int = 0) -> int:
        """The id of the comment."""
        return self._post(app_id, sns_id).comment(wxid, words, self._now(), reply_to=reply_to).id

    def _post(self, app_id: str, sns_id: int) -> Post:
        post = self.moments.find(app_id, sns_id)
        if post is None:
            raise Invalid(problems=[Problem("sns_id", f"{app_id} sees no post {sns_id}")])
        return post

    def _picture(self, app_id: str, data: bytes | None) -> Picture:
        medium = self.media.keep("image", data)
        url, shown = self.media.publish(app_id, medium.data, hosted=True), medium.seen
        return Picture(url=url, thumb=url, width=shown.width, height=shown.height, length=shown.length, md5=medium.md5)
