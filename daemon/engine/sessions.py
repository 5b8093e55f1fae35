"""Sessions of the console: begun with a key, ended by their holder, by time, or by any change of that key."""

import re
from datetime import timedelta

import structlog
from attrs import define

from daemon.domain.access import Actor, Key, Session
from daemon.engine.access import Access
from daemon.errors import StoreUnavailable, Unauthenticated
from daemon.secret import Secret
from daemon.store import audit, keys, sessions
from daemon.store.tx import Tx

log = structlog.get_logger()

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")


@define
class Sessions:
    access: Access

    async def begin(self, key: Key, *, by: Actor) -> Secret:
        """What the cookie is to hold. Of many sessions of one key the oldest ends."""
        text = self.access.new_secret()
        await self.access.db.write(_begin, self.access.digest(text), key, by=by)
        log.info("session.begun", key=key.id)
        return Secret(text)

    async def holder(self, text: str, *, address: str) -> tuple[Key, Session]:
        """The key that the session was begun with; Unauthenticated where it has ended, Forbidden as with the key."""
        if not _TEXT.fullmatch(text):
            raise Unauthenticated("session.ended")
        db, digest = self.access.db, self.access.digest(text)
        found = await db.read(_find, digest)
        now = db.clock.now()
        if found is None or not found[1].standing(now, idle=IDLE, longest=LONGEST):
            raise Unauthenticated("session.ended")
        key = await self.access.used(found[0], address)
        if now - found[1].used_at >= TOUCH_EVERY:
            try:
                await db.write(sessions.touch, digest)
            except StoreUnavailable as error:
                log.warning("session.touch_failed", key=key.id, error=error.code)
        return key, found[1]

    async def end(self, text: str, *, by: Actor) -> None:
        """Whether there was one or not."""
        await self.access.db.write(_end, self.access.digest(text), by=by)
        log.info("session.ended", by=by.id)


def _begin(tx: Tx, digest: bytes, key: Key, *, by: Actor) -> None:
    found = keys.find(tx, key.id)
    if found is None or found.key.version != key.version:
        raise Unauthenticated("session.ended")  # changed since its text was looked at
    sessions.add(tx, digest, key)
    audit.record(tx, by, "session.begun", f"key:{key.id}")


def _find(tx: Tx, digest: bytes) -> tuple[Key, Session] | None:
    session = sessions.find(tx, digest)
    found = None if session is None else keys.find(tx, session.key_id)
    if session is None or found is None or found.key.version != session.key_version:
        return None
    return found.key, session


def _end(tx: Tx, digest: bytes, *, by: Actor) -> None:
    if sessions.remove(tx, digest):
        audit.record(tx, by, "session.ended", by.id)
