"""API keys: made, shown once, checked, rotated, revoked. Their text is `qk_<id>_<secret><crc>`."""

import hmac
import re
import zlib
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from random import Random, SystemRandom

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.access import Key, Role
from daemon.errors import Conflict, Invalid, NotFound, StoreUnavailable, Unauthenticated
from daemon.secret import Secret
from daemon.store import keys
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

TOUCH_EVERY = timedelta(minutes=1)  # `last_used_at` is for people: a write for each request would buy them nothing
LONGEST_LIFE = timedelta(days=365)

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


def standing(key: Key, now: datetime) -> str | None:
    """Why it may not be used; None: it may."""
    if key.revoked_at is not None:
        return "auth.revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "auth.expired"
    return None


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

    async def authenticate(self, text: str) -> Key:
        """The key whose text this is, or Unauthenticated. Unknown ids take as long as wrong secrets."""
        told = read_key(text)
        if told is None:
            raise Unauthenticated("auth.malformed")
        found = await self.db.read(keys.find, told.id)
        stored = found[1] if found else _NOBODY
        if not hmac.compare_digest(self._digest(told.secret), stored) or found is None:
            raise Unauthenticated("auth.unknown")
        return await self._used(found[0])

    async def create(self, *, name: str, role: Role, expires_at: datetime | None, by: str) -> tuple[Key, Secret]:
        """The key and its text, which nobody will see again."""
        now = self.db.clock.now()
        if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
            raise Invalid("key.bad_expiry", days=LONGEST_LIFE.days)
        text = self._new_text()
        key = Key(
            id=text.id,
            name=name,
            role=role,
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        await self.db.write(keys.add, key, self._digest(text.secret), by=by)
        log.info("key.created", key=key.id, role=role, by=by)
        return key, text.written()

    async def get(self, key_id: str) -> Key:
        found = await self.db.read(keys.find, key_id)
        return _existing(found)[0]

    async def page(self, *, role: Role | None, before: tuple[int, str] | None, limit: int) -> tuple[list[Key], int]:
        """One more than `limit` where there are more, and how many there are in all."""

        def both(tx: Tx) -> tuple[list[Key], int]:
            return keys.page(tx, role=role, before=before, limit=limit + 1), keys.count(tx, role=role)

        return await self.db.read(both)

    async def revoke(self, key_id: str, *, by: str) -> None:
        await self.db.write(_revoke, key_id)
        log.info("key.revoked", key=key_id, by=by)

    async def rotate(self, key_id: str, *, by: str) -> tuple[Key, Secret]:
        """The same key with another secret: the one before is void at once."""
        text = evolve(self._new_text(), id=key_id)
        key = await self.db.write(_rotate, key_id, self._digest(text.secret))
        log.info("key.rotated", key=key_id, by=by)
        return key, text.written()

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self.pepper.reveal().encode(), secret.encode(), "sha256")

    def _new_text(self) -> KeyText:
        identifier = "".join(self.random.choice(_ID_LETTERS) for _ in range(10))
        return KeyText(identifier, urlsafe_b64encode(self.random.randbytes(32)).rstrip(b"=").decode())

    async def _used(self, key: Key) -> Key:
        now = self.db.clock.now()
        problem = standing(key, now)
        if problem:
            raise Unauthenticated(problem)
        if key.last_used_at is None or now - key.last_used_at >= TOUCH_EVERY:
            try:
                await self.db.write(keys.touch, key.id)
            except StoreUnavailable as error:  # a full disk must not lock the operators out
                log.warning("key.touch_failed", key=key.id, error=error.code)
        return key


async def ensure_first_key(access: Access) -> Secret | None:
    """A new installation's first admin key, to be shown once; None where there ever was one."""
    if await access.db.read(keys.count, role=Role.ADMIN):
        return None
    _, text = await access.create(name="first", role=Role.ADMIN, expires_at=None, by="system")
    return text


def _existing(found: tuple[Key, bytes] | None) -> tuple[Key, bytes]:
    if found is None:
        raise NotFound("key.not_found")
    return found


def _revoke(tx: Tx, key_id: str) -> None:
    key, _ = _existing(keys.find(tx, key_id))
    if key.role is Role.ADMIN and standing(key, tx.now) is None and keys.admins(tx) == 1:
        raise Conflict("key.last_admin")
    keys.revoke(tx, key_id)


def _rotate(tx: Tx, key_id: str, digest: bytes) -> Key:
    key, _ = _existing(keys.find(tx, key_id))
    if standing(key, tx.now) is not None:
        raise Conflict("key.void")
    keys.renew(tx, key_id, digest)
    return key
