"""People of the simulated WeChat who send more than words: pictures, voices, files, cards, quotes, second thoughts."""

from attrs import define

from daemon.sim import wechat_xml as xml
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.gewe_media import Medium
from daemon.sim.pictures import jpeg
from daemon.sim.wechat_session import Session


@define(eq=False, kw_only=True)
class Senders(Session):
    """Each helper: `room` for a group, `name` for what the person is called, `data` for the true bytes."""

    async def person_sends_image(
        self,
        app_id: str,
        wxid: str,
        *,
        data: bytes | None = None,
        sizes: tuple[int, ...] = (1, 2, 3),
        room: str = "",
        name: str = "",
    ) -> Delivery:
        """`sizes`: those downloadImage will find."""
        medium = self.media.keep("image", data, sizes=sizes)
        shown = "发了一张图片" if room else "[图片]"
        return await self._sent(
            app_id, wxid, xml.picture(medium), kind=3, shown=shown, room=room, name=name, inline=jpeg(16, 12)
        )

    async def person_sends_voice(
        self,
        app_id: str,
        wxid: str,
        *,
        data: bytes | None = None,
        seconds: float = 2.0,
        inline: bool = True,
        room: str = "",
        name: str = "",
    ) -> Delivery:
        """`inline`: the callback brings the silk with it, as it often does."""
        medium = self.media.keep("voice", data)
        content = xml.voice(medium, wxid, round(seconds * 1000))
        shown, whole = "发了一段语音" if room else "[语音]", medium.data if inline else b""
        return await self._sent(app_id, wxid, content, kind=34, shown=shown, room=room, name=name, inline=whole)

    async def person_sends_video(
        self,
        app_id: str,
        wxid: str,
        *,
        data: bytes | None = None,
        seconds: int = 3,
        room: str = "",
        name: str = "",
    ) -> Delivery:
        content = xml.video(self.media.keep("video", data), wxid, seconds)
        return await self._sent(app_id, wxid, content, kind=43, shown="[视频]", room=room, name=name)

    async def person_sends_file(
        self,
        app_id: str,
        wxid: str,
        *,
        data: bytes | None = None,
        title: str = "报价单.pdf",
        announced: bool = False,
        room: str = "",
        name: str = "",
    ) -> Delivery:
        """`announced`: with the placeholder (type 74) before it. The push of the file itself."""
        medium, before = self.media.keep("file", data, name=title), 0
        if announced:
            early = await self._file(app_id, wxid, medium, announced=True, room=room, name=name)
            before = early.new_msg_id or 0
        return await self._file(app_id, wxid, medium, overwrites=before, room=room, name=name)

    async def person_sends_emoji(
        self, app_id: str, wxid: str, *, data: bytes | None = None, room: str = "", name: str = ""
    ) -> Delivery:
        to = self.accounts.get(app_id).wxid
        content = xml.emoji(self.media.keep("emoji", data), wxid, to)
        return await self._sent(app_id, wxid, content, kind=47, shown="[动画表情]", room=room, name=name)

    async def person_sends_link(
        self,
        app_id: str,
        wxid: str,
        *,
        title: str = "尔滨好消息",
        url: str = "http://mp.weixin.qq.com/s?a=1&b=2",
        description: str = "摘要",
        room: str = "",
        name: str = "",
    ) -> Delivery:
        content = xml.link(wxid, title, url, description)
        return await self._sent(app_id, wxid, content, kind=49, shown=f"[链接]{title}", room=room, name=name)

    async def person_sends_card(
        self, app_id: str, wxid: str, card: str, *, nickname: str = "", room: str = "", name: str = ""
    ) -> Delivery:
        """`card`: the wxid of the person recommended, who can then be added by the card's v3 and v4."""
        called, circle = self.people.stranger(card, nickname), self.circles.of(app_id)
        offer = self.circles.request(card, scene=17, words="", ours=True)
        circle.remember(offer)
        content = xml.card(offer.v3, called, offer.v4)
        return await self._sent(app_id, wxid, content, kind=42, shown=f"[名片]{called}", room=room, name=name)

    async def person_sends_location(
        self, app_id: str, wxid: str, *, latitude: float = 31.2, longitude: float = 121.5, label: str = "人民广场"
    ) -> Delivery:
        content = xml.location(latitude, longitude, label)
        return await self._sent(app_id, wxid, content, kind=48, shown="[位置]")

    async def person_quotes(
        self,
        app_id: str,
        wxid: str,
        words: str,
        *,
        quoted: int,
        quoted_words: str = "",
        author: str = "",
        room: str = "",
        name: str = "",
    ) -> Delivery:
        """An answer to the message with that NewMsgId, of `author` (else of the account itself)."""
        said_by = author or self.accounts.get(app_id).wxid
        refer = {
            "type": 1,
            "svrid": quoted,
            "fromusr": room or said_by,
            "chatusr": said_by,
            "displayname": self.people.names.get(said_by, ""),
            "content": quoted_words,
            "msgsource": "",
        }
        content = xml.quote(wxid, words, refer)
        return await self._sent(app_id, wxid, content, kind=49, shown=words, room=room, name=name)

    async def person_revokes(self, app_id: str, wxid: str, delivery: Delivery, *, room: str = "") -> Delivery:
        """Takes back what that push brought."""
        content = xml.recall(room or wxid, delivery.new_msg_id or 0, self.people.name(wxid))
        device = self.accounts.get(app_id)
        return await self._push(device, self._said(device, wxid, content, kind=10002, room=room))

    async def person_pats(self, app_id: str, wxid: str, *, room: str = "") -> Delivery:
        """Pats the account."""
        device = self.accounts.get(app_id)
        content = xml.pat(wxid, room or device.wxid, device.wxid)
        return await self._push(device, self._noticed(device, content, sender=room or wxid, kind=10002))

    async def _file(
        self,
        app_id: str,
        wxid: str,
        medium: Medium,
        *,
        announced: bool = False,
        overwrites: int = 0,
        room: str = "",
        name: str = "",
    ) -> Delivery:
        content = xml.file(medium, wxid, announced=announced, overwrites=overwrites)
        return await self._sent(app_id, wxid, content, kind=49, shown=f"[文件]{medium.name}", room=room, name=name)

    async def _sent(
        self,
        app_id: str,
        wxid: str,
        content: str,
        *,
        kind: int,
        shown: str,
        room: str = "",
        name: str = "",
        inline: bytes = b"",
    ) -> Delivery:
        device, called = self.accounts.get(app_id), self.people.name(wxid, name)
        push = f"{called}在群聊中{shown}" if room and shown.startswith("发了") else f"{called} : {shown}"
        body = self._said(device, wxid, content, kind=kind, room=room, push=push, inline=inline)
        return await self._push(device, body)
