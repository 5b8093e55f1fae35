"""Received media: asking GeWe for an address of one, and fetching it from there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from attrs import define

from daemon.domain.account import Account, Product
from daemon.domain.content import Content, Emoji, Image, Video, Voice
from daemon.domain.shared import File
from daemon.errors import (
    NotSupported,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.calls import MEDIA, Calls, is_own, lacks, media_url
from daemon.net.gewe.reading import first_of
from daemon.net.gewe.sayings import DOWNLOAD, SERVICE
from daemon.net.gewe.xml import parse
from daemon.net.outbound import Stream, Timeouts, retry_after

STORE = "gewe-media"  # the object stores that GeWe's addresses lead to
CDN = "/message/downloadCdn"
SCHEMES = frozenset({"http", "https"})
NORMAL, LARGE, THUMB = 2, 1, 3  # of a picture: not every one has every size
SIZES = (NORMAL, THUMB, LARGE)
FETCHING = Timeouts(
    total=timedelta(minutes=10), first_byte=timedelta(seconds=30), idle=timedelta(seconds=30)
)  # a video has tens of MB

# how a picture is named in WeChat's XML: the address, and its size
CDN_IMAGES = (("cdnmidimgurl", "length"), ("cdnbigimgurl", "hdlength"), ("cdnthumburl", "cdnthumblength"))


@define
class GeweMedia:
    """See `engine.ports.MediaSource`."""

    calls: Calls

    async def locate(self, account: Account, content: Content) -> str:
        """Good for about seven days. GeWe takes two such calls at once, and wants pauses between them."""
        match content:
            case Image(xml=xml):
                return await self._image(account, xml)
            case Voice(xml=xml, number=number):
                if not number.isdecimal():
                    raise RemoteRefused("gewe.media_unavailable", service=SERVICE, detail="no MsgId")
                return await self._located(account, "/message/downloadVoice", {"xml": xml, "msgId": int(number)})
            case Video(xml=xml):
                return await self._located(account, "/message/downloadVideo", {"xml": xml})
            case File(xml=xml):
                return await self._located(account, "/message/downloadFile", {"xml": xml})
            case Emoji(md5=md5):
                return await self._located(account, "/message/downloadEmojiMd5", {"emojiMd5": md5})
            case other:
                raise NotSupported("gewe.no_medium", kind=other.kind)

    async def _image(self, account: Account, xml: str) -> str:
        """The sizes one after the other; the CDN where the product has that call."""
        refusals = list[RemoteRefused]()
        for size in SIZES:
            try:
                return await self._located(account, "/message/downloadImage", {"xml": xml, "type": size})
            except RemoteUnauthorized:
                raise
            except RemoteRefused as error:
                refusals.append(error)
        fields = None if lacks(account.product, CDN) else _cdn_fields(xml)
        if fields is not None:
            return await self._located(account, CDN, fields)
        raise next((error for error in refusals if error.code == "gewe.media_gone"), refusals[-1])

    async def _located(self, account: Account, path: str, fields: dict[str, Any]) -> str:
        data = await self.calls.ask(account, path, fields, timeouts=MEDIA, sayings=DOWNLOAD)
        url = first_of(data, "fileUrl", "url").strip() if isinstance(data, dict) else ""
        if not url:
            raise RemoteRefused("gewe.media_unavailable", service=SERVICE)
        if _scheme_of(url) in SCHEMES:
            return url
        if account.product is Product.HOSTED:
            raise RemoteNonsense("gewe.nonsense", service=SERVICE, detail="an address that is not whole")
        return media_url(account, url)

    @asynccontextmanager
    async def fetch(self, account: Account, url: str, *, most_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Its bytes, in pieces. A redirect is not followed: what GeWe names is the medium itself.

        GeWe names any address it likes. Only its own may be in a network of ours; its stores speak plain http.
        """
        outbound = self.calls.outbound
        async with outbound.stream(
            STORE,
            "GET",
            url,
            timeouts=FETCHING,
            repeatable=True,
            most_bytes=most_bytes,
            guarded=not is_own(account, url),
            plain=True,
        ) as stream:
            _check(stream, most_bytes)
            yield _bounded(stream, most_bytes)


async def _bounded(stream: Stream, most_bytes: int) -> AsyncIterator[bytes]:
    try:
        async for piece in stream.chunks():
            yield piece
    except RemoteNonsense as error:
        raise _too_large(most_bytes) if error.code == "remote.too_large" else error from error


def _check(stream: Stream, most_bytes: int) -> None:
    """Raises what the store's status means."""
    status, length = stream.status, stream.headers.get("Content-Length", "")
    detail = f"HTTP {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RemoteLimited("gewe.limited", STORE, retry_after(stream.headers), detail)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        raise RemoteUnavailable("gewe.media_store_down", service=STORE, detail=detail)
    if status != HTTPStatus.OK:
        raise RemoteRefused("gewe.media_gone", service=STORE, detail=detail)
    if length.isdecimal() and int(length) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> RemoteRefused:
    return RemoteRefused("gewe.media_too_large", service=STORE, most_bytes=most_bytes)


def _scheme_of(url: str) -> str:
    try:
        return urlsplit(url).scheme.lower()
    except ValueError:
        return ""


def _cdn_fields(xml: str) -> dict[str, Any] | None:
    """What the CDN wants of a picture, out of its XML; None where that does not say."""
    root = parse(xml)
    image = None if root is None else root.find("img")
    if image is None or not image.get("aeskey"):
        return None
    for address, size in CDN_IMAGES:
        if file_id := image.get(address):
            return {
                "aesKey": image.get("aeskey", ""),
                "fileId": file_id,
                "type": "1",
                "totalSize": image.get(size, "") or "0",
                "suffix": "jpg",
            }
    return None
