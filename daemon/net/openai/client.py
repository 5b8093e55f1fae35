"""A plain model as an assistant, at any service that speaks OpenAI's chat completions."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.workflow import Answer, NodeBegun, Question, Workflow
from daemon.errors import OutcomeUnknown, RemoteNonsense, RemoteRefused
from daemon.net.openai import wire_answer, wire_request
from daemon.net.openai.classify import BAD_REQUEST, SERVICE, classify
from daemon.net.openai.wire_answer import LLM, Heard, Listener, OnNode, OnText, Setting
from daemon.net.outbound import Outbound, Stream, Timeouts
from daemon.net.sse import SseReader
from daemon.secret import Redactor

log = structlog.get_logger()

MOST_BYTES = 8 * 1024 * 1024  # of an answer: a chunk is some 300 for a token
MOST_STRICT = 1_000  # services remembered that refuse what others take
CUT = frozenset({"remote.cut", "remote.broken_answer"})  # codes of a connection that broke


@frozen(kw_only=True)
class Patience:
    """How long each part may take; the whole is the workflow's own `timeout`."""

    connect: timedelta = timedelta(seconds=10)
    first_byte: timedelta = timedelta(seconds=120)  # a model that thinks may be silent for so long
    idle: timedelta = timedelta(seconds=90)
    tail: timedelta = timedelta(seconds=3)  # after the last word, for the usage
    lookup: timedelta = timedelta(seconds=15)  # of a call that asks for what is there


@define
class OpenAi:
    """`daemon.engine.ports.Assistant`. Between calls it remembers only which services want to be told less."""

    outbound: Outbound
    patience: Patience = field(factory=Patience)
    _strict: dict[str, None] = field(factory=dict, init=False)  # by address and model, the latest last

    async def run(
        self,
        workflow: Workflow,
        question: Question,
        *,
        on_text: OnText | None = None,
        on_node: OnNode | None = None,
    ) -> Answer:
        began = asyncio.get_running_loop().time()
        with self.outbound.metered(SERVICE):
            heard = await self._heard(workflow, question, on_text, on_node)
            seconds = asyncio.get_running_loop().time() - began
            told = wire_request.told(workflow, question)
            setting = Setting(model=workflow.model or "", told=told, seconds=round(seconds, 3))
            return wire_answer.concluded(heard, setting)

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:  # noqa: ARG002  # of the port
        """Nothing is kept there that could be looked up."""
        return None

    async def _heard(
        self, workflow: Workflow, question: Question, on_text: OnText | None, on_node: OnNode | None
    ) -> Heard:
        """Some servers refuse the option that tells the usage, or the end user: those are asked without, ever after."""
        name = f"{workflow.base_url}\n{workflow.model}"
        if name not in self._strict:
            try:
                return await self._once(workflow, wire_request.run(workflow, question), on_text, on_node)
            except RemoteRefused as error:
                if error.code != BAD_REQUEST[1]:
                    raise
        bare = wire_request.run(workflow, question, bare=True)
        heard = await self._once(workflow, bare, on_text, on_node)
        self._remember(name)
        return heard

    def _remember(self, name: str) -> None:
        if name not in self._strict:
            log.info("model.told_less", model=name.partition("\n")[2])
        self._strict.pop(name, None)
        self._strict[name] = None
        if len(self._strict) > MOST_STRICT:
            del self._strict[next(iter(self._strict))]

    async def _once(
        self, workflow: Workflow, body: dict[str, Any], on_text: OnText | None, on_node: OnNode | None
    ) -> Heard:
        clean = self.cleaner(workflow)
        async with self.outbound.stream(
            SERVICE,
            "POST",
            wire_request.completions(workflow),
            json=body,
            headers=wire_request.headers(workflow),
            timeouts=self._timeouts(workflow),
            repeatable=False,
            most_bytes=MOST_BYTES,
            kept=True,  # should it die unseen: asked again, a model only costs
        ) as stream:
            if stream.status == HTTPStatus.OK and on_node is not None:
                on_node(NodeBegun(name=workflow.model or "", kind=LLM))
            if stream.status == HTTPStatus.OK and workflow.stream and not _is_json(stream.headers):
                return await Listening(stream, Listener(clean, on_text), self.patience.tail).heard()
            raw = await stream.read()
            if stream.status != HTTPStatus.OK:
                raise classify(stream.status, stream.headers, raw, clean)
            return wire_answer.entire(stream.status, stream.headers, raw, clean)

    def _timeouts(self, workflow: Workflow) -> Timeouts:
        whole = Timeouts(connect=self.patience.connect, total=workflow.timeout)
        if not workflow.stream:
            return whole
        return evolve(whole, first_byte=self.patience.first_byte, idle=self.patience.idle)

    def cleaner(self, workflow: Workflow) -> Callable[[str], str]:
        """Makes the service's words fit to be kept, whether or not its key is known to the log's redactor."""
        redactor = Redactor()
        redactor.add(workflow.key)
        return lambda words: self.outbound.detail(redactor.clean(words))


@define
class Listening:
    """One stream. After the last word it is followed for `tail` more: the usage comes then."""

    stream: Stream
    listener: Listener
    tail: timedelta
    _reader: SseReader = field(factory=SseReader, init=False)
    _broken: bool = field(default=False, init=False)
    _spoke: bool = field(default=False, init=False)  # bytes came

    async def heard(self) -> Heard:
        with suppress(TimeoutError):  # only the tail's: the stream's own come as errors of ours
            async with asyncio.timeout(None) as limit:
                await self._hear_all(limit)
        if self.listener.ended:
            return self.listener.finish()
        if self._spoke and not self._broken and not self.listener.events:
            raise RemoteNonsense("openai.not_an_answer", service=SERVICE)
        raise OutcomeUnknown("openai.cut", service=SERVICE)

    async def _hear_all(self, limit: asyncio.Timeout) -> None:
        try:
            async for piece in self.stream.chunks():
                self._spoke = True
                for event in self._reader.feed(piece):
                    self.listener.take(event)
                if self.listener.done:
                    return
                if self.listener.ended and limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + self.tail.total_seconds())
        except OutcomeUnknown as error:
            if error.code not in CUT and not self.listener.ended:
                raise
            self._broken = True
        if last := self._reader.end():
            self.listener.take(last)


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").lower().startswith("application/json")
