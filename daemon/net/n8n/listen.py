"""Reads the body of a webhook's answer to its end: lines of a stream as they come, all else whole.

A workflow that passes on what its Webhook node was given says our own credential back: nobody hears of that.
"""

from attrs import define, field

from daemon.domain.webhook_call import WebhookAnswer
from daemon.net.n8n.classify import body_of
from daemon.net.n8n.masking import masked
from daemon.net.n8n.stream import Listener, line_of
from daemon.net.n8n.wire_answer import whole
from daemon.net.outbound import Stream
from daemon.secret import Secret

LINE_FEED = b"\n"


@define
class Listening:
    """The first line tells what it is: a stream has the type of a document."""

    stream: Stream
    listener: Listener
    sent: object  # what the webhook was told
    credential: Secret  # what opened it
    _rest: bytearray = field(factory=bytearray, init=False)  # not taken yet
    _streamed: bool | None = field(default=None, init=False)  # None: the first line has not ended

    async def answer(self) -> WebhookAnswer:
        async for piece in self.stream.chunks():
            self._rest += piece
            if self._streamed is not False and LINE_FEED in piece:
                self._take_lines()
        if self._streamed is not False and (last := line_of(self._masked(self._rest))):
            self._streamed = True
            self.listener.take(last)
        if self._streamed:
            return self.listener.answer(self.stream.status)
        body = body_of(self.stream.headers, self._masked(self._rest))
        clean, path = self.listener.clean, self.listener.path
        return whole(self.stream.status, body, path=path, sent=self.sent, clean=clean)

    def _take_lines(self) -> None:
        *lines, rest = bytes(self._rest).split(LINE_FEED)
        for raw in lines:
            line = line_of(self._masked(raw))
            if self._streamed is None:
                self._streamed = line is not None
            if not self._streamed:
                return
            if line is not None:  # what else comes between lines says nothing
                self.listener.take(line)
        self._rest = bytearray(rest)

    def _masked(self, raw: bytes | bytearray) -> bytes:
        return masked(raw, self.credential)
