"""Listens to a streamed answer until it truly ends, and tells a whole one from one that was cut off."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from attrs import define, field

from daemon.errors import OutcomeUnknown, RemoteNonsense, RemoteUnavailable
from daemon.net.fastgpt.classify import SERVICE
from daemon.net.fastgpt.wire_answer import Heard, Listener
from daemon.net.outbound import Stream
from daemon.net.sse import SseReader

MOST_EVENT = 16 * 1024 * 1024  # bytes: the details of a run are one line
CUT = frozenset({"remote.cut", "remote.broken_answer"})  # codes of a connection that broke


@define
class Listening:
    """One stream. After [DONE] it is followed for `tail` more: some versions tell the details then, and a proxy may
    keep the connection open."""

    stream: Stream
    clean: Callable[[str], str]
    tail: timedelta
    _listener: Listener = field(factory=Listener)
    _reader: SseReader = field(factory=lambda: SseReader(MOST_EVENT), init=False)
    _spoke: bool = field(default=False, init=False)  # bytes came
    _broken: bool = field(default=False, init=False)

    async def heard(self) -> Heard:
        with suppress(TimeoutError):  # only the tail's: the stream's own come as errors of ours
            async with asyncio.timeout(None) as limit:
                await self._hear_all(limit)
        if self._listener.done:
            return self._listener.finish()
        if self._spoke and not self._broken and not self._listener.events:
            raise RemoteNonsense("fastgpt.not_an_answer", service=SERVICE)
        raise RemoteUnavailable("fastgpt.cut", service=SERVICE)

    async def _hear_all(self, limit: asyncio.Timeout) -> None:
        try:
            async for piece in self.stream.chunks():
                self._hear(piece)
                if self._listener.done and limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + self.tail.total_seconds())
        except OutcomeUnknown as error:
            if error.code not in CUT and not self._listener.done:
                raise
            self._broken = True
        if last := self._reader.end():
            self._listener.take(last, self.clean)

    def _hear(self, piece: bytes) -> None:
        self._spoke = True
        for event in self._reader.feed(piece):
            self._listener.take(event, self.clean)
