"""Received media that are here: shown to people, given to workflows, and removed when it is their time."""

import asyncio
import base64
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import BinaryIO, ParamSpec, TypeVar

import structlog
from attrs import define

from daemon.domain.access import Actor
from daemon.domain.media import MediaFile, MediaKind, MediaState
from daemon.domain.message import AccountId, MessageId
from daemon.domain.workflow import Attachment, AttachmentKind
from daemon.engine.media_units import Terms, account_of, fetch, known, page
from daemon.errors import Conflict, StoreUnavailable
from daemon.store import media
from daemon.store.database import Database
from daemon.store.media_files import MediaFiles

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

ROUND = timedelta(minutes=10)  # between two looks for what is old
PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
INLINE_MOST = 4 * 1024 * 1024  # bytes of pictures within one question; the rest goes by address
ADDRESSES = ("http://", "https://")


@define
class Media:
    db: Database
    files: MediaFiles
    terms: Terms

    async def get(self, message_id: str) -> MediaFile:
        return await self.db.read(known, message_id)

    async def account_of(self, message_id: str) -> AccountId:
        """Also where nothing was fetched yet. NotFound where the message brought nothing."""
        return await self.db.read(account_of, message_id)

    async def page(
        self,
        *,
        scope: Collection[str] | None,
        kind: MediaKind | None,
        state: MediaState | None,
        before: str | None,
        limit: int,
    ) -> tuple[list[MediaFile], int]:
        """Newest first, and how many there are."""
        return await self.db.read(page, scope=scope, kind=kind, state=state, before=before, limit=limit)

    async def fetch(self, message_id: str, *, by: Actor) -> MediaFile:
        """Once more, or although the policy does not want it. It takes its turn; what is here stays as it is."""
        medium = await self.db.write(fetch, MessageId(message_id), by=by)
        log.info("media.wanted", message=message_id, by=by.id)
        return medium

    async def open(self, medium: MediaFile) -> BinaryIO:
        """Its bytes. Conflict where they are not here."""
        if medium.file is None:
            raise Conflict("media.not_here", state=medium.state)
        try:
            return await whole(self.files.open, medium.file)
        except OSError as error:
            log.error("media.unreadable", message=medium.message_id, error=str(error))
            raise Conflict("media.file_gone") from None

    async def attachments(self, found: Sequence[MediaFile]) -> tuple[Attachment, ...]:
        """What a workflow is given of them: small pictures as they are, the rest by GeWe's address."""
        given, room = list[Attachment](), INLINE_MOST
        for medium in found:
            url = await self._inline(medium, room)
            room -= 0 if url is None else medium.size
            url = url or medium.url or ""
            if url.startswith((*ADDRESSES, "data:")):
                kind = AttachmentKind.IMAGE if medium.kind is MediaKind.IMAGE else AttachmentKind.FILE
                given.append(Attachment(kind=kind, url=url, name=medium.name))
        return tuple(given)

    async def _inline(self, medium: MediaFile, room: int) -> str | None:
        """A picture within a URL of its own: the service often cannot reach WeChat's stores."""
        fits = medium.size <= min(self.terms.inline_bytes, room)
        if medium.file is None or medium.media_type not in PICTURES or not fits:
            return None
        try:
            whole_file = await whole(self.files.read, medium.file)
        except OSError as error:
            log.error("media.unreadable", message=medium.message_id, error=str(error))
            return None
        return f"data:{medium.media_type};base64,{base64.b64encode(whole_file).decode()}"

    async def put_right(self) -> None:
        """What a crash left: files that no row names go, and rows whose file is gone are dropped. Before any fetch."""
        try:
            found = await whole(self.files.found)
            lost, extra = await self.db.write(media.reconcile, found)
            for name in extra:
                await whole(self.files.remove, name)
        except OSError as error:
            log.error("media.disk", error=str(error))
            return
        if lost or extra:
            log.warning("media.put_right", lost=lost, removed=len(extra))

    async def tidy(self) -> int:
        """What is too old, or too much by newer settings, goes; how many."""
        gone = await self.db.write(media.make_room, self.terms.keep_bytes)
        old = await self.db.write(media.drop_older, self.db.clock.now() - self.terms.keep)
        for name in (*gone, *old):
            await whole(self.files.remove, name)
        return len(gone) + len(old)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if dropped := await self.tidy():
                    log.info("media.dropped", count=dropped)
            except (StoreUnavailable, OSError) as error:
                log.warning("media.tidy_postponed", error=str(error))
            await asyncio.sleep(ROUND.total_seconds())


async def whole(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work` on a thread, and its end awaited even where we are cancelled: two never touch one file at once."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
