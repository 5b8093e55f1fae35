"""The secrets at rest: the store is unlocked with its master key, and sealed anew when that is replaced."""

import asyncio
from datetime import timedelta
from enum import StrEnum

import structlog
from attrs import define, field, frozen

from daemon.domain.access import SYSTEM, Actor
from daemon.errors import Conflict, StoreUnavailable
from daemon.secret import Secret
from daemon.store import audit, meta, secrets
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

log = structlog.get_logger()

CHECK_VALUE = "vault.check_value"  # in the table `meta`
LABELS = {"pepper": "qiaod/api-key-pepper/v1", "audit": "qiaod/audit-chain/v1"}
LATER = timedelta(seconds=5)  # where the store takes nothing
BATCH = 100  # values in one unit of work: about 2 ms


@frozen(kw_only=True)
class Roots:
    """Keys of our own that stay when the master key changes."""

    pepper: Secret  # API keys are hashed with it
    audit: Secret  # the audit log is chained with it


async def unlock(db: Database, vault: Vault) -> Roots:
    """WrongKey for another master key than the store is sealed with, or one that replaced it without the old one."""
    await db.write(_check, vault)
    roots = await db.write(_roots, vault)
    db.audit_key = bytes.fromhex(roots.audit.reveal())
    return roots


def _check(tx: Tx, vault: Vault) -> None:
    found = meta.get(tx, CHECK_VALUE)
    if found is None:
        meta.put(tx, CHECK_VALUE, vault.check_value())
    else:
        vault.confirm(found)


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
    IDLE = "idle"  # everything is sealed with the current key
    SEALING = "sealing"


@frozen(kw_only=True)
class Status:
    phase: Phase
    key_id: str  # of the master key that seals now
    source: str  # where it comes from
    replaceable: bool  # it is in a file of ours; else its owner puts a new one there
    values: int  # that are sealed
    left: int  # of them, those that want an older key
    old_keys: tuple[str, ...]  # ids of older keys that were given


@define
class Secrets:
    """Rotation in the background: a new key seals at once, and what older ones sealed is sealed anew bit by bit."""

    db: Database
    vault: Vault
    _wanted: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def status(self) -> Status:
        wanted = await self.db.read(secrets.wanted)
        left = sum(count for key, count in wanted.items() if key != self.vault.key_id)
        return Status(
            phase=Phase.SEALING if left else Phase.IDLE,
            key_id=self.vault.key_id,
            source=self.vault.source,
            replaceable=self.vault.maker is not None,
            values=sum(wanted.values()),
            left=left,
            old_keys=tuple(self.vault.old_ids),
        )

    async def rotate(self, *, by: Actor) -> Status:
        """Make a new master key and begin to seal with it. `run` does the rest."""
        if self.vault.maker is None:
            raise Conflict("secrets.key_not_ours", source=self.vault.source)
        if (await self.status()).left:
            raise Conflict("secrets.rotating")
        before = self.vault.key_id
        self.vault.adopt(await asyncio.to_thread(self.vault.maker))
        await self.db.write(_begun, by, before=before, after=self.vault.key_id)
        self._wanted.set()
        log.info("secrets.rotation_begun", before=before, after=self.vault.key_id, by=by.id)
        return await self.status()

    async def run(self) -> None:
        """Seal anew what wants an older key, at the start and after each rotation, until cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self._seal_all()
            except StoreUnavailable as error:
                log.info("secrets.postponed", code=error.code)
                await asyncio.sleep(LATER.total_seconds())
            else:
                await self._wanted.wait()

    async def _seal_all(self) -> None:
        total = 0
        while count := await self.db.write(secrets.reseal, self.vault, BATCH):
            total += count
        if await self.db.write(_finished, self.vault, total):
            log.info("secrets.rotation_done", key_id=self.vault.key_id, values=total)


def _begun(tx: Tx, by: Actor, *, before: str, after: str) -> None:
    audit.record(tx, by, "master_key.rotated", f"master_key:{after}", detail={"before": before})


def _finished(tx: Tx, vault: Vault, total: int) -> bool:
    """From now on the store names the new key as its own. Whether there was anything to do."""
    if meta.get(tx, CHECK_VALUE) == vault.check_value():
        return False
    meta.put(tx, CHECK_VALUE, vault.check_value())
    audit.record(tx, SYSTEM, "secrets.sealed_anew", f"master_key:{vault.key_id}", detail={"values": total})
    return True
