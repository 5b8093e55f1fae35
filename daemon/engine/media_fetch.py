"""Fetches what people sent: two at a time, one of an account, at the account's pace, each until it is here or lost."""

import errno
from datetime import timedelta
from functools import partial

import structlog
from attrs import define

from daemon.codec import decode
from daemon.domain.access import SYSTEM
from daemon.domain.account import Account
from daemon.domain.act import ActKind
from daemon.domain.content import Content
from daemon.domain.job import Job
from daemon.domain.media import Arrived, MediaFile
from daemon.engine.accounts import Accounts
from daemon.engine.acts import Acts
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.media import Media, whole
from daemon.engine.media_units import Args, Wanted, arrive, fail, look, trouble
from daemon.engine.ports import MediaSource
from daemon.engine.pressure import Pressure
from daemon.errors import (
    AccountOffline,
    Conflict,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    QiaodError,
    QuotaExceeded,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    Waitable,
)
from daemon.store import media
from daemon.store.database import Database

log = structlog.get_logger()

AT_ONCE = 2  # GeWe refuses a third
TRIES = 4  # that end in a failure which may pass
WORTH = timedelta(days=1)  # that it is waited for an account, a budget or a disk; GeWe's own copies last a week
LINK_LIVES = timedelta(days=6)  # of GeWe's seven
OFFLINE_PAUSE = timedelta(seconds=60)
CLOSED_PAUSE = timedelta(minutes=5)  # while the account may not send, or its token is refused
LIMITED_PAUSE = timedelta(seconds=60)
QUOTA_PAUSE = timedelta(hours=1)  # the longest between two looks at a spent quota: somebody may raise it
DISK_PAUSE = timedelta(minutes=1)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@define
class MediaFetch:
    """The handler of the lane `media`. Its jobs' key is the account."""

    db: Database
    accounts: Accounts
    acts: Acts
    source: MediaSource
    media: Media
    pressure: Pressure

    async def __call__(self, job: Job) -> Result:
        wanted = await self.db.read(look, decode(job.args, Args).message_id)
        if wanted is None:
            return Done()  # it is here: an earlier attempt was cut off after that
        medium = wanted.medium
        try:
            account = self.accounts.get(medium.account_id)
        except NotFound:
            return self._lost(medium, "account.not_found")
        if wanted.content is None:
            return self._lost(medium, "media.message_gone")
        if self.db.clock.now() - medium.created_at > WORTH:
            return self._lost(medium, medium.error or "media.too_late")
        self.pressure.admit_work()
        try:
            return await self._fetch(job, account, wanted, wanted.content)
        except QiaodError as error:
            return self._failed(job, medium, error)
        except OSError as error:
            log.error("media.disk", message=medium.message_id, error=str(error))
            return self._later(medium, DISK_PAUSE, "media.disk_full" if error.errno in FULL else "media.disk")

    async def _fetch(self, job: Job, account: Account, wanted: Wanted, content: Content) -> Result:
        medium, url = wanted.medium, wanted.medium.url
        if url is None or not self._lives(medium):
            if pause := await self.acts.wait(account, ActKind.MEDIA_DOWNLOAD):
                return Snooze(pause, reason="media.pace")
            url = await self._located(account, medium, content)
        arrived = await self._arrived(job, account, url)
        gone = await self.db.write(arrive, medium, arrived, keep_bytes=self.media.terms.keep_bytes)
        for name in gone:
            await whole(self.media.files.remove, name)
        log.info("media.fetched", message=medium.message_id, bytes=arrived.size, dropped=len(gone))
        return Done()

    def _lives(self, medium: MediaFile) -> bool:
        return medium.url_at is not None and self.db.clock.now() - medium.url_at < LINK_LIVES

    async def _located(self, account: Account, medium: MediaFile, content: Content) -> str:
        url = await self.acts.do(
            account,
            ActKind.MEDIA_DOWNLOAD,
            medium.message_id,
            by=SYSTEM,
            call=partial(self.source.locate, account, content),
        )
        await self.db.write(media.locate, medium.message_id, url)
        return url

    async def _arrived(self, job: Job, account: Account, url: str) -> Arrived:
        """The whole file, durable, under the job's id: another attempt writes over what this one may leave."""
        most = min(self.media.terms.most_bytes, self.media.terms.keep_bytes)
        async with self.source.fetch(account, url, most_bytes=most) as pieces:
            arriving = await whole(self.media.files.begin, job.id)
            try:
                async for piece in pieces:
                    await whole(arriving.write, piece)
                return await whole(arriving.finish)
            except BaseException:
                await whole(arriving.discard)
                raise

    def _failed(self, job: Job, medium: MediaFile, error: QiaodError) -> Result:
        """Each class of failure has its own end; nothing is changed at WeChat by asking again."""
        log.warning("media.failed", message=medium.message_id, account=medium.account_id, code=error.code)
        match error:
            case RemoteUnauthorized() | Conflict():
                return self._later(medium, CLOSED_PAUSE, error.code)
            case RemoteRefused() | NotSupported():
                return self._lost(medium, error.code)
            case AccountOffline():
                return self._later(medium, OFFLINE_PAUSE, error.code)
            case RemoteLimited(retry_after=after):
                return self._later(medium, after or LIMITED_PAUSE, error.code)
            case QuotaExceeded(renews_at=renews):
                return self._later(medium, min(renews - self.db.clock.now(), QUOTA_PAUSE), error.code)
            case Waitable(retry_after=after):
                return self._later(medium, after, error.code)
            case RemoteUnavailable() | RemoteNonsense() | OutcomeUnknown() if job.attempts < TRIES:
                return Failed(error.code, work=partial(trouble, medium=medium, error=error.code))
            case _:
                return self._lost(medium, error.code)

    def _later(self, medium: MediaFile, delay: timedelta, error: str) -> Snooze:
        return Snooze(delay, partial(trouble, medium=medium, error=error), error)

    def _lost(self, medium: MediaFile, error: str) -> Done:
        return Done(partial(fail, medium=medium, error=error))
