"""Control routes for the rest of the simulated WeChat: media, friendships, Moments and groups, for a driver outside."""

import base64
import binascii

from aiohttp import web
from attrs import define, frozen

from daemon.codec import unstructure
from daemon.errors import Invalid, Problem
from daemon.sim.gate import reply
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.gewe_control import asked, pushed
from daemon.sim.gewe_media import MediaKnobs
from daemon.sim.wechat import WeChat

KINDS = ("image", "voice", "video", "file", "emoji", "link", "card", "location")


@frozen(kw_only=True)
class Sending:
    """`kind`: one of KINDS. `data`: base64, of what is sent; `title` of a file or a link; `card` a wxid."""

    app_id: str
    wxid: str
    kind: str = "image"
    data: str = ""
    title: str = ""
    card: str = ""
    room: str = ""
    name: str = ""


@frozen(kw_only=True)
class Asking:
    app_id: str
    wxid: str
    greeting: str = ""
    nickname: str = ""
    scene: int = 6


@frozen(kw_only=True)
class Accepting:
    app_id: str
    wxid: str


@frozen(kw_only=True)
class Posting:
    """`pictures`: how many small ones the post has."""

    app_id: str
    wxid: str
    text: str
    pictures: int = 0
    link: str = ""
    title: str = ""
    name: str = ""
    age_s: int = 0


@frozen(kw_only=True)
class Reacting:
    """To a post: a like, or with `text` a comment."""

    app_id: str
    wxid: str
    sns_id: int
    text: str = ""
    reply_to: int = 0


@frozen(kw_only=True)
class RoomEvent:
    """`what`: joins, leaves, renamed, invites, removed. `wxid` who does it, or whom it befalls."""

    app_id: str
    room: str
    what: str
    wxid: str = ""
    name: str = ""


@frozen(kw_only=True)
class Findable:
    info: str
    wxid: str
    nickname: str = ""


@frozen(kw_only=True)
class Event:
    app_id: str
    event: str


@define(eq=False)
class WeChatControl:
    wechat: WeChat

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_sim/wechat/media", self.media),
            web.post("/_sim/wechat/friend-request", self.friend_request),
            web.post("/_sim/wechat/accept", self.accept),
            web.post("/_sim/wechat/findable", self.findable),
            web.post("/_sim/wechat/post", self.post),
            web.post("/_sim/wechat/react", self.react),
            web.post("/_sim/wechat/room", self.room),
            web.post("/_sim/wechat/event", self.event),
            web.get("/_sim/media/knobs", self.show_knobs),
            web.put("/_sim/media/knobs", self.set_knobs),
        ]

    async def media(self, request: web.Request) -> web.Response:
        return pushed(await self._sent(await asked(request, Sending)))

    async def _sent(self, it: Sending) -> Delivery:
        wechat, app_id, wxid = self.wechat, it.app_id, it.wxid
        data, room, name = _bytes(it.data), it.room, it.name
        match it.kind:
            case "image":
                return await wechat.person_sends_image(app_id, wxid, data=data, room=room, name=name)
            case "voice":
                return await wechat.person_sends_voice(app_id, wxid, data=data, room=room, name=name)
            case "video":
                return await wechat.person_sends_video(app_id, wxid, data=data, room=room, name=name)
            case "file":
                title = it.title or "报价单.pdf"
                return await wechat.person_sends_file(app_id, wxid, data=data, title=title, room=room, name=name)
            case "emoji":
                return await wechat.person_sends_emoji(app_id, wxid, data=data, room=room, name=name)
            case "link":
                return await wechat.person_sends_link(app_id, wxid, title=it.title or "链接", room=room, name=name)
            case "card":
                return await wechat.person_sends_card(app_id, wxid, it.card, room=room, name=name)
            case "location":
                return await wechat.person_sends_location(app_id, wxid)
            case _:
                raise Invalid(problems=[Problem("kind", f"one of {', '.join(KINDS)}")])

    async def friend_request(self, request: web.Request) -> web.Response:
        it = await asked(request, Asking)
        told = {"greeting": it.greeting, "nickname": it.nickname}
        return pushed(await self.wechat.person_asks_to_be_friend(it.app_id, it.wxid, scene=it.scene, **told))

    async def accept(self, request: web.Request) -> web.Response:
        it = await asked(request, Accepting)
        return pushed(await self.wechat.person_accepts(it.app_id, it.wxid))

    async def findable(self, request: web.Request) -> web.Response:
        it = await asked(request, Findable)
        self.wechat.can_be_found(it.info, it.wxid, nickname=it.nickname)
        return reply({"findable": True})

    async def post(self, request: web.Request) -> web.Response:
        """The id as text: it exceeds what a double holds."""
        it = await asked(request, Posting)
        sns_id = self.wechat.friend_posts(
            it.app_id,
            it.wxid,
            it.text,
            images=[None] * it.pictures,
            link=it.link,
            title=it.title,
            name=it.name,
            age_s=it.age_s,
        )
        return reply({"sns_id": str(sns_id)})

    async def react(self, request: web.Request) -> web.Response:
        it = await asked(request, Reacting)
        if not it.text:
            self.wechat.friend_likes(it.app_id, it.wxid, it.sns_id)
            return reply({"liked": True})
        told = self.wechat.friend_comments(it.app_id, it.wxid, it.sns_id, it.text, reply_to=it.reply_to)
        return reply({"comment_id": told})

    async def room(self, request: web.Request) -> web.Response:
        it, wechat = await asked(request, RoomEvent), self.wechat
        match it.what:
            case "joins":
                return pushed(await wechat.person_joins(it.app_id, it.room, it.wxid, name=it.name))
            case "leaves":
                return pushed(await wechat.person_leaves(it.app_id, it.room, it.wxid))
            case "renamed":
                return pushed(await wechat.group_is_renamed(it.app_id, it.room, it.name, by=it.wxid))
            case "invites":
                return pushed(await wechat.person_invites_account(it.app_id, it.wxid, it.room, room_name=it.name))
            case "removed":
                return pushed(await wechat.account_is_removed(it.app_id, it.room, by=it.wxid))
            case _:
                raise Invalid(problems=[Problem("what", "joins, leaves, renamed, invites or removed")])

    async def event(self, request: web.Request) -> web.Response:
        """An account's state by its v2 name; nothing where the envelope is v1."""
        it = await asked(request, Event)
        delivery = await self.wechat.account_event(it.app_id, it.event)
        return pushed(delivery) if delivery is not None else reply({"outcome": "untold"})

    async def show_knobs(self, _: web.Request) -> web.Response:
        return reply(unstructure(self.wechat.media.knobs))

    async def set_knobs(self, request: web.Request) -> web.Response:
        """All of them: what is left out goes back to its usual value."""
        self.wechat.media.knobs = await asked(request, MediaKnobs)
        return reply(unstructure(self.wechat.media.knobs))


def _bytes(told: str) -> bytes | None:
    """None where nothing was given: a small true file of the kind is sent."""
    try:
        return base64.b64decode(told, validate=True) if told else None
    except binascii.Error as error:
        raise Invalid(problems=[Problem("data", "base64")]) from error
