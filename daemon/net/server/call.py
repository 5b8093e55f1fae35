"""What a handler is given, and what it may give back."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from aiohttp import web
from attrs import field, frozen

from daemon.domain.access import Actor
from daemon.errors import Forbidden, Invalid, Problem, Unauthenticated
from daemon.texts import render

T = TypeVar("T")
S = TypeVar("S")

DEFAULT_LIMIT, MOST_LIMIT = 50, 500
STALE = -1  # no row ever has this version


@frozen(kw_only=True)
class Call:
    """One request, identified and allowed."""

    app: web.Application
    request: web.Request
    id: str  # X-Request-ID
    language: str
    address: str  # of the peer; "unix" on the Unix socket
    known: Actor | None  # None only where anybody may call

    def service(self, key: web.AppKey[T]) -> T:
        return self.app[key]

    @property
    def actor(self) -> Actor:
        if self.known is None:
            raise Unauthenticated("auth.missing")
        return self.known

    def allow(self, account_id: str) -> None:
        """Forbidden unless the caller may touch this account and what belongs to it."""
        if not self.actor.may_touch(account_id):
            raise Forbidden("auth.account")

    def allow_all(self) -> None:
        """Forbidden unless the caller may touch every account."""
        if self.scope is not None:
            raise Forbidden("auth.account")

    @property
    def scope(self) -> frozenset[str] | None:
        """The accounts that the caller's lists are limited to; None: all."""
        return self.actor.accounts

    @property
    def if_match(self) -> int | None:
        """The version the caller has seen; None where they did not say. What is no version of ours is stale."""
        text = self.request.headers.get("If-Match")
        if text is None or text.strip() == "*":
            return None
        number = text.strip().removeprefix("W/").strip('"')
        return int(number) if number.isascii() and number.isdigit() and len(number) < 16 else STALE


@frozen(kw_only=True)
class Paging:
    """Which part of a list is wanted. `after` is what the last page ended with: a text of the resource's own making."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list; the filters that were asked for are added on the way out."""

    data: Sequence[T]
    total: int
    next_after: str | None

    @classmethod
    def of(
        cls, rows: Sequence[S], total: int, paging: Paging, *, view: Callable[[S], T], after: Callable[[S], str]
    ) -> "Page[T]":
        """From up to `limit + 1` rows: the one too many only says that there are more."""
        shown = rows[: paging.limit]
        more = len(rows) > paging.limit
        return cls(data=[view(row) for row in shown], total=total, next_after=after(shown[-1]) if more else None)


@frozen(kw_only=True)
class Reply(Generic[T]):
    """An answer with a status, headers or an ETag of its own."""

    body: T
    status: int | None = None  # None: the route's
    headers: Mapping[str, str] = field(factory=dict)
    version: int | None = None  # the ETag; a body with a `version` needs none


def etag(body: Any, version: int | None = None) -> dict[str, str]:
    number = getattr(body, "version", None) if version is None else version
    return {"ETag": f'"{number}"'} if isinstance(number, int) else {}


def seal_cursor(after: str) -> str:
    """Opaque, and checked on its way back: a mangled one is told so, not silently another page."""
    raw = after.encode()
    return base64.urlsafe_b64encode(zlib.crc32(raw).to_bytes(4) + raw).rstrip(b"=").decode()


def split_after(paging: Paging, language: str) -> tuple[int, str] | None:
    """`<milliseconds>|<id>`: what a list that is not in the order of its ids goes on after."""
    if paging.after is None:
        return None
    milliseconds, _, identifier = paging.after.partition("|")
    if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 16):
        raise _bad_cursor(language)
    return int(milliseconds), identifier


def after_number(paging: Paging, language: str) -> int | None:
    """`<number>`: what a list of numbered rows goes on after."""
    if paging.after is None:
        return None
    if not (paging.after.isascii() and paging.after.isdigit() and len(paging.after) < 16):
        raise _bad_cursor(language)
    return int(paging.after)


def open_cursor(cursor: str, language: str) -> str:
    with suppress(ValueError):  # no base64, no ASCII, no UTF-8
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if zlib.crc32(packed[4:]).to_bytes(4) == packed[:4]:
            return packed[4:].decode()
    raise _bad_cursor(language)


def _bad_cursor(language: str) -> Invalid:
    return Invalid(problems=[Problem("cursor", render("field.cursor", language, {}))])
