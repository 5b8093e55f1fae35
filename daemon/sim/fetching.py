"""How simulators get what a URL names: whole, in bounded time and size."""

from urllib.parse import urlsplit

import aiohttp

MOST_BYTES = 100 * 1024 * 1024
PATIENCE_S = 60.0
NEAR = ("127.0.0.1", "localhost", "::1")


def is_near(url: str) -> bool:
    """On loopback: a simulator fetches that in earnest, and leaves the rest of the world alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in NEAR


async def read(session: aiohttp.ClientSession, url: str) -> bytes:
    """A whole GET. Raises aiohttp.ClientError, TimeoutError, and ValueError where there is too much."""
    limit = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with session.get(url, timeout=limit, raise_for_status=True) as answer:
        whole = bytearray()
        async for piece in answer.content.iter_any():
            whole += piece
            if len(whole) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES} bytes")
        return bytes(whole)
