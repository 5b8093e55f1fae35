"""One call of /v1/chat/completions as an OpenAI-compatible service reads it (contract 9)."""

from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web
from attrs import define, field, frozen

from daemon.sim.fastgpt_files import Part, parts_of, words
from daemon.sim.openai_errors import NO_KEY, NO_MESSAGES, NO_OPTION, NOT_JSON, WRONG_KEY, Refusal, no_model, unknown
from daemon.sim.openai_script import Profile

SYSTEM = frozenset({"system", "developer"})
SHAPES: Mapping[str, type] = {"stream": bool, "stream_options": dict, "user": str, "max_tokens": int}


@frozen(kw_only=True)
class Ask:
    model: str
    stream: bool
    include_usage: bool
    most_tokens: int | None
    parts: tuple[Part, ...]  # of the last message
    system: str
    earlier: tuple[str, ...]
    shown: Mapping[str, str] = field(factory=dict)  # what was found behind the URLs of the parts

    @property
    def question(self) -> str:
        """Its words; what is none is told in brackets."""
        return words(self.parts, self.shown)

    @property
    def read(self) -> str:
        """All that the model reads."""
        return "\n".join((self.system, *self.earlier, self.question))


@define(eq=False)
class Doorman:
    profile: Profile
    keys: Collection[str]
    models: Collection[str]

    def locked(self, request: web.Request) -> Refusal | None:
        if not self.profile.wants_key:
            return None
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return NO_KEY
        return None if key in self.keys else WRONG_KEY

    def read(self, request: web.Request, body: Any) -> Ask | Refusal:
        if refusal := self.locked(request):
            return refusal
        if not isinstance(body, dict):
            return NOT_JSON
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
            return NO_MESSAGES
        for name, shape in SHAPES.items():
            if body.get(name) is not None and not isinstance(body[name], shape):
                return unknown(name, shape.__name__)
        if "stream_options" in body and not self.profile.takes_usage_option:
            return NO_OPTION
        if body.get("model") not in self.models:
            return no_model(str(body.get("model")))
        return _ask(body, messages)


def _ask(body: Mapping[str, Any], messages: list[Mapping[str, Any]]) -> Ask:
    told = [(str(one.get("role")), parts_of(one.get("content"))) for one in messages]
    return Ask(
        model=body["model"],
        stream=body.get("stream") is True,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        most_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        parts=told[-1][1],
        system="\n".join(words(parts) for role, parts in told if role in SYSTEM),
        earlier=tuple(words(parts) for role, parts in told[:-1] if role not in SYSTEM),
    )
