"""What happens at the door, in few rows: each kind of refusal at once, then its count each minute; bans; expiries.

An attack must not fill the store: a wrong key leaves no row, a ban leaves one, and of all the rest only so many kinds
are told apart in a minute.
"""

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from attrs import define, field

from daemon.clock import rfc3339
from daemon.domain.access import SYSTEM, Actor
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.engine.sessions import IDLE, LONGEST
from daemon.errors import RemoteRefused, StoreUnavailable
from daemon.store import alerts, audit, keys, lockouts, sessions
from daemon.store.database import Database
from daemon.store.lockouts import Ban
from daemon.store.tx import Tx

log = structlog.get_logger()

ROOT_CAME = "root.admitted"
MINUTE = 60.0  # seconds
MOST_KINDS = 100  # told apart in a minute; what comes beyond is one count
MOST_BANS = 100_000  # kept
FORGIVEN = timedelta(hours=24)  # after the end of a ban the next is a first one again
BATCH = 200  # rows in one unit of work


@define(eq=False)
class Tally:
    """One kind of refusal: who, what, where."""

    by: Actor
    action: str
    target: str
    detail: dict[str, Any]
    outcome: str = audit.REFUSED
    more: int = 0  # since it was told last


@define
class DoorBook:
    """`refused` and `banned` only take note; `run` writes."""

    db: Database
    _tallies: dict[tuple[str, str, str], Tally] = field(factory=dict, init=False)
    _news: list[Tally] = field(factory=list, init=False)
    _bans: dict[tuple[str, str], tuple[Ban, Tally | None]] = field(factory=dict, init=False)
    _beyond: int = field(default=0, init=False)
    _stirred: asyncio.Event = field(factory=asyncio.Event, init=False)

    def refused(self, by: Actor, action: str, target: str, detail: dict[str, Any]) -> None:
        """`by` may not do this. `target`: a route, never a path, which may hold a secret."""
        if (news := self._counted(by, action, target, detail)) is not None:
            self._news.append(news)
            self._stirred.set()

    def rooted(self, by: Actor) -> None:
        """Root has come in past the users that the settings name: it may, and everybody is to know."""
        if (news := self._counted(by, ROOT_CAME, "socket", {}, outcome=audit.DONE)) is not None:
            self._news.append(news)
            self._stirred.set()

    def barred(self, error: RemoteRefused) -> None:
        """A service was to be called where nobody may."""
        detail = {"code": error.code, "target": error.facts.get("entry", "")}
        if (news := self._counted(SYSTEM, "target.refused", f"service:{error.service}", detail)) is not None:
            self._news.append(news)
            self._stirred.set()

    def banned(self, ban: Ban, by: Actor) -> None:
        """Somebody is refused for a while."""
        detail = {"until": rfc3339(ban.until), "bans": ban.bans}
        told = self._counted(by, "lockout.begun", f"{ban.kind}:{ban.name}", detail)
        self._bans[ban.kind, ban.name] = ban, told
        if len(self._bans) > MOST_BANS:  # the store is away for long
            del self._bans[next(iter(self._bans))]
        self._stirred.set()

    def _counted(
        self, by: Actor, action: str, target: str, detail: dict[str, Any], *, outcome: str = audit.REFUSED
    ) -> Tally | None:
        """What is to be told at once; None where it is only one more."""
        kind = (by.id, action, target)
        if kind in self._tallies:
            self._tallies[kind].more += 1
            return None
        if len(self._tallies) >= MOST_KINDS:
            self._beyond += 1
            return None
        self._tallies[kind] = Tally(by, action, target, detail, outcome)
        return self._tallies[kind]

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._at_once(), name="doorbook.at_once")
            group.create_task(self._each_minute(), name="doorbook.each_minute")

    async def settle(self) -> None:
        """Write what is new. Where the store refuses, the next minute tries again."""
        news, self._news = self._news, []
        bans, self._bans = self._bans, {}
        try:
            while news or bans:
                some = [bans[name] for name in list(bans)[:BATCH]]
                await self.db.write(_write, news[:BATCH], some)
                news = news[BATCH:]
                for ban, _ in some:
                    del bans[ban.kind, ban.name]
        except StoreUnavailable as error:
            self._news, self._bans = news + self._news, bans | self._bans
            log.warning("doorbook.not_written", code=error.code)

    async def look(self) -> None:
        """Each minute: the counts, and what came to its end by itself."""
        await self.settle()
        self._tallies = {name: tally for name, tally in self._tallies.items() if tally.more}
        told = [(tally, tally.more) for tally in self._tallies.values()]
        beyond, self._beyond = self._beyond, 0
        try:
            if told or beyond:
                await self.db.write(_count, told, beyond)
                beyond = 0
            for tally, more in told:
                tally.more -= more
            while await self.db.write(_ended) == BATCH:
                pass
        except StoreUnavailable as error:
            self._beyond += beyond
            log.warning("doorbook.not_written", code=error.code)

    async def _at_once(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await self.settle()

    async def _each_minute(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(MINUTE)


def _write(tx: Tx, news: list[Tally], bans: list[tuple[Ban, Tally | None]]) -> None:
    for ban, told in bans:
        lockouts.save(tx, ban)
        if told is not None:
            audit.record(tx, told.by, told.action, told.target, outcome=audit.REFUSED, detail=told.detail)
    for tally in news:
        audit.record(tx, tally.by, tally.action, tally.target, outcome=tally.outcome, detail=tally.detail)
        if tally.action == ROOT_CAME:
            alerts.raise_(tx, _root_alert(tally.by))


def _root_alert(by: Actor) -> NewAlert:
    return NewAlert(
        fingerprint=ROOT_CAME,
        service="qiaod",
        type=AlertType.ANOMALY,
        severity=Severity.MEDIUM,
        code="auth.root_came",
        facts={"source": by.source},
    )


def _count(tx: Tx, counted: list[tuple[Tally, int]], beyond: int) -> None:
    for tally, more in counted:
        detail = tally.detail | {"more": more}
        audit.record(tx, tally.by, tally.action, tally.target, outcome=tally.outcome, detail=detail)
    if beyond:
        audit.record(tx, SYSTEM, "call.refused", "many", outcome=audit.REFUSED, detail={"more": beyond})


def _ended(tx: Tx) -> int:
    """How many bans came to their end."""
    for key in keys.tell_expired(tx):
        audit.record(tx, SYSTEM, "key.expired", f"key:{key.id}")
    ended = lockouts.end(tx, BATCH)
    for ban in ended[:MOST_KINDS]:
        audit.record(tx, SYSTEM, "lockout.ended", f"{ban.kind}:{ban.name}")
    lockouts.forget(tx, after=FORGIVEN, most=MOST_BANS)
    sessions.prune(tx, idle_since=tx.now - IDLE, begun_before=tx.now - LONGEST)
    return len(ended)
