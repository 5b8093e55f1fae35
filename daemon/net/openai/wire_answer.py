"""What an OpenAI-compatible service answers, whole or as a stream, gathered into one thing and then judged."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from daemon.codec import parse
from daemon.domain.workflow import Answer, Finish, Node, NodeBegun, Usage
from daemon.errors import Invalid, OutcomeUnknown, RemoteError, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.net.foreign import document, shortened, text, whole
from daemon.net.openai.classify import FILTERED, SERVICE, classify, in_stream
from daemon.net.openai.thoughts import Thoughts
from daemon.net.sse import Event

DONE = "[DONE]"
LLM = "llm"  # the only kind of node a plain model has
FINISHES = {  # by `finish_reason`; any other is a good end
    "length": Finish.LENGTH,
    "model_length": Finish.LENGTH,  # Mistral's
    "content_filter": Finish.FILTERED,
    "sensitive": Finish.FILTERED,  # Zhipu's
}
BROKEN = {"abort", "error", "insufficient_system_resource", "network_error"}  # of vLLM, OpenRouter, DeepSeek, Zhipu

Clean = Callable[[str], str]
OnText = Callable[[str], None]
OnNode = Callable[[NodeBegun], None]


@define
class Heard:
    """All there is of one answer, as far as it has come."""

    texts: list[str] = field(factory=list)
    refusals: list[str] = field(factory=list)
    finish: str = ""
    model: str = ""  # the one that truly answered
    id: str = ""
    usage: Usage = field(factory=Usage)

    @property
    def end(self) -> Finish:
        return FINISHES.get(self.finish, Finish.STOP)

    @property
    def text(self) -> str:
        """A refusal is what the model has to say, where it says nothing else."""
        return "".join(self.texts).strip() or "".join(self.refusals).strip()


@frozen(kw_only=True)
class Setting:
    """Of one run, as its node shows it."""

    model: str
    told: list[dict[str, Any]]
    seconds: float


@define
class Listener:
    """Takes a stream's events in whatever order they come."""

    clean: Clean
    on_text: OnText | None = None
    heard: Heard = field(factory=Heard)
    done: bool = False
    events: int = 0
    _thoughts: Thoughts = field(factory=Thoughts, init=False)

    @property
    def ended(self) -> bool:
        """Whether the answer is whole: some servers leave out the last word."""
        return self.done or bool(self.heard.finish)

    def take(self, event: Event) -> None:
        """Raises what an error in place of a chunk stands for."""
        self.events += 1
        if event.data.strip() == DONE:
            self.done = True
            return
        if event.cut:
            raise RemoteNonsense("openai.not_an_answer", service=SERVICE, detail="an endless line")
        chunk = _read(event.data)
        if event.name == "error" or chunk.get("error"):
            raise self._failed(chunk.get("error") or chunk)
        self._take(chunk)

    def finish(self) -> Heard:
        self._speak(self._thoughts.end())
        return self.heard

    def _take(self, chunk: Mapping[str, Any]) -> None:
        _head(self.heard, chunk)
        for choice in _choices(chunk):
            delta = document(choice.get("delta"))
            self._speak(self._thoughts.feed(_spoken(delta.get("content"))))
            if refusal := text(delta.get("refusal")):
                self.heard.refusals.append(refusal)
                self._tell(refusal)
            self.heard.finish = text(choice.get("finish_reason")) or self.heard.finish

    def _speak(self, said: str) -> None:
        if said:
            self.heard.texts.append(said)
            self._tell(said)

    def _tell(self, said: str) -> None:
        if self.on_text is not None:
            self.on_text(said)

    def _failed(self, error: object) -> RemoteError:
        """What was said already was paid for."""
        failed = in_stream(error, self.clean)
        if not self.heard.texts:
            return failed
        if isinstance(failed, RemoteUnavailable):
            failed = OutcomeUnknown(failed.code, service=SERVICE, detail=failed.detail)
        finish = Finish.FILTERED if failed.code == FILTERED[1] else Finish.STOP
        failed.answer = Answer(text=self.heard.text, finish=finish, usage=self.heard.usage)
        return failed


def entire(status: int, headers: Mapping[str, str], body: bytes, clean: Clean) -> Heard:
    """An answer that was not streamed. Raises what a refusal in its place stands for."""
    completion = _read(body)
    choices = _choices(completion)
    if not choices:
        raise classify(status, headers, body, clean)
    if failed := choices[0].get("error"):  # OpenRouter's, where whoever it asked failed on the way
        raise in_stream(failed, clean)
    message, thoughts = document(choices[0].get("message")), Thoughts()
    heard = Heard(finish=text(choices[0].get("finish_reason")))
    heard.texts = [thoughts.feed(_spoken(message.get("content"))), thoughts.end()]
    heard.refusals = [text(message.get("refusal"))]
    _head(heard, completion)
    return heard


def concluded(heard: Heard, setting: Setting) -> Answer:
    """The answer, or why there is none; what was said and used all the same is the error's `answer`."""
    error = _spoilt(heard)
    node = _node(heard, setting, failed=error.code if error else None)
    answer = Answer(text=heard.text, finish=heard.end, nodes=(node,), usage=heard.usage, seconds=setting.seconds)
    if error is None:
        return answer
    error.nodes, error.answer = answer.nodes, answer
    raise error


def _spoilt(heard: Heard) -> RemoteError | None:
    """Cut before its first word, most likely in thoughts: asked again it would be cut again."""
    if heard.finish in BROKEN:
        return OutcomeUnknown("openai.cut", service=SERVICE, detail=heard.finish)
    if heard.end is Finish.FILTERED:
        return RemoteRefused(FILTERED[1], service=SERVICE)
    if heard.text:
        return None
    if heard.end is Finish.LENGTH:
        return RemoteRefused("openai.cut_short", service=SERVICE)
    return RemoteNonsense("openai.empty", service=SERVICE, detail=heard.finish[:40])


def _node(heard: Heard, setting: Setting, failed: str | None = None) -> Node:
    model = heard.model or setting.model
    return Node(
        id=heard.id or LLM,
        name=model,
        kind=LLM,
        seconds=setting.seconds,
        failed=failed is not None,
        error=failed or ("openai.cut_short" if heard.end is Finish.LENGTH else None),
        input_tokens=heard.usage.input_tokens,
        output_tokens=heard.usage.output_tokens,
        model=model,
        input=shortened(setting.told),
        output=shortened(heard.text),
    )


def _head(heard: Heard, chunk: Mapping[str, Any]) -> None:
    """What every chunk may say of the whole; of the usage the last word counts."""
    heard.model = text(chunk.get("model"))[:200] or heard.model
    heard.id = text(chunk.get("id"))[:200] or heard.id
    usage = document(chunk.get("usage"))
    if usage.keys() & {"prompt_tokens", "completion_tokens"}:
        heard.usage = Usage(
            input_tokens=whole(usage.get("prompt_tokens")),
            output_tokens=whole(usage.get("completion_tokens")),
            known=True,
        )


def _choices(chunk: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The chunk that tells the usage has none, or null in their place."""
    found = chunk.get("choices")
    return [document(choice) for choice in found[:1]] if isinstance(found, list) else []


def _spoken(content: object) -> str:
    """A text, or parts of which some are texts."""
    if isinstance(content, list):
        return "".join(text(document(part).get("text")) for part in content)
    return text(content)


def _read(raw: bytes | str) -> Mapping[str, Any]:
    """A line nobody can read costs its own piece: the answer ends with its last word or not at all."""
    try:
        return document(parse(raw))
    except Invalid:
        return {}
