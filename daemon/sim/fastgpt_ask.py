"""One call of chat/completions: read, checked, and given its app, as each version does it (contract 1.1, 1.2)."""

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from attrs import define, field, frozen

from daemon.sim.fastgpt_errors import (
    APP_MISSING,
    APP_MISSING_OLD,
    NO_APP,
    NO_APP_OLD,
    NO_LIST,
    NO_MESSAGES,
    UNAUTHORIZED,
    UNKNOWN_KEY,
    Refusal,
    bad_input,
)
from daemon.sim.fastgpt_files import Part, parts_of, words
from daemon.sim.fastgpt_profiles import Profile

_SUFFIX = re.compile(r"-([0-9a-f]{24})$")
MOST_CHAT_ID = 1024
NO_RECORD = "NO_RECORD_HISTORIES"
ROLES = {"system": "System", "user": "Human", "assistant": "AI"}

Line = tuple[str, str]  # who says it, as FastGPT calls them, and what


@frozen(kw_only=True)
class App:
    id: str
    name: str = "Shop assistant"
    type: str = "advanced"  # or simple, plugin, …


@frozen(kw_only=True)
class Ask:
    api: str  # v1 or v2
    key: str
    app: App
    chat_id: str  # "" when none was given, until one is made
    named: bool  # the caller gave it
    stream: bool
    detail: bool
    parts: tuple[Part, ...]  # of the last message
    data_id: str | None
    variables: Mapping[str, Any]
    earlier: tuple[Line, ...] = ()  # what its model sees before the question
    shown: Mapping[str, str] = field(factory=dict)  # what was found behind the URLs of the parts

    @property
    def question(self) -> str:
        """Its words; what is none is told in brackets."""
        return words(self.parts, self.shown)

    @property
    def kept(self) -> bool:
        return self.chat_id != NO_RECORD


@define(eq=False)
class Keys:
    """`bound`: key to appId; None for a key of the account, which names no app."""

    profile: Profile
    bound: Mapping[str, str | None]
    apps: Mapping[str, App]
    points: dict[str, float] = field(factory=dict)  # what each key has used

    def key_of(self, request: web.Request) -> str | Refusal:
        """The registered key of the Authorization header."""
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        old_shape = key.count("-") in (1, 2)
        if not key or not (self.profile.member_keys or old_shape):
            return UNAUTHORIZED
        bare = _SUFFIX.sub("", key)
        known = key if key in self.bound else bare
        return known if known in self.bound else UNKNOWN_KEY

    def app_of(self, request: web.Request, key: str, told: object) -> App | Refusal:
        """The app the call is for. New: the body, the suffix, the key. Old: the key, the suffix, the body."""
        suffix = _SUFFIX.search(request.headers.get("Authorization", ""))
        named = [str(told) if told else None, suffix[1] if suffix else None, self.bound[key]]
        order = named if self.profile.member_keys else reversed(named)
        app_id = next((name for name in order if name), None)
        if app_id is None:
            return NO_APP if self.profile.member_keys else NO_APP_OLD
        missing = APP_MISSING if self.profile.member_keys else APP_MISSING_OLD
        return self.apps.get(app_id, missing)

    def read(self, request: web.Request, body: Any) -> Ask | Refusal:
        document = body if isinstance(body, dict) else {}
        invalid = _invalid(document) if self.profile.validates else None
        if invalid is not None:
            return invalid
        key = self.key_of(request)
        if isinstance(key, Refusal):
            return key
        app = self.app_of(request, key, document.get("appId"))
        if isinstance(app, Refusal):
            return app
        if app.type != "plugin" and not isinstance(document.get("messages", []), list):
            return NO_LIST
        if app.type != "plugin" and not document.get("messages"):
            return NO_MESSAGES
        return _ask(request, document, key, app)


def _ask(request: web.Request, body: Mapping[str, Any], key: str, app: App) -> Ask:
    messages, variables, data_id = (body.get(name) for name in ("messages", "variables", "responseChatItemId"))
    return Ask(
        api=request.path.split("/")[2],
        key=key,
        app=app,
        chat_id=str(body.get("chatId") or ""),
        named=bool(body.get("chatId")),
        stream=bool(body.get("stream")),
        detail=bool(body.get("detail")) or app.type == "plugin",
        parts=_last_parts(messages),
        earlier=_earlier(messages),
        data_id=str(data_id) if data_id else None,
        variables=variables if isinstance(variables, dict) else {},
    )


def _invalid(body: Mapping[str, Any]) -> Refusal | None:
    """What the newer versions check; null is as good as absent."""
    shapes: dict[str, type] = {"messages": list, "variables": dict, "stream": bool, "detail": bool, "chatId": str}
    for name, shape in shapes.items():
        if body.get(name) is not None and not isinstance(body[name], shape):
            return bad_input(name, f"expected {shape.__name__}")
    if len(body.get("chatId") or "") > MOST_CHAT_ID:
        return bad_input("chatId", f"at most {MOST_CHAT_ID} characters")
    return None


def _earlier(messages: object) -> tuple[Line, ...]:
    told = [message for message in messages[:-1] if isinstance(message, dict)] if isinstance(messages, list) else []
    return tuple((ROLES.get(str(one.get("role")), "Human"), words(parts_of(one.get("content")))) for one in told)


def _last_parts(messages: object) -> tuple[Part, ...]:
    last = messages[-1] if isinstance(messages, list) and messages else None
    return parts_of(last.get("content")) if isinstance(last, dict) else ()
