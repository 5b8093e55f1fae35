"""The body of a chat completion as OpenAI has it: what of it counts, what is passed over, and what is refused. Pure."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal

from attrs import frozen

from daemon.domain.workflow import Attachment, AttachmentKind, Provider, Role, Said, Workflow
from daemon.engine.questions import MOST_ATTACHMENTS
from daemon.errors import Invalid
from daemon.net.server.constraints import Either, Length, Note, Range

MOST_BODY = 8 * 2**20  # bytes: pictures come in it
MOST_MESSAGES = 1000
MOST_NAME = 200  # characters, of a model and of a user
FETCHED = ("https://", "http://")
WITHIN = re.compile(r"data:image/([\w.+-]{1,40})(?:;[\w.=+-]{1,40})*;base64,", re.IGNORECASE)
UNSEEN = frozenset({"svg+xml"})  # kinds of picture that no model reads

PLAIN = (  # told to a plain model where its workflow does not set it itself; passed over by other workflows
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "reasoning_effort",
)
MOST_TOKENS = ("max_tokens", "max_completion_tokens")  # one thing by two names: OpenAI refuses both together
PLAIN_ALONE: Mapping[str, tuple[Any, ...]] = {  # that too; refused elsewhere, but for these values: answers hang on it
    "stop": ([],),
    "response_format": ({"type": "text"},),
}
REFUSED: Mapping[str, tuple[Any, ...]] = {  # with any other value
    "n": (1,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "audio": (),
    "web_search_options": (),
    "moderation": (),
}
USED = ("model", "messages", "stream", "stream_options", "user")
ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}

Over = Annotated[Any, Note("Passed over.")]
Refused = Annotated[Any, Note("Not supported: refused where it asks for something.")]
Number = Annotated[float | None, Note("For a plain model; other workflows pass it over.")]
Count = Annotated[int | None, Range(1, None), Note("For a plain model; other workflows pass it over.")]


@frozen(kw_only=True)
class CompletionImageUrl:
    url: Annotated[str, Note("http:, https:, or data:image/…;base64.")]
    detail: str | None = None


@frozen(kw_only=True)
class CompletionPart:
    type: Annotated[str, Length(1, 50), Note("text, or (of the user) image_url. Any other is refused.")]
    text: str | None = None
    image_url: CompletionImageUrl | None = None
    refusal: str | None = None
    file: Refused = None
    input_audio: Refused = None
    prompt_cache_breakpoint: Over = None


@frozen(kw_only=True)
class CompletionMessage:
    role: Annotated[
        Literal["system", "developer", "user", "assistant", "tool", "function"],
        Note("Messages of tools and functions are refused."),
    ]
    content: Annotated[Any, Either(str, list[CompletionPart], NoneType), Note("A text, or parts.")] = None
    refusal: str | None = None
    name: Over = None
    annotations: Over = None
    audio: Over = None
    tool_calls: Refused = None
    function_call: Refused = None
    tool_call_id: Refused = None


@frozen(kw_only=True)
class CompletionStreamOptions:
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


@frozen(kw_only=True)
class CompletionBody:
    model: Annotated[str, Length(1, MOST_NAME), Note("The id or the name of a workflow.")]
    messages: Annotated[
        list[CompletionMessage], Length(1, MOST_MESSAGES), Note("Oldest first; the last is the user's.")
    ]
    stream: bool | None = None
    stream_options: CompletionStreamOptions | None = None
    user: Annotated[
        str | None,
        Length(0, MOST_NAME),
        Note("Told to the workflow; with X-Conversation-Id, whose conversation it is."),
    ] = None
    temperature: Annotated[Number, Range(0, 2)] = None
    top_p: Annotated[Number, Range(0, 1)] = None
    max_tokens: Count = None
    max_completion_tokens: Count = None
    presence_penalty: Annotated[Number, Range(-2, 2)] = None
    frequency_penalty: Annotated[Number, Range(-2, 2)] = None
    seed: Annotated[int | None, Note("For a plain model; other workflows pass it over.")] = None
    reasoning_effort: Annotated[str | None, Length(0, 50), Note("For a plain model.")] = None
    stop: Annotated[Any, Either(str, list[str], NoneType), Note("For a plain model; refused by other workflows.")] = (
        None
    )
    response_format: Annotated[dict[str, Any] | None, Note("For a plain model; other workflows give text alone.")] = (
        None
    )
    n: Annotated[int | None, Range(1, 128), Note("1: one answer at a time.")] = None
    tools: Refused = None
    tool_choice: Refused = None
    functions: Refused = None
    function_call: Refused = None
    logprobs: Refused = None
    top_logprobs: Refused = None
    logit_bias: Refused = None
    modalities: Refused = None
    audio: Refused = None
    web_search_options: Refused = None
    moderation: Refused = None
    metadata: Over = None
    parallel_tool_calls: Over = None
    prediction: Over = None
    prompt_cache_key: Over = None
    prompt_cache_options: Over = None
    prompt_cache_retention: Over = None
    safety_identifier: Over = None
    service_tier: Over = None
    store: Over = None
    verbosity: Over = None


def refuse_unsupported(body: CompletionBody, workflow: Workflow) -> None:
    """Invalid, naming the first parameter that asks for what this workflow cannot do."""
    for name, nothing in REFUSED.items():
        if _asks(body, name, nothing):
            raise Invalid("completion.unsupported", param=name)
    if workflow.provider is Provider.OPENAI:
        return
    for name, nothing in PLAIN_ALONE.items():
        if _asks(body, name, nothing):
            provider = workflow.provider.spelled
            raise Invalid("completion.only_plain", param=name, model=workflow.name, provider=provider)


def parameters(body: CompletionBody, workflow: Workflow) -> dict[str, Any]:
    """What a plain model is told beside its messages; what its workflow says itself stays."""
    if workflow.provider is not Provider.OPENAI:
        return {}
    given = {name: getattr(body, name) for name in (*PLAIN, *PLAIN_ALONE)}
    set_there = {name for name, value in workflow.variables.items() if value is not None}
    if set_there & set(MOST_TOKENS):
        set_there |= set(MOST_TOKENS)
    return {name: value for name, value in given.items() if value is not None and name not in set_there}


def _asks(body: CompletionBody, name: str, nothing: Sequence[Any]) -> bool:
    value = getattr(body, name)
    return value is not None and value not in nothing


def said_in(messages: Sequence[CompletionMessage]) -> tuple[Said, ...]:
    """The messages, each understood; Invalid with `param` naming what is not. The last is the user's."""
    said = tuple(_said(message, f"messages[{number}]") for number, message in enumerate(messages))
    if said[-1].role is not Role.USER:
        raise Invalid("completion.last", param=f"messages[{len(said) - 1}].role")
    if not said[-1].text.strip() and not said[-1].attachments:
        raise Invalid("completion.no_text", param=f"messages[{len(said) - 1}].content")
    if sum(len(one.attachments) for one in said) > MOST_ATTACHMENTS:
        raise Invalid("completion.many_images", param="messages", most=MOST_ATTACHMENTS)
    return said


def _said(message: CompletionMessage, where: str) -> Said:
    if message.role not in ROLES or message.tool_call_id:
        raise Invalid("completion.tools", param=f"{where}.role")
    for name in ("tool_calls", "function_call"):
        if getattr(message, name):
            raise Invalid("completion.tools", param=f"{where}.{name}")
    content = message.content
    if not isinstance(content, list):
        text = content or message.refusal or ""
        return Said(role=ROLES[message.role], text=text)
    images = tuple(_images(content, f"{where}.content"))
    if images and message.role != "user":
        raise Invalid("completion.image_place", param=f"{where}.content")
    return Said(role=ROLES[message.role], text="\n".join(_texts(content)), attachments=images)


def _images(parts: Sequence[dict[str, Any]], where: str) -> Iterator[Attachment]:
    """Each part is looked at here: what is neither text nor a picture is refused."""
    for number, part in enumerate(parts):
        kind = part["type"]
        if kind not in ("text", "refusal", "image_url"):
            raise Invalid("completion.part", param=f"{where}[{number}].type", type=kind)
        if part.get(kind) is None:
            raise Invalid("completion.part_empty", param=f"{where}[{number}].{kind}")
        if kind == "image_url":
            url = part["image_url"]["url"]
            if fault := _fault(url):
                raise Invalid(fault, param=f"{where}[{number}].image_url.url")
            yield Attachment(kind=AttachmentKind.IMAGE, url=url)


def _fault(url: str) -> str | None:
    """The code of what is wrong with a picture's address: the service would say less of it, and later."""
    if url.startswith(FETCHED):
        return None
    within = WITHIN.match(url)
    if within is None:
        return "completion.image_url"
    if within[1].lower() in UNSEEN:
        return "completion.image_kind"
    try:
        held = base64.b64decode(url[within.end() :], validate=True)
    except ValueError:  # of base64, or of ASCII
        return "completion.image_base64"
    return None if held else "completion.image_base64"


def _texts(parts: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (part[part["type"]] for part in parts if part["type"] != "image_url")
