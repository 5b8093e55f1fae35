"""FastGPT as an assistant: asks, listens, looks lost answers up, and stops what nobody waits for any more."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.workflow import Answer, Question, Workflow
from daemon.errors import RemoteError, RemoteRefused, RemoteUnauthorized, RemoteUnavailable
from daemon.net.fastgpt import wire_answer, wire_request
from daemon.net.fastgpt.classify import DUPLICATE, SERVICE, classify
from daemon.net.fastgpt.listen import Listening
from daemon.net.fastgpt.wire_answer import Ears, Heard, Listener, OnNode, OnText
from daemon.net.fastgpt.wire_rows import rows
from daemon.net.fastgpt.wire_values import items
from daemon.net.fastgpt.wrapped import MOST_BYTES, Wrapped
from daemon.net.foreign import document, text
from daemon.net.outbound import Outbound, Stream, Timeouts

log = structlog.get_logger()


@frozen(kw_only=True)
class Patience:
    """How long each part may take; the whole is the workflow's own `timeout`."""

    connect: timedelta = timedelta(seconds=10)
    first_byte: timedelta = timedelta(seconds=60)  # of a stream; FastGPT's own page gives up then
    idle: timedelta = timedelta(seconds=45)  # its heartbeat comes every 10 s
    tail: timedelta = timedelta(seconds=3)  # after [DONE]: details may follow, and a proxy may keep the line open
    lookup: timedelta = timedelta(seconds=15)
    stop: timedelta = timedelta(seconds=2)  # it may wait 5 s for the run to end; we need not

    @property
    def looking(self) -> Timeouts:
        """Of a call that asks for what is there."""
        return Timeouts(connect=self.connect, total=self.lookup)


@define
class FastGpt:
    """`daemon.engine.ports.Assistant`. Nothing is kept between calls."""

    outbound: Outbound
    patience: Patience = field(factory=Patience)

    async def run(
        self,
        workflow: Workflow,
        question: Question,
        *,
        on_text: OnText | None = None,
        on_node: OnNode | None = None,
    ) -> Answer:
        try:
            return await self._ask(workflow, question, Ears(on_text, on_node))
        except asyncio.CancelledError:
            await self._stop(workflow, question)
            raise

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:
        """Only a chat of an app that is named can be looked into; a run that was cut short left no answer."""
        if (chat := wire_request.chat(workflow, question)) is None:
            return None
        try:
            return await self._recovered(workflow, question, chat)
        except RemoteUnauthorized:
            raise
        except RemoteRefused:
            return None  # no such chat, in the words of its version

    async def _ask(self, workflow: Workflow, question: Question, ears: Ears) -> Answer:
        """A name that is taken is that of an earlier attempt: it has the answer, or was cut short."""
        for name in wire_request.names(question):
            try:
                return await self._once(workflow, question, name, ears)
            except RemoteRefused as error:
                if error.code != DUPLICATE:
                    raise
            if (earlier := await self.recover(workflow, question)) is not None:
                return earlier
        raise RemoteUnavailable("fastgpt.cut", service=SERVICE)

    async def _once(self, workflow: Workflow, question: Question, name: str, ears: Ears) -> Answer:
        clean = self._cleaner(workflow)
        with self.outbound.metered(SERVICE):
            async with self.outbound.stream(
                SERVICE,
                "POST",
                wire_request.completions(workflow),
                json=wire_request.run(workflow, question, name),
                headers=wire_request.headers(workflow),
                timeouts=self._timeouts(workflow),
                repeatable=False,
                most_bytes=MOST_BYTES,
            ) as stream:
                heard = await self._heard(workflow, stream, clean, ears)
            return wire_answer.concluded(heard, clean, record=name)

    async def _heard(self, workflow: Workflow, stream: Stream, clean: Callable[[str], str], ears: Ears) -> Heard:
        streamed = workflow.stream and not _is(stream.headers, "application/json")
        if streamed and stream.status == HTTPStatus.OK:
            return await Listening(stream, clean, self.patience.tail, Listener(ears)).heard()
        body = await stream.read()
        if stream.status != HTTPStatus.OK:
            raise classify(stream.status, stream.headers, body, clean)
        return wire_answer.whole(stream.status, stream.headers, body, clean)

    async def _recovered(self, workflow: Workflow, question: Question, chat: dict[str, str]) -> Answer | None:
        asked = {**chat, "offset": 0, "pageSize": wire_request.RECORDS}
        found = await self._wrapped.call(workflow, "POST", wire_request.RECORDS_PATHS, json=asked)
        records = [document(record) for record in items(document(found).get("list"))]
        answers = {text(record.get("dataId")): record for record in records if record.get("obj") == "AI"}
        for name in reversed(wire_request.names(question)):
            if name in answers:  # the last attempt's: those before it broke off
                heard = wire_answer.content(answers[name].get("value"), resumed=question.resumes is not None)
                return await self._of(workflow, chat, name, heard)
        return None

    async def _of(self, workflow: Workflow, chat: dict[str, str], name: str, heard: Heard) -> Answer | None:
        if not heard.text:
            return None
        details = {**chat, "dataId": name}
        heard.rows = rows(await self._wrapped.call(workflow, "GET", wire_request.DETAIL_PATHS, params=details))
        heard.detailed = bool(heard.rows)
        if wire_answer.was_cut(heard):
            return None
        return wire_answer.concluded(heard, self._cleaner(workflow), record=name, recovered=True)

    async def _stop(self, workflow: Workflow, question: Question) -> None:
        """A run of v2 goes on, and costs, after its caller has gone."""
        chat = wire_request.chat(workflow, question)
        if chat is None or workflow.endpoint != "v2":
            return
        try:
            with self.outbound.metered(SERVICE):
                await self.outbound.request(
                    SERVICE,
                    "POST",
                    wire_request.stop(workflow),
                    json=chat,
                    headers=wire_request.headers(workflow),
                    timeouts=Timeouts(connect=self.patience.stop, total=self.patience.stop),
                    repeatable=True,
                )
        except RemoteError as error:
            log.info("run.stop_failed", workflow=workflow.id, error=error.code)

    def _timeouts(self, workflow: Workflow) -> Timeouts:
        whole = Timeouts(connect=self.patience.connect, total=workflow.timeout)
        if not workflow.stream:
            return whole
        return evolve(whole, first_byte=self.patience.first_byte, idle=self.patience.idle)

    @property
    def _wrapped(self) -> Wrapped:
        return Wrapped(self.outbound, self.patience.looking)

    def _cleaner(self, workflow: Workflow) -> Callable[[str], str]:
        return self._wrapped.cleaner(workflow)


def _is(headers: Mapping[str, str], content_type: str) -> bool:
    return headers.get("Content-Type", "").lower().startswith(content_type)
