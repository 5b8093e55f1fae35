"""Where the chat API's conversations are kept: in our own store, or in another one with ours in front of it.

What is said is committed here in either case, so that no answer waits for the other store; a job carries it there. What
is read comes from the other store, and from ours what has not got there yet. While the other one does not answer, ours
has what was said lately.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from attrs import define, frozen

from daemon.codec import encode
from daemon.domain.access import Actor
from daemon.domain.dialogue import Dialogue, Excerpt, Line, Place, opens_to
from daemon.domain.job import NewJob, OnConflict
from daemon.engine.ports import DialogueStore
from daemon.errors import (
    NotFound,
    QiaodError,
    RemoteError,
    RemoteLimited,
    RemoteRefused,
    StoreUnavailable,
    Unavailable,
)
from daemon.limits.breaker import Breaker
from daemon.store import audit, dialogues, jobs, pauses
from daemon.store.database import Database
from daemon.store.dialogues import Kept
from daemon.store.tx import Tx

log = structlog.get_logger()

LANE = "dialogue"


@frozen(kw_only=True)
class Args:
    dialogue_id: str


@define
class Elsewhere:
    """The other store, left alone for a while when it fails."""

    store: DialogueStore
    breaker: Breaker

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[DialogueStore]:
        """For one round of calls. Unavailable while it is left alone; a RemoteError is its own."""
        if wait := self.breaker.before():
            raise Unavailable("dialogue.store_away", retry_after=wait)
        try:
            yield self.store
        except (RemoteRefused, RemoteLimited, NotFound):
            self.breaker.succeeded()  # it is there, and speaks
            raise
        except RemoteError:
            self.breaker.failed()
            raise
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()


@define
class Shelf:
    db: Database
    elsewhere: Elsewhere | None = None  # None: all is kept here

    @property
    def place(self) -> Place:
        """Of what is said now."""
        return Place.HERE if self.elsewhere is None else Place.OUTGOING

    async def begin(self) -> None:
        """Say what is here alone though there is another store: it goes there when it is gone on with."""
        if self.elsewhere is not None and (left := await self.db.read(dialogues.here)):
            log.warning("dialogues.here_alone", conversations=left, hint="docs/chat.md, Supabase")

    async def find(self, dialogue_id: str, *, surely: bool = False) -> Dialogue | None:
        """None where there is none. `surely`: raises where that cannot be known now, instead of taking it for new."""
        kept = await self.db.read(dialogues.get, dialogue_id)
        if kept is not None or self.elsewhere is None:
            return None if kept is None else kept.dialogue
        try:
            async with self.elsewhere.asked() as store:
                found = await store.find(dialogue_id)
        except (RemoteError, Unavailable) as error:
            if surely:
                raise
            _missed(dialogue_id, error)
            return None
        return None if found is None else await self.db.write(dialogues.hold, found, Place.COPY)

    async def excerpt(self, dialogue_id: str, *, before: str | None, limit: int) -> Excerpt:
        """The latest `limit` lines before that one."""
        kept, lines, ours = await self.db.read(_kept, dialogue_id, before=before, limit=limit + 1)
        if self.elsewhere is None or kept is None or kept.purge:  # what is there is to be deleted
            return _cut(lines, limit)
        try:
            async with self.elsewhere.asked() as store:
                if kept.place is not Place.COPY:
                    found = await store.find(dialogue_id)
                    if found is None or not _same(found, kept):
                        return _cut(lines, limit, complete=found is None)
                there = await store.page(dialogue_id, before=before, limit=limit + 1)
        except (RemoteError, Unavailable) as error:
            _missed(dialogue_id, error)
            return _cut(lines, limit, complete=False)
        merged = {line.id: line for line in (*there, *ours)}  # `ours` as it was before: what has just gone is in both
        return _cut([merged[key] for key in sorted(merged)], limit)

    def knows(self, tx: Tx, dialogue_id: str) -> bool:
        """A unit of work: whether it is here, and was not forgotten."""
        kept = dialogues.get(tx, dialogue_id)
        return kept is not None and kept.dialogue is not None

    def keep(self, tx: Tx, dialogue: Dialogue, *lines: Line, request_id: str | None) -> Dialogue:
        """A unit of work: as the dialogue stands with these lines in it, on their way where they are to go."""
        held = dialogues.hold(tx, dialogue, self.place)
        for line in lines:
            dialogues.add(tx, line, self.place)
        if self.elsewhere is not None:
            dialogues.send_on(tx, dialogue.id)
            _send_on(tx, dialogue.id, request_id)
        return held

    async def forget(self, dialogue: Dialogue, *, by: Actor) -> None:
        """Nothing of it is shown from now on. The other store forgets it as soon as it is reached; where it is to be
        asked first whose that is there, and cannot be, RemoteError or Unavailable."""
        elsewhere = self.elsewhere is not None and await self._theirs(dialogue, self.elsewhere, by)
        await self.db.write(_forget, dialogue, elsewhere=elsewhere, by=by)

    async def _theirs(self, dialogue: Dialogue, elsewhere: Elsewhere, by: Actor) -> bool:
        """Whether what the other store has under that name is the caller's to delete: it may have been taken for new
        while that one was away, and be another's."""
        kept = await self.db.read(dialogues.get, dialogue.id)
        if kept is None or kept.place is Place.COPY or kept.purge:
            return True
        async with elsewhere.asked() as store:
            found = await store.find(dialogue.id)
        return found is None or opens_to(found, dialogue.user_id, by)


def _kept(tx: Tx, dialogue_id: str, *, before: str | None, limit: int) -> tuple[Kept | None, list[Line], list[Line]]:
    """The dialogue; all lines that are here; of them, those that are nowhere else."""
    lines, ours = (dialogues.page(tx, dialogue_id, before=before, limit=limit, copies=both) for both in (True, False))
    return dialogues.get(tx, dialogue_id), lines, ours


def _same(there: Dialogue, kept: Kept) -> bool:
    """What was taken for new while the other store was away may be another's there: its job finds out."""
    return kept.dialogue is not None and there.chat == kept.dialogue.chat


def _cut(lines: list[Line], limit: int, *, complete: bool = True) -> Excerpt:
    """The latest of them: one too many only says that there are more."""
    return Excerpt(lines=tuple(lines[-limit:]) if limit else (), more=len(lines) > limit, complete=complete)


def _forget(tx: Tx, dialogue: Dialogue, *, elsewhere: bool, by: Actor) -> None:
    dialogues.forget(tx, dialogue.id, elsewhere=elsewhere)
    pauses.remove(tx, dialogue.chat)  # what was answered so far is in it
    audit.record(tx, by, "dialogue.forgotten", f"dialogue:{dialogue.id}")
    if elsewhere:
        _send_on(tx, dialogue.id, by.request_id)


def _send_on(tx: Tx, dialogue_id: str, request_id: str | None) -> None:
    """One job serves all that is waiting by the time it runs, and runs again for what comes meanwhile."""
    jobs.add(
        tx,
        NewJob(
            lane=LANE,
            key=dialogue_id,
            args=encode(Args(dialogue_id=dialogue_id)),
            unique_key=dialogue_id,
            on_conflict=OnConflict.RERUN,
            request_id=request_id,
        ),
    )


def _missed(dialogue_id: str, error: QiaodError) -> None:
    if isinstance(error, StoreUnavailable):
        raise error  # our own
    log.warning("dialogue.store_missed", dialogue=dialogue_id, code=error.code)
