"""The media of a simulated WeChat: what messages carry, what GeWe hands out as files, and what it fetches itself."""

import asyncio
import hashlib
import random
from collections import OrderedDict

import aiohttp
from aiohttp import web
from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.sim.fetching import is_near, read
from daemon.sim.pictures import Seen, jpeg, mp4, pdf, png, seen, silk

MOST = 2_000  # media, and files to be fetched; oldest forgotten first
LINK_LIFE_S = 7 * 24 * 3600.0  # contract 4
AT_ONCE = 2  # downloads, contract 4
DOWNLOADS = "/download/"


@frozen(kw_only=True)
class MediaKnobs:
    """Downloads: `gone` and `empty` for all of them, `download_s` to take so long over each.

    Sends: addresses on loopback are truly fetched, others are taken on trust unless `fetch_far`; `fetch_fails`
    refuses them all, `fetch_s` delays, `checks_format` wants pictures to be pictures and voices to be silk.
    """

    gone: bool = False
    empty: bool = False
    download_s: float = 0.0
    fetch_fails: bool = False
    fetch_s: float = 0.0
    fetch_far: bool = False
    checks_format: bool = True


@frozen(kw_only=True)
class Medium:
    """What a message carries. `sizes` of a picture: 1 high, 2 normal, 3 thumb."""

    key: str  # aeskey, by which an XML names it
    cdn: str
    kind: str  # image, voice, video, file, emoji
    data: bytes
    md5: str
    name: str = ""
    sizes: tuple[int, ...] = (1, 2, 3)

    @property
    def seen(self) -> Seen:
        return seen(self.data)


@frozen
class _File:
    data: bytes
    type: str
    at: float


class Unfetched(Exception):
    """GeWe could not get what a URL names."""


@define(eq=False)
class Media:
    clock: Clock
    random: random.Random
    session: aiohttp.ClientSession
    knobs: MediaKnobs = field(factory=MediaKnobs)
    url: str = ""  # of the simulator, once it is served
    under_way: int = 0
    _media: OrderedDict[str, Medium] = field(factory=OrderedDict, init=False)
    _by_md5: OrderedDict[str, Medium] = field(factory=OrderedDict, init=False)
    _files: OrderedDict[str, _File] = field(factory=OrderedDict, init=False)

    def keep(self, kind: str, data: bytes | None, *, name: str = "", sizes: tuple[int, ...] = (1, 2, 3)) -> Medium:
        """A medium that an XML can name from now on; without `data` a small true one of its kind."""
        whole = sample(kind) if data is None else data
        medium = Medium(
            key=f"{self.random.getrandbits(128):032x}",
            cdn=f"30570201{self.random.getrandbits(160):040x}",
            kind=kind,
            data=whole,
            md5=hashlib.md5(whole, usedforsecurity=False).hexdigest(),
            name=name,
            sizes=sizes,
        )
        self._media[medium.key] = self._by_md5[medium.md5] = medium
        for known in (self._media, self._by_md5):
            if len(known) > MOST:
                known.popitem(last=False)
        return medium

    def find(self, key: str) -> Medium | None:
        """By its aeskey, or by the md5 of its bytes."""
        return self._media.get(key) or self._by_md5.get(key)

    def publish(self, app_id: str, data: bytes, *, hosted: bool) -> str:
        """Put it where it can be fetched for seven days: an absolute URL, or a path below /download/."""
        shown = seen(data)
        place = f"{self.clock.now():%Y%m%d}/{app_id}/{self.random.getrandbits(128):032x}.{shown.suffix}"
        self._files[place] = _File(data, shown.type, self.clock.monotonic())
        if len(self._files) > MOST:
            self._files.popitem(last=False)
        return f"{self.url}{DOWNLOADS}{place}" if hosted else place

    async def serve(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["place"])
        if file is None or self.clock.monotonic() - file.at > LINK_LIFE_S:
            return web.Response(status=404, text="NoSuchKey")
        return web.Response(body=file.data, content_type=file.type)

    async def fetch(self, url: object) -> bytes | None:
        """What is there, as GeWe gets it before it sends; None where it is taken on trust. Raises Unfetched."""
        if self.knobs.fetch_s:
            await asyncio.sleep(self.knobs.fetch_s)
        if self.knobs.fetch_fails:
            raise Unfetched("connect timed out")
        far = self.knobs.fetch_far and str(url).startswith(("http://", "https://"))
        if not (far or is_near(str(url))):
            return None
        try:
            return await read(self.session, str(url))
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise Unfetched(str(error) or type(error).__name__) from error


def sample(kind: str) -> bytes:
    match kind:
        case "voice":
            return silk()
        case "video":
            return mp4()
        case "file":
            return pdf()
        case "emoji":
            return png(24, 24, red=250, green=200, blue=40)
        case _:
            return jpeg(64, 48)
