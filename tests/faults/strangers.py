"""Raw connections that keep to no protocol."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

CLOSED_WITHIN = 10.0  # seconds for an answer to a request that is wrong at once
MOST = 65_536  # bytes of an answer that are looked at


async def said_to(url: str, raw: bytes, *, limit: float = CLOSED_WITHIN) -> bytes:
    """What comes back until the connection is closed; TimeoutError where it is not."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    answer = b""
    try:
        async with asyncio.timeout(limit):
            with suppress(ConnectionError):
                writer.write(raw)
                await writer.drain()
                while len(answer) < MOST and (piece := await reader.read(4096)):
                    answer += piece
    finally:
        writer.transport.abort()
    return answer


def status(answer: bytes) -> int:
    """Of its first line; 0 where there was none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def raw_cases(path: str) -> dict[str, bytes]:
    """Requests that no client of good faith sends."""
    post, host = f"POST {path} HTTP/1.1\r\n".encode(), b"Host: localhost\r\n"
    one = post + host + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    return {
        "nothing at all": b"\r\n\r\n",
        "HTTP/0.9": f"POST {path}\r\n\r\n".encode(),
        "no host": post + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        "two hosts": post + host + host + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        "foreign host": post + b"Host: evil.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "length and chunks": post + host + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two lengths": post + host + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "negative length": post + host + b"Content-Length: -1\r\n\r\n{}",
        "length of letters": post + host + b"Content-Length: two\r\n\r\n{}",
        "huge length": post + host + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        "length over the limit": post + host + b"Content-Length: 300000\r\n\r\n{}",
        "body over the limit": post + host + b"Content-Length: 300000\r\nConnection: close\r\n\r\n" + b"x" * 300_000,
        "bad chunk": post + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "huge chunk": post + host + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        "folded header": post + host + b"A: b\r\n c\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "NUL in a header": post + host + b"A: b\x00c\r\nContent-Length: 2\r\n\r\n{}",
        "space before the colon": post + host + b"Content-Length : 2\r\nConnection: close\r\n\r\n{}",
        "long line": b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
        "long header": post + host + b"A: " + b"b" * 20_000 + b"\r\n\r\n",
        "many headers": post + host + b"".join(b"A%d: b\r\n" % n for n in range(500)) + b"\r\n",
        "gzip": post + host + b"Content-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\x1f\x8b",
        "unknown method": one.replace(b"POST", b"BREW"),
        "long method": b"A" * 5000 + one,
        "HTTP/9.9": one.replace(b"HTTP/1.1", b"HTTP/9.9"),
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
        "an upgrade": post + host + b"Upgrade: websocket\r\nConnection: Upgrade, close\r\nContent-Length: 0\r\n\r\n",
        "expects to go on": post + host + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "expects what nobody knows": post + host + b"Expect: tea\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "twenty in a row": one.replace(b"Connection: close\r\n", b"") * 19 + one,
    }
