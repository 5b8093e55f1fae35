"""The units of work of received media: one is wanted, located, here, or given up, each in one transaction."""

import unicodedata
from collections.abc import Collection
from datetime import timedelta

from attrs import frozen

from daemon.codec import encode, recall
from daemon.domain.access import Actor
from daemon.domain.content import Content, Image, Video, Voice
from daemon.domain.conversation import Kept
from daemon.domain.job import Job, NewJob
from daemon.domain.media import Arrived, MediaFile, MediaKind, MediaState
from daemon.domain.message import AccountId, ConversationId, MessageId
from daemon.domain.shared import File
from daemon.engine.turn_steps import AWAITED
from daemon.engine.turn_steps import LANE as TURN_LANE
from daemon.errors import NotFound
from daemon.store import audit, due, jobs, media
from daemon.store.tx import Tx

LANE = "media"
MOST_WAITING = 500  # of one account: a day's budget is 2000
LONGEST_NAME = 200  # characters
UNFETCHED = frozenset({Kept.HISTORICAL, Kept.SYSTEM, Kept.SELF, Kept.BLOCKED, Kept.FLOODED})

_SHAPES: dict[str, type[Image | Voice | Video | File]] = {
    MediaKind.IMAGE: Image,
    MediaKind.VOICE: Voice,
    MediaKind.VIDEO: Video,
    MediaKind.FILE: File,
}


@frozen(kw_only=True)
class Terms:
    """How large, how much, how long."""

    most_bytes: int  # of one
    keep_bytes: int  # of all
    keep: timedelta
    inline_bytes: int  # a picture up to this goes to the workflow as it is; a larger one by GeWe's address
    wait: timedelta  # that a question waits for its pictures and files


@frozen(kw_only=True)
class Args:
    message_id: MessageId


@frozen(kw_only=True)
class Wanted:
    medium: MediaFile
    content: Content | None  # None: its message is gone


def enqueue(
    tx: Tx,
    message_id: MessageId,
    content: Content,
    *,
    account_id: AccountId,
    conversation_id: ConversationId,
    request_id: str | None,
) -> None:
    """One unit with the message that brought it: what it brought is to be fetched."""
    name = shown_name(content.name) if isinstance(content, File) else ""
    media.want(tx, message_id, account_id=account_id, conversation_id=conversation_id, kind=content.kind, name=name)
    if media.count_waiting(tx, account_id) > MOST_WAITING:
        media.fail(tx, message_id, "media.too_many")
        return
    jobs.add(
        tx,
        NewJob(
            lane=LANE,
            key=account_id,
            args=encode(Args(message_id=message_id)),
            unique_key=message_id,
            request_id=request_id,
        ),
    )


def shown_name(told: str) -> str:
    """A sender's name for a file without what would garble or reverse it on a screen. It is never a path of ours."""
    return "".join(letter for letter in told if not unicodedata.category(letter).startswith("C"))[:LONGEST_NAME]


def look(tx: Tx, message_id: str) -> Wanted | None:
    """What is still to be fetched."""
    medium = media.get(tx, message_id)
    if medium is None or medium.state is not MediaState.WAITING:
        return None
    source = media.source(tx, message_id)
    return Wanted(medium=medium, content=None if source is None else recall(source.content, _SHAPES[medium.kind]))


def arrive(tx: Tx, medium: MediaFile, arrived: Arrived, *, keep_bytes: int) -> list[str]:
    """It is here, and the oldest go until all are within the budget; the names of the files to remove."""
    if not media.arrive(tx, medium.message_id, arrived):
        return [arrived.file]
    due.hasten(tx, lane=TURN_LANE, key=medium.conversation_id, reason=AWAITED)
    return media.make_room(tx, keep_bytes, but=medium.message_id)


def fail(tx: Tx, *, medium: MediaFile, error: str) -> None:
    media.fail(tx, medium.message_id, error)
    due.hasten(tx, lane=TURN_LANE, key=medium.conversation_id, reason=AWAITED)


def trouble(tx: Tx, *, medium: MediaFile, error: str) -> None:
    media.trouble(tx, medium.message_id, error)


def dismiss(tx: Tx, job: Job) -> None:
    """Its job was cancelled."""
    wanted = look(tx, recall(job.args, Args).message_id)
    if wanted is not None:
        fail(tx, medium=wanted.medium, error="media.cancelled")


def known(tx: Tx, message_id: str) -> MediaFile:
    medium = media.get(tx, message_id)
    if medium is None:
        raise NotFound("media.not_found")
    return medium


def account_of(tx: Tx, message_id: str) -> AccountId:
    """Whose message it is, where it is one that brought something."""
    source = media.source(tx, message_id)
    if source is None or source.kind not in _SHAPES:
        raise NotFound("media.not_found")
    return source.account_id


def fetch(tx: Tx, message_id: MessageId, *, by: Actor) -> MediaFile:
    """Somebody wants it, whatever the account's policy says; one that is here already stays as it is."""
    source, medium = media.source(tx, message_id), media.get(tx, message_id)
    if source is None or source.kind not in _SHAPES:
        raise NotFound("media.not_found")
    if medium is None or medium.state is not MediaState.READY:
        enqueue(
            tx,
            message_id,
            recall(source.content, _SHAPES[source.kind]),
            account_id=source.account_id,
            conversation_id=source.conversation_id,
            request_id=by.request_id,
        )
        audit.record(tx, by, "media.wanted", f"message:{message_id}", detail={"account": source.account_id})
    return known(tx, message_id)


def page(
    tx: Tx,
    *,
    scope: Collection[str] | None,
    kind: MediaKind | None,
    state: MediaState | None,
    before: str | None,
    limit: int,
) -> tuple[list[MediaFile], int]:
    rows = media.page(tx, scope=scope, kind=kind, state=state, before=before, limit=limit)
    return rows, media.count(tx, scope=scope, kind=kind, state=state)
