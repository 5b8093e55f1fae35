"""The console's cookie: how it is called, given, read, taken back; and whether a request comes from our own pages."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from daemon.domain.access import plain_address

Network = IPv4Network | IPv6Network

PLAIN = "qiaod"
SECURE = "__Host-qiaod"  # browsers send it over TLS only, and to this very host
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # what changes nothing


def is_secure(request: web.Request, proxies: Sequence[Network]) -> bool:
    """Whether the browser speaks TLS: with us, or with a proxy of ours that says so."""
    told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return request.secure or (told == "https" and is_in(request.remote or "", proxies))


def read(request: web.Request, *, secure: bool) -> str | None:
    """What the cookie holds. Over TLS only the name that nobody else can set counts."""
    return request.cookies.get(SECURE if secure else PLAIN)


def given(text: str, *, secure: bool, lasting: timedelta) -> str:
    """The header that sets it."""
    return f"{_start(text, secure=secure)}; Max-Age={int(lasting.total_seconds())}"


def taken(*, secure: bool) -> str:
    """The header that removes it."""
    return f"{_start('', secure=secure)}; Max-Age=0"


def _start(text: str, *, secure: bool) -> str:
    name, more = (SECURE, "; Secure") if secure else (PLAIN, "")
    return f"{name}={text}; Path=/; HttpOnly; SameSite=Strict{more}"


def from_own_pages(request: web.Request) -> bool:
    """Whether the browser says that a page of ours sent it. One that says nothing at all is not believed."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    try:
        where = urlsplit(origin)
    except ValueError:
        return False
    return where.scheme in ("http", "https") and where.netloc.lower() == request.headers.get("Host", "").lower()


def is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = plain_address(ip_address(address))
    except ValueError:
        return False
    return any(parsed in one for one in networks)
