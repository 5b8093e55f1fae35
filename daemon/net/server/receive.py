"""Bodies, read within their limits: of size, of encoding, of depth."""

import re

from aiohttp import web

from daemon.errors import Invalid
from daemon.net.server.problems import Refused

MOST_DEPTH = 32  # what is nested deeper is an attack: nothing of ours goes past six

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")


async def read_body(request: web.Request, most: int) -> bytes:
    """The whole body. How long it may take is the connection's business, see `guard`."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Refused(415, {"Accept-Encoding": "identity"})
    if (request.content_length or 0) > most:
        raise Refused(413)
    received, content = bytearray(), request.content
    while chunk := await content.readany():
        received += chunk
        if len(received) > most:
            raise Refused(413)
    return bytes(received)


def require_json(request: web.Request) -> None:
    """A form posted by another site is text/plain or urlencoded: never taken for JSON."""
    kind = request.content_type.lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refused(415, {"Accept": "application/json"})


def refuse_deep(raw: bytes) -> None:
    """Raises Invalid where the document nests too deep: parsers and encoders end in recursion there."""
    if raw.count(b"[") + raw.count(b"{") <= MOST_DEPTH:
        return
    brackets = _STRINGS.sub(b"", raw).translate(_BRACKETS, _OTHERS)
    for _ in range(MOST_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # takes off the innermost level, at C's speed
        if not brackets:
            return
    raise Invalid("invalid.too_deep", most=MOST_DEPTH)
