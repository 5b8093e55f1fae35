"""Whom we leave alone: kept by people through the API, and by whoever writes a stop word."""

from collections.abc import Collection

import structlog
from attrs import define

from daemon.domain.access import SYSTEM, Actor
from daemon.domain.account import Account
from daemon.domain.do_not_contact import LeftAlone, Reason, is_stop_word
from daemon.domain.message import AccountId, Message, Origin, Wxid
from daemon.errors import NotFound
from daemon.store import audit, do_not_contact, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()


@define
class DoNotContact:
    db: Database

    async def add(self, account_id: AccountId | None, peer: Wxid, *, note: str, by: Actor) -> LeftAlone:
        """From now on. What waits for them in the outbox, and nobody asked for, is cancelled."""
        added = await self.db.write(_add, account_id, peer, note=note, by=by)
        log.info("do_not_contact.added", id=added.id, account=account_id)
        return added

    async def get(self, identifier: str) -> LeftAlone:
        return await self.db.read(_known, identifier)

    async def remove(self, identifier: str, *, by: Actor) -> None:
        await self.db.write(_remove, identifier, by=by)
        log.info("do_not_contact.removed", id=identifier)

    async def page(
        self, *, scope: Collection[str] | None, peer: str | None, before: str | None, limit: int
    ) -> tuple[list[LeftAlone], int]:
        return await self.db.read(_page, scope=scope, peer=peer, before=before, limit=limit)


def listen(tx: Tx, account: Account, message: Message, words: frozenset[str]) -> None:
    """Part of the unit that keeps the message: who writes a stop word to us alone is on the list with it."""
    if message.origin is Origin.PEER and not message.in_room and is_stop_word(message.text, words):
        leave_alone(tx, account.id, message.peer, reason=Reason.STOP_WORD, note="", by=SYSTEM)


def leave_alone(tx: Tx, account_id: AccountId | None, peer: Wxid, *, reason: Reason, note: str, by: Actor) -> str:
    """The id on the list, also of one who is there already."""
    identifier, new = do_not_contact.add(tx, account_id, peer, reason=reason, note=note, by=by.id)
    if new:
        cancelled = sends.cancel_unasked(tx, account_id, peer, error="send.do_not_contact")
        audit.record(
            tx,
            by,
            "do_not_contact.added",
            f"do_not_contact:{identifier}",
            detail={"account": account_id, "peer": peer, "reason": reason, "cancelled": cancelled},
        )
    return identifier


def _add(tx: Tx, account_id: AccountId | None, peer: Wxid, *, note: str, by: Actor) -> LeftAlone:
    return _known(tx, leave_alone(tx, account_id, peer, reason=Reason.OPERATOR, note=note, by=by))


def _known(tx: Tx, identifier: str) -> LeftAlone:
    found = do_not_contact.get(tx, identifier)
    if found is None:
        raise NotFound("do_not_contact.not_found", id=identifier)
    return found


def _remove(tx: Tx, identifier: str, *, by: Actor) -> None:
    known = _known(tx, identifier)
    do_not_contact.remove(tx, identifier)
    detail = {"account": known.account_id, "peer": known.peer}
    audit.record(tx, by, "do_not_contact.removed", f"do_not_contact:{identifier}", detail=detail)


def _page(
    tx: Tx, *, scope: Collection[str] | None, peer: str | None, before: str | None, limit: int
) -> tuple[list[LeftAlone], int]:
    found = do_not_contact.page(tx, scope=scope, peer=peer, before=before, limit=limit)
    return found, do_not_contact.count(tx, scope=scope, peer=peer)
