"""The secrets at rest: the store is unlocked with its master key, and sealed anew when that is replaced."""

import asyncio
from datetime import timedelta
from enum import StrEnum
from queue import Empty, SimpleQueue

import structlog
from attrs import define, field, frozen

from daemon.domain.access import SYSTEM, Actor
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.errors import Conflict, StoreUnavailable
from daemon.master_key import new_key
from daemon.secret import Secret
from daemon.store import alerts, audit, meta, secrets
from daemon.store.database import Database
from daemon.store.secrets import Place
from daemon.store.tx import Tx
from daemon.vault import Vault, key_id_of

log = structlog.get_logger()

CHECK_VALUE = "vault.check_value"  # in the table `meta`
LABELS = {"pepper": "qiaod/api-key-pepper/v1", "audit": "qiaod/audit-chain/v1"}
BATCH = 100  # values in one unit of work: about 2 ms
AGAIN = timedelta(seconds=5)  # after the store has refused


@frozen(kw_only=True)
class Roots:
    """Keys of our own that stay when the master key changes."""

    pepper: Secret  # API keys are hashed with it
    audit: Secret  # the audit log is chained with it


async def unlock(db: Database, vault: Vault) -> Roots:
    """WrongKey for another master key than the store is sealed with, or one that replaced it without the old one."""
    current = await db.write(_check, vault)
    roots = await db.write(_roots, vault)
    db.audit_key = bytes.fromhex(roots.audit.reveal())
    if not current:
        await db.write(_opened_with_old, vault)
    return roots


def _check(tx: Tx, vault: Vault) -> bool:
    """Whether the store is sealed with the key that seals now; False: with an older one of ours."""
    found = meta.get(tx, CHECK_VALUE)
    if found is None:
        meta.put(tx, CHECK_VALUE, vault.check_value())
    return found is None or vault.confirm(found)


def _opened_with_old(tx: Tx, vault: Vault) -> None:
    wanted = (meta.get(tx, CHECK_VALUE) or "").partition(":")[0]
    audit.record(tx, SYSTEM, "master_key.old_used", f"master_key:{wanted}", detail={"now": vault.key_id})


def _roots(tx: Tx, vault: Vault) -> Roots:
    check = meta.get(tx, CHECK_VALUE) or vault.check_value()
    return Roots(**{name: Secret(_root(tx, vault, name, label, check)) for name, label in LABELS.items()})


def _root(tx: Tx, vault: Vault, name: str, label: str, check: str) -> str:
    known = secrets.root(tx, vault, name)
    if known is not None:
        return known
    value = vault.root(label, check)
    secrets.put_root(tx, name, secrets.seal_root(vault, name, value.reveal()))
    return value.reveal()


class Phase(StrEnum):
    IDLE = "idle"  # what can be read is sealed with the current key
    SEALING = "sealing"


@frozen(kw_only=True)
class Status:
    phase: Phase
    key_id: str  # of the master key that seals now
    source: str  # where it comes from
    replaceable: bool  # it is in a file of ours; else its owner puts a new one there
    values: int  # that are sealed
    left: int  # of them, those that want an older key of ours
    lost: int  # of them, those that want a key we have not
    old_keys: tuple[str, ...]  # ids of older keys that were given


@define
class Secrets:
    """Rotation in the background: a new key seals at once, and what older ones sealed is sealed anew bit by bit.

    A value that cannot be opened keeps nothing from being sealed: it is told of, once in a life of the process.
    """

    db: Database
    vault: Vault
    _wanted: asyncio.Event = field(factory=asyncio.Event, init=False)
    _turning: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _failures: SimpleQueue[tuple[str, str]] = field(factory=SimpleQueue, init=False)  # filled by the store's threads
    _told: set[str] = field(factory=set, init=False)
    _unreadable: frozenset[Place] = field(default=frozenset(), init=False)  # with a key of ours, all the same

    def __attrs_post_init__(self) -> None:
        self.vault.on_failure = lambda context, code: self._failures.put((context, code))

    async def status(self) -> Status:
        wanted = await self.db.read(secrets.wanted)
        lost = sum(len(places) for key, places in wanted.items() if not self.vault.opens(key))
        older = {key: places for key, places in wanted.items() if key != self.vault.id and self.vault.opens(key)}
        left = sum(len(set(places) - self._unreadable) for places in older.values())
        return Status(
            phase=Phase.SEALING if left else Phase.IDLE,
            key_id=self.vault.key_id,
            source=self.vault.source,
            replaceable=self.vault.keeper is not None,
            values=sum(len(places) for places in wanted.values()),
            left=left,
            lost=lost,
            old_keys=tuple(self.vault.old_ids),
        )

    async def rotate(self, *, by: Actor) -> Status:
        """Make a new master key and begin to seal with it. `run` does the rest.

        The audit log has it before the key file is touched: what cannot be told of is not done.
        """
        if self.vault.keeper is None:
            raise Conflict("secrets.key_not_ours", source=self.vault.source)
        if self._turning.locked() or (await self.status()).left:
            raise Conflict("secrets.rotating")
        async with self._turning:
            before, fresh = self.vault.key_id, new_key()
            after = key_id_of(fresh).hex()
            await self.db.write(_begun, by, before=before, after=after)
            try:
                await asyncio.to_thread(self.vault.keep, fresh)
            except (OSError, Conflict) as error:
                await self.db.write(_failed, by, before=before, after=after)
                if isinstance(error, Conflict):
                    raise
                raise Conflict("secrets.key_not_kept", reason=error.strerror) from error
            self.vault.adopt(fresh)
        self._wanted.set()
        log.info("secrets.rotation_begun", before=before, after=after, by=by.id)
        return await self.status()

    async def run(self) -> None:
        """Seal anew what wants an older key, at the start and after each rotation, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._seal_for_ever(), name="secrets.seal")
            group.create_task(self._tell_for_ever(), name="secrets.tell")

    async def settle(self) -> None:
        """Tell of what could not be opened."""
        news = dict[str, str]()
        while True:
            try:
                context, code = self._failures.get_nowait()
            except Empty:
                break
            if context not in self._told:
                news[context] = code
        if news:
            try:
                await self.db.write(_unreadable, news)
            except StoreUnavailable as error:
                log.error("secrets.unreadable", contexts=sorted(news), error=error.code)
            self._told |= news.keys()

    async def _tell_for_ever(self) -> None:
        while True:
            await self.settle()
            await asyncio.sleep(AGAIN.total_seconds())

    async def _seal_for_ever(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self._seal_all()
            except StoreUnavailable as error:
                log.warning("secrets.postponed", error=error.code)
                await asyncio.sleep(AGAIN.total_seconds())
            else:
                await self._wanted.wait()

    async def _seal_all(self) -> None:
        total, unreadable = 0, set[Place]()
        while True:
            done, failed = await self.db.write(secrets.reseal, self.vault, BATCH, frozenset(unreadable))
            total, unreadable = total + done, unreadable | failed
            if done + len(failed) < BATCH:
                break
        self._unreadable = frozenset(unreadable)
        await self.settle()
        if await self.db.write(_finished, self.vault, total, len(unreadable)):
            log.info("secrets.rotation_done", key_id=self.vault.key_id, values=total, unreadable=len(unreadable))


def _begun(tx: Tx, by: Actor, *, before: str, after: str) -> None:
    audit.record(tx, by, "master_key.rotated", f"master_key:{after}", detail={"before": before})


def _failed(tx: Tx, by: Actor, *, before: str, after: str) -> None:
    audit.record(tx, by, "master_key.rotated", f"master_key:{after}", outcome=audit.REFUSED, detail={"before": before})


def _finished(tx: Tx, vault: Vault, total: int, unreadable: int) -> bool:
    """From now on the store names the new key as its own. Whether there was anything to do."""
    if meta.get(tx, CHECK_VALUE) == vault.check_value():
        return False
    meta.put(tx, CHECK_VALUE, vault.check_value())
    detail = {"values": total, "unreadable": unreadable}
    audit.record(tx, SYSTEM, "secrets.sealed_anew", f"master_key:{vault.key_id}", detail=detail)
    return True


def _unreadable(tx: Tx, news: dict[str, str]) -> None:
    for context, code in sorted(news.items()):
        audit.record(tx, SYSTEM, "secret.unreadable", f"secret:{context}", outcome=audit.REFUSED, detail={"code": code})
        alerts.raise_(
            tx,
            NewAlert(
                fingerprint=f"secret.unreadable/{context}",
                service="qiaod",
                type=AlertType.ANOMALY,
                severity=Severity.HIGH,
                code="vault.unreadable",
                facts={"place": context},
            ),
        )
