"""The pictures and files of a question: truly fetched or decoded, and put into words the answer can repeat."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import aiohttp
from attrs import define, frozen

from daemon.sim.fetching import is_near, read
from daemon.sim.pictures import seen

MOST = 20  # parts of one question that are looked at


@frozen(kw_only=True)
class Part:
    """One content part: text, or where a picture or a file is."""

    kind: str  # text, image_url, file_url, …
    text: str = ""
    url: str = ""
    name: str = ""


def parts_of(content: object) -> tuple[Part, ...]:
    """Of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return (Part(kind="text", text=content),)
    return tuple(_part(part) for part in content if isinstance(part, dict)) if isinstance(content, list) else ()


def _part(told: Mapping[str, Any]) -> Part:
    kind, inner = str(told.get("type")), told.get("image_url")
    url = inner.get("url") if isinstance(inner, dict) else told.get("url")
    return Part(kind=kind, text=str(told.get("text") or ""), url=str(url or ""), name=str(told.get("name") or ""))


def words(parts: Sequence[Part], shown: Mapping[str, str] | None = None) -> str:
    """The text of them; what is none is told in brackets, as `shown` has it by URL, else by its kind."""
    known = shown or {}
    return "\n".join(part.text if part.kind == "text" else f"[{known.get(part.url, part.kind)}]" for part in parts)


@define(eq=False)
class Looker:
    """Addresses on loopback and data URIs are looked at; what is farther away is taken on trust."""

    session: aiohttp.ClientSession

    async def look(self, parts: Sequence[Part]) -> dict[str, str]:
        """What is behind each URL, such as `图片 image/jpeg 64×48 218 字节`."""
        near = [part for part in parts if part.url.startswith("data:") or is_near(part.url)]
        return {part.url: await self._described(part) for part in near[:MOST]}

    async def _described(self, part: Part) -> str:
        noun = "图片" if part.kind == "image_url" else "文件"
        try:
            data = _decoded(part.url) if part.url.startswith("data:") else await read(self.session, part.url)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            return f"{noun} 取不到：{error}"
        found = seen(data)
        if part.kind == "image_url" and not found.is_picture:
            return f"{noun} 看不懂：{found.type}"
        size = f" {found.width}×{found.height}" if found.is_picture else ""
        return " ".join(filter(None, (noun, part.name, f"{found.type}{size}", f"{found.length} 字节")))


def _decoded(uri: str) -> bytes:
    """The bytes of a data URI. Raises ValueError."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise ValueError("no data")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
