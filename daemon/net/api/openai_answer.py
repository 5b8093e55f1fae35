"""A completion as OpenAI gives it: whole, or in chunks while it is made."""

from typing import Annotated, Any, Literal

from attrs import define, field, frozen

from daemon.codec import encode
from daemon.domain.workflow import Finish, Usage
from daemon.engine.chatting import Told
from daemon.net.server.constraints import Note
from daemon.net.server.events import EventStream

DONE = b"data: [DONE]\n\n"


@frozen(kw_only=True)
class CompletionUsageView:
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@frozen(kw_only=True)
class CompletionExtraView:
    """What OpenAI has no field for; its SDKs pass it on."""

    workflow_id: Annotated[str, Note("That answered: a fallback's where it is degraded.")]
    degraded: bool
    needs_person: Annotated[bool, Note("The workflow asks for a person to go on.")]
    usage_known: Annotated[bool, Note("False where the service did not say what it used: `usage` is 0 then.")]
    duration_ms: int


@frozen(kw_only=True)
class CompletionMessageView:
    content: str
    role: Literal["assistant"] = "assistant"
    refusal: None = None
    annotations: list[Any] = field(factory=list)


@frozen(kw_only=True)
class CompletionChoiceView:
    message: CompletionMessageView
    finish_reason: Annotated[
        Finish, Note("length: cut at its most tokens. content_filter: its service held the rest back.")
    ]
    index: Literal[0] = 0
    logprobs: None = None


@frozen(kw_only=True)
class CompletionView:
    id: str
    created: Annotated[int, Note("Seconds since 1970.")]
    model: Annotated[str, Note("As it was asked for.")]
    choices: list[CompletionChoiceView]
    usage: CompletionUsageView
    qiaod: CompletionExtraView
    object: Literal["chat.completion"] = "chat.completion"


@frozen(kw_only=True)
class Heading:
    """What each chunk of one answer repeats."""

    id: str
    created: int
    model: str


def whole(heading: Heading, told: Told) -> CompletionView:
    return CompletionView(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=[
            CompletionChoiceView(
                message=CompletionMessageView(content=told.answer.text), finish_reason=told.answer.finish
            )
        ],
        usage=_usage(told.answer.usage),
        qiaod=_extra(told),
    )


@define
class Chunks:
    """The chunks of one answer. What they have in common is encoded once, and each piece of text put between."""

    heading: Heading
    with_usage: bool
    stream: EventStream | None = None  # to which they go
    _heard: list[str] = field(factory=list, init=False)
    _before: bytes = field(init=False)
    _after: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._before = b"data: " + self._head() + b',"choices":[{"index":0,"delta":{"content":'
        usage = b',"usage":null' if self.with_usage else b""
        self._after = b'},"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"

    def hear(self, text: str) -> None:
        """The next piece of the answer, told at once."""
        assert self.stream is not None
        self.stream.put(self.piece(text))

    def piece(self, text: str) -> bytes:
        first = b"" if self._heard else self._chunk({"role": "assistant", "content": "", "refusal": None}, None)
        self._heard.append(text)
        return first + self._before + encode(text) + self._after

    def end(self, told: Told) -> bytes:
        """What of the answer nobody heard yet, why it ends, and what it used."""
        text, heard = told.answer.text, "".join(self._heard)
        rest = text.removeprefix(heard) if text.startswith(heard) else ""
        events = self.piece(rest) if rest or not self._heard else b""
        events += self._chunk({}, told.answer.finish, qiaod=_extra(told))
        if self.with_usage:
            events += (
                b"data: " + self._head() + b',"choices":[],"usage":' + encode(_usage(told.answer.usage)) + b"}\n\n"
            )
        return events + DONE

    @staticmethod
    def error(document: bytes) -> bytes:
        return b"data: " + document + b"\n\n"

    def _head(self) -> bytes:
        heading = self.heading
        fields = {
            "id": heading.id,
            "object": "chat.completion.chunk",
            "created": heading.created,
            "model": heading.model,
        }
        return encode(fields).removesuffix(b"}")

    def _chunk(self, delta: dict[str, Any], finish: str | None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        rest = {"choices": [choice], **({"usage": None} if self.with_usage else {}), **more}
        return b"data: " + self._head() + b"," + encode(rest).removeprefix(b"{") + b"\n\n"


def _usage(usage: Usage) -> CompletionUsageView:
    prompt, completion = usage.input_tokens + usage.embedding_tokens, usage.output_tokens
    return CompletionUsageView(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def _extra(told: Told) -> CompletionExtraView:
    return CompletionExtraView(
        workflow_id=told.workflow_id,
        degraded=told.degraded,
        needs_person=told.answer.needs_person,
        usage_known=told.answer.usage.known,
        duration_ms=round(told.seconds * 1000),
    )
