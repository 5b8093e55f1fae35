"""Carries what was said in the chat API's conversations to the other store: in order, each line once, however long that
one is away."""

from datetime import timedelta
from random import Random

import structlog
from attrs import define, field

from daemon.codec import decode
from daemon.domain.access import Actor, Role
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.dialogue import Dialogue, Line, Place, opens_to
from daemon.domain.job import Job
from daemon.engine.dialogue_shelf import Args, Elsewhere
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.ports import DialogueStore
from daemon.errors import NotFound, RemoteError, RemoteLimited, RemoteRefused
from daemon.limits.retry import Retry
from daemon.store import alerts, dialogues, keys
from daemon.store.database import Database
from daemon.store.dialogues import Kept
from daemon.store.tx import Tx

log = structlog.get_logger()

LINES = 100  # carried in one call
AWAY = "dialogue.not_carried"  # of the alert, while anything waits for the other store
GIVEN_UP = "dialogue.given_up"  # of the alert, while one conversation is not taken and the others are
REFUSED = "supabase.refused"  # this very line, or conversation: all else that it says concerns every one
MOST_REFUSED = 10  # lines of a run, each asked for alone: more, and it is no matter of single lines


@define
class Carrier:
    """The handler of the lane `dialogue`. Its jobs' key is the conversation, so that it is filled in order."""

    db: Database
    elsewhere: Elsewhere | None
    retry: Retry
    random: Random
    _failed: int = field(default=0, init=False)  # in a row

    async def __call__(self, job: Job) -> Result:
        dialogue_id = decode(job.args, Args).dialogue_id
        if self.elsewhere is None:
            await self.db.write(dialogues.stay, dialogue_id)
            return Done()
        try:
            async with self.elsewhere.asked() as store:
                await self._carry(dialogue_id, store)
        except RemoteRefused as error:
            return await self._later(dialogue_id, error) if error.code != REFUSED else _refused(dialogue_id, error)
        except RemoteError as error:
            return await self._later(dialogue_id, error)
        except NotFound as error:  # deleted there again, under our hands
            return Snooze(self.retry.delay(1, self.random), reason=error.code)
        self._failed = 0
        return Done(lambda tx: _through(tx, dialogue_id))

    async def _carry(self, dialogue_id: str, store: DialogueStore) -> None:
        """All that waits. RemoteRefused where that is single lines' fault, once the others are there."""
        refused: list[RemoteRefused] = []
        after = ""
        while True:
            kept, lines = await self.db.read(_waiting, dialogue_id, after)
            if kept is not None and kept.purge:
                await store.forget(dialogue_id)
                await self.db.write(_purged, dialogue_id)
            if kept is None or kept.dialogue is None or not lines:
                break
            if kept.place is not Place.COPY and not await self._opened(kept.dialogue, store):
                return
            refused += await self._append(kept.dialogue, lines, store)
            if len(refused) >= MOST_REFUSED:
                break
            after = lines[-1].id
        if refused:
            raise refused[-1]

    async def _append(self, dialogue: Dialogue, lines: list[Line], store: DialogueStore) -> list[RemoteRefused]:
        """Why lines were refused of which each was tried alone. What is refused together goes in halves."""
        refused: list[RemoteRefused] = []
        parts = [lines]
        while parts and len(refused) < MOST_REFUSED:
            part = parts.pop()
            try:
                if not await self._appended(dialogue, part, store):
                    break
            except RemoteRefused as error:
                if error.code != REFUSED:
                    raise
                if len(part) == 1:
                    refused.append(error)
                else:
                    parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        return refused

    async def _appended(self, dialogue: Dialogue, lines: list[Line], store: DialogueStore) -> bool:
        """False where it is another's by now."""
        try:
            await store.append(lines)
        except NotFound:  # somebody deleted it there
            if not await self._opened(dialogue, store):
                return False
            await store.append(lines)
        await self.db.write(_carried, lines)
        log.debug("dialogue.carried", dialogue=dialogue.id, lines=len(lines))
        return True

    async def _opened(self, dialogue: Dialogue, store: DialogueStore) -> bool:
        """Whether it opens there to who wrote here. It was taken for new while the other store could not be asked."""
        there = await store.open(dialogue)
        dropped = await self.db.write(_settle, dialogue, there)
        if dropped is None:
            return True
        if dropped:
            log.error("dialogue.owner_differs", dialogue=dialogue.id, lines=dropped)
        return False

    async def _later(self, dialogue_id: str, error: RemoteError) -> Snooze:
        self._failed += 1
        log.warning("dialogue.not_carried", dialogue=dialogue_id, code=error.code, detail=error.detail)
        await self.db.write(_tell, error)
        asked = error.retry_after if isinstance(error, RemoteLimited) and error.retry_after else timedelta()
        return Snooze(max(asked, self.retry.delay(self._failed, self.random)), reason=error.code)


def bury(tx: Tx, job: Job) -> None:
    """Its job died. What it was to carry stays here until somebody goes on with the conversation, or requeues it."""
    dialogue_id = decode(job.args, Args).dialogue_id
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=f"{GIVEN_UP}/{dialogue_id}",
            service="Supabase",
            type=AlertType.ANOMALY,
            severity=Severity.HIGH,
            code=GIVEN_UP,
            facts={"conversation": dialogue_id, "reason": job.last_error, "lines": dialogues.waiting(tx, dialogue_id)},
        ),
    )


def _refused(dialogue_id: str, error: RemoteRefused) -> Failed:
    """Perhaps for a moment only, as a gateway does: it is tried again as often as the lane says."""
    log.warning("dialogue.refused", dialogue=dialogue_id, code=error.code, detail=error.detail)
    return Failed(f"{error.code}: {error}")


def _waiting(tx: Tx, dialogue_id: str, after: str) -> tuple[Kept | None, list[Line]]:
    return dialogues.get(tx, dialogue_id), dialogues.outgoing(tx, dialogue_id, LINES, after=after)


def _through(tx: Tx, dialogue_id: str) -> None:
    alerts.resolve(tx, f"{GIVEN_UP}/{dialogue_id}")


def _carried(tx: Tx, lines: list[Line]) -> None:
    dialogues.carried(tx, lines)
    alerts.resolve(tx, AWAY)


def _purged(tx: Tx, dialogue_id: str) -> None:
    dialogues.purged(tx, dialogue_id)
    alerts.resolve(tx, AWAY)


def _settle(tx: Tx, dialogue: Dialogue, there: Dialogue) -> int | None:
    """It is as it is there. None: its lines may go there; else how many were dropped, for it is another's.

    One that was forgotten meanwhile, or begun anew, is looked at again by the job that this has left.
    """
    kept = dialogues.get(tx, dialogue.id)
    if kept is None or kept.dialogue is None or kept.dialogue.chat != dialogue.chat:
        return 0
    if opens_to(there, dialogue.user_id, _maker(tx, dialogue.made_by)):
        dialogues.opened(tx, there)
        return None
    dropped = dialogues.correct(tx, there)
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=f"dialogue.owner_differs/{there.id}",
            service="Supabase",
            type=AlertType.ANOMALY,
            severity=Severity.MEDIUM,
            code="dialogue.owner_differs",
            facts={"conversation": there.id, "lines": dropped},
        ),
    )
    return dropped


def _maker(tx: Tx, name: str) -> Actor:
    """Who began it here, with the rights of today; a key that is gone has the least."""
    kind, _, key_id = name.partition(":")
    if kind != "key":
        return Actor(id=name, role=Role.OPERATOR)
    found = keys.find(tx, key_id)
    role, accounts = (Role.AGENT, None) if found is None else (found.key.role, found.key.accounts)
    return Actor(id=name, role=role, accounts=accounts)


def _tell(tx: Tx, error: RemoteError) -> None:
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=AWAY,
            service="Supabase",
            type=AlertType.SERVICE_DOWN,
            severity=Severity.HIGH,
            code=AWAY,
            facts={"reason": error.code, "lines": dialogues.waiting(tx)},
        ),
    )
