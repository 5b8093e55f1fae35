"""Downloads: what a callback's XML names, as a link to a file that is really there (contract 4, 15.9)."""

import asyncio
import re
from collections.abc import Callable
from functools import partial

from attrs import define, frozen

from daemon.sim.gewe_accounts import Accounts
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_media import AT_ONCE, Media, Medium, sample
from daemon.sim.gewe_wire import OFFLINE, Reply, empty, given, ok, plain, refused
from daemon.sim.pictures import jpeg

TOO_PARALLEL = "下载失败，最大支持2条并发，请稍后再试"
GONE = "java.lang.NullPointerException"
NO_FILE = "文件不存在"

_KEY = re.compile(r'\baeskey\s*=\s*"([^"]+)"|<aeskey>(?:<!\[CDATA\[)?([^<\]]+)')
_APP_TYPE = re.compile(r"<type>(?:<!\[CDATA\[)?(\d+)")
_CDN_KINDS = {"1": "image", "2": "image", "3": "image", "4": "video", "5": "file"}


@frozen
class Form:
    """What a download needs to be told, and the element its XML must have."""

    noun: str
    kind: str
    element: str


FORMS = {
    "downloadImage": Form("图片", "image", "<img"),
    "downloadVoice": Form("语音", "voice", "<voicemsg"),
    "downloadVideo": Form("视频", "video", "<videomsg"),
    "downloadFile": Form("文件", "file", "<appmsg"),
}


@define(eq=False)
class Downloads:
    accounts: Accounts
    media: Media

    def endpoints(self) -> list[Endpoint]:
        by_xml = [
            Endpoint(f"message/{name}", partial(self.by_xml, form), hosted_only=form.kind != "image")
            for name, form in FORMS.items()
        ]
        return [
            *by_xml,
            Endpoint("message/downloadEmojiMd5", self.emoji, hosted_only=True),
            Endpoint("message/downloadCdn", self.cdn, hosted_only=True),
        ]

    async def by_xml(self, form: Form, call: Call) -> Reply:
        operation, body = f"下载{form.noun}失败", call.body
        device, refusal = call.device(self.accounts, operation, "xml")
        if device is None:
            return refusal
        xml = str(body["xml"])
        if not xml.startswith(("<?xml", "<msg")) or form.element not in xml:
            return plain(f"下载{form.noun}xml解析异常")
        if form.kind == "voice" and not isinstance(body.get("msgId"), int):
            return empty("msgId")
        if form.kind == "file" and (found := _APP_TYPE.search(xml)) and found[1] != "6":
            return refused(operation, NO_FILE)
        wanted = int(body.get("type") or 2) if form.kind == "image" else 2
        return await self._given(call, operation, lambda: self._of_xml(form.kind, xml, wanted))

    def _of_xml(self, kind: str, xml: str, size: int) -> bytes | None:
        """A message of somewhere else, such as a sample of the contract, carries the sample of its kind."""
        found = _KEY.search(xml)
        medium = self.media.find(found[1] or found[2]) if found else None
        return sample(kind) if medium is None else sized(medium, size)

    async def emoji(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "下载表情失败", "emojiMd5")
        if device is None:
            return refusal
        medium = self.media.find(str(call.body["emojiMd5"]))
        return await self._given(call, "下载表情失败", lambda: medium.data if medium else sample("emoji"), name="url")

    async def cdn(self, call: Call) -> Reply:
        needed = ("aesKey", "fileId", "type", "totalSize", "suffix")
        device, refusal = call.device(self.accounts, "下载CDN失败", *needed)
        if device is None:
            return refusal
        kind = _CDN_KINDS.get(str(call.body["type"]))
        if kind is None:
            return plain("参数错误")
        medium, size = self.media.find(str(call.body["aesKey"])), int(call.body["type"])
        if medium is None:
            return await self._given(call, "下载CDN失败", lambda: sample(kind))
        return await self._given(call, "下载CDN失败", lambda: sized(medium, size if kind == "image" else 2))

    async def _given(
        self, call: Call, operation: str, data: Callable[[], bytes | None], *, name: str = "fileUrl"
    ) -> Reply:
        """The link, unless too many are under way, the account is offline, or the knobs say no."""
        media, app_id = self.media, str(call.body["appId"])
        if media.under_way >= AT_ONCE:
            return refused(operation, TOO_PARALLEL)
        media.under_way += 1
        try:
            if media.knobs.download_s:
                await asyncio.sleep(media.knobs.download_s)
            if not self.accounts.get(app_id).alive:
                return refused(operation, OFFLINE)
            found = data()
        finally:
            media.under_way -= 1
        if media.knobs.empty:
            return ok()
        if media.knobs.gone or found is None:
            return plain(GONE) if media.knobs.gone else refused(operation, "该尺寸的图片不存在")
        return given({name: media.publish(app_id, found, hosted=call.hosted)})


def sized(medium: Medium, size: int) -> bytes | None:
    """Not every picture has every size; the thumb is another, smaller file."""
    if medium.kind == "image" and size not in medium.sizes:
        return None
    return jpeg(16, 12) if medium.kind == "image" and size == 3 else medium.data
