"""API keys: made, shown once, checked, rotated, revoked. Their text is `qk_<id>_<secret><crc>`."""

import hmac
import re
import zlib
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import ParamSpec, TypeVar

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.access import SYSTEM, Actor, Key, Role, place_of, within
from daemon.engine.key_units import Terms, add, change, existing, renew, revoke, standing
from daemon.errors import Forbidden, StoreUnavailable, Unauthenticated
from daemon.secret import Secret
from daemon.store import keys
from daemon.store.database import Database
from daemon.store.tx import Tx, Work

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

TOUCH_EVERY = timedelta(minutes=1)  # `last_used_at` is for people: a write for each request would buy them nothing
MOST_KNOWN = 10_000  # pairs of key and place that are known to be good
MOST_KEPT = 1000  # keys that need not be read again

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that people confuse
_CRC_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TEXT = re.compile(r"qk_([a-z0-9]{10})_([A-Za-z0-9_-]{43})([0-9A-Za-z]{6})")
_NOBODY = bytes(32)  # no HMAC of ours; compared with where there is no such key, so that it takes as long


@frozen
class KeyText:
    """A key's text, taken apart. Its id is public."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyText({self.id})"

    def __str__(self) -> str:
        return repr(self)

    def written(self) -> Secret:
        body = f"qk_{self.id}_{self.secret}"
        return Secret(body + _crc(body))


def read_key(text: str) -> KeyText | None:
    """None where it is no key of ours, or was mistyped: no need to look anything up."""
    match = _TEXT.fullmatch(text) if len(text) < 100 else None
    if match is None or _crc(text[:-6]) != match[3]:
        return None
    return KeyText(match[1], match[2])


def _crc(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), ""
    for _ in range(6):  # 62^6 is more than 2^32
        number, digit = divmod(number, 62)
        letters = _CRC_LETTERS[digit] + letters
    return letters


@define
class Access:
    """The keys, and whose a text is."""

    db: Database
    pepper: Secret  # derived from the master key: a stolen database alone proves no guess
    random: Random = field(factory=SystemRandom)
    _known: OrderedDict[tuple[str, str], None] = field(factory=OrderedDict, init=False)  # key and place
    _kept: OrderedDict[str, keys.Found] = field(factory=OrderedDict, init=False)  # proved, and not changed since
    _changes: int = field(default=0, init=False)  # a read that one overtook is not kept
    _peppered: hmac.HMAC = field(init=False)  # what every digest begins with

    def __attrs_post_init__(self) -> None:
        self._peppered = hmac.new(self.pepper.reveal().encode(), digestmod="sha256")

    async def authenticate(self, text: str, *, address: str) -> Key:
        """The key whose text this is; Unauthenticated, or Forbidden where it is not to be used from this address.

        Unknown ids take as long as wrong secrets: what is kept in memory only ever says yes.
        """
        told = read_key(text)
        if told is None:
            raise Unauthenticated("auth.malformed")
        kept = self._kept.get(told.id)
        if kept is not None and self._proves(told, kept):
            self._kept.move_to_end(told.id)
            return await self.used(kept.key, address)
        changes = self._changes
        found = await self.db.read(keys.find, told.id)
        if not self._proves(told, found) or found is None:
            raise Unauthenticated("auth.unknown")
        self._keep(found, changes)
        return await self.used(found.key, address)

    async def used(self, key: Key, address: str) -> Key:
        """The key, where it may be used now and from there. When and where that was is noted."""
        now = self.db.clock.now()
        problem = standing(key, now)
        if problem:
            raise Unauthenticated(problem)
        if key.networks and not within(address, key.networks):
            raise Forbidden("auth.network", key=key.id)
        place = place_of(address)
        news = self._learn(key.id, place)
        if news or key.last_used_at is None or now - key.last_used_at >= TOUCH_EVERY:
            try:
                await self._changed(key.id, keys.touch, key.id, place)
            except StoreUnavailable as error:  # a full disk must not lock the operators out
                log.warning("key.touch_failed", key=key.id, error=error.code)
        return key

    async def trusted(self, key_id: str, address: str) -> bool:
        """Whether the key was used well there, or is bound to networks that this address is in."""
        if (key_id, place_of(address)) in self._known:
            return True
        found = await self.db.read(keys.find, key_id)
        return found is not None and within(address, found.key.networks)

    def restore(self, places: Iterable[tuple[str, str]]) -> None:
        """Take up what earlier processes knew: keys and the places they were used well at, the latest first."""
        for key_id, place in reversed(list(places)):
            self._learn(key_id, place)

    async def create(
        self,
        *,
        name: str,
        role: Role,
        expires_at: datetime | None,
        by: Actor,
        networks: tuple[str, ...] = (),
        accounts: frozenset[str] | None = None,
        rate_limit: int | None = None,
    ) -> tuple[Key, Secret]:
        """The key and its text, which nobody will see again."""
        terms = Terms(
            name=name, role=role, expires_at=expires_at, networks=networks, accounts=accounts, rate_limit=rate_limit
        )
        text = self._new_text()
        key = await self.db.write(add, text.id, terms, self.digest(text.secret), by=by)
        log.info("key.created", key=key.id, role=role, by=by.id)
        return key, text.written()

    async def get(self, key_id: str) -> Key:
        return existing(await self.db.read(keys.find, key_id)).key

    async def page(self, *, role: Role | None, before: tuple[int, str] | None, limit: int) -> tuple[list[Key], int]:
        """One more than `limit` where there are more, and how many there are in all."""

        def both(tx: Tx) -> tuple[list[Key], int]:
            return keys.page(tx, role=role, before=before, limit=limit + 1), keys.count(tx, role=role)

        return await self.db.read(both)

    async def change(self, key_id: str, terms: Terms, *, version: int | None, by: Actor) -> Key:
        """What it may do, where, until when, and how often. Its sessions end."""
        key = await self._changed(key_id, change, key_id, terms, version=version, by=by)
        log.info("key.changed", key=key_id, role=key.role, by=by.id)
        return key

    async def revoke(self, key_id: str, *, by: Actor) -> None:
        await self._changed(key_id, revoke, key_id, by=by)
        log.info("key.revoked", key=key_id, by=by.id)

    async def rotate(self, key_id: str, *, overlap: timedelta, by: Actor) -> tuple[Key, Secret]:
        """The same key with another secret. The one before works on for `overlap`; with none, it is void at once."""
        text = evolve(self._new_text(), id=key_id)
        key = await self._changed(key_id, renew, key_id, self.digest(text.secret), overlap=overlap, by=by)
        log.info("key.rotated", key=key_id, by=by.id)
        return key, text.written()

    def digest(self, secret: str) -> bytes:
        mac = self._peppered.copy()
        mac.update(secret.encode())
        return mac.digest()

    def new_secret(self) -> str:
        """256 bits, as 43 letters."""
        return urlsafe_b64encode(self.random.randbytes(32)).rstrip(b"=").decode()

    def _new_text(self) -> KeyText:
        identifier = "".join(self.random.choice(_ID_LETTERS) for _ in range(10))
        return KeyText(identifier, self.new_secret())

    def _proves(self, told: KeyText, found: keys.Found | None) -> bool:
        """Two comparisons each time, whatever there is to compare with."""
        digest, now = self.digest(told.secret), self.db.clock.now()
        old = found.old_hash if found and found.key.old_until is not None and found.key.old_until > now else None
        current = hmac.compare_digest(digest, found.hash if found else _NOBODY)
        return hmac.compare_digest(digest, old or _NOBODY) or current

    async def _changed(self, key_id: str, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The unit of work, done; what was kept of the key counts no more, also where nobody knows whether it was."""
        try:
            return await self.db.write(work, *args, **kwargs)
        finally:
            self._changes += 1
            self._kept.pop(key_id, None)

    def _keep(self, found: keys.Found, changes: int) -> None:
        """Unless a key was changed since the read began: it may have been this one."""
        if changes == self._changes:
            self._kept[found.key.id] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def _learn(self, key_id: str, place: str) -> bool:
        """Whether that is news."""
        news = (key_id, place) not in self._known
        self._known[key_id, place] = None
        self._known.move_to_end((key_id, place))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return news


async def ensure_first_key(access: Access, *, greet: bool) -> Secret | None:
    """A new installation's first admin key, to be shown once to whom it greets; None where there ever was one.

    Where nobody watches none is made: a log is no place for a key, and the owner is known on the Unix socket.
    """
    if await access.db.read(keys.count, role=Role.ADMIN):
        return None
    if not greet:
        log.info("keys.none_yet", hint="make one on this machine: qiaod keys create NAME --role admin")
        return None
    _, text = await access.create(name="first", role=Role.ADMIN, expires_at=None, by=SYSTEM)
    return text
