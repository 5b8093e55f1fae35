"""What is asked of an OpenAI-compatible service: its address, its headers and its body. Field names here are theirs."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from attrs import evolve

from daemon.domain.model_parameters import PARAMETERS, parameters
from daemon.domain.workflow import Attachment, AttachmentKind, Question, Role, Said, Workflow

DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+$")  # of Azure, before it had a /v1
VERSIONED = re.compile(rf"/v\d+\w*(?:/openai)?$|{DEPLOYMENT.pattern}")  # /v1, /v4 of Zhipu, /v1beta/openai of Gemini
COMPLETIONS = "/chat/completions"
LONGEST_FILE = 100_000  # characters of a text file that are told
NOT_READ = "（无法读取内容）"
TEXTS = re.compile(r"data:(?:text/[\w.+-]+|application/(?:json|xml|yaml|x-yaml|csv))[;,]", re.IGNORECASE)
BLANK = re.compile(r"\{\{\s*(\w{1,64})\s*\}\}")


def completions(workflow: Workflow) -> str:
    return _address(workflow, COMPLETIONS)


def models(workflow: Workflow, name: str = "") -> str:
    return _address(workflow, "/models" + (f"/{name}" if name else ""))


def headers(workflow: Workflow) -> dict[str, str]:
    """A local model may want no key; a deployment of Azure wants it in a header of its own."""
    if not workflow.key:
        return {}
    if DEPLOYMENT.search(_parts(workflow)[0]):
        return {"api-key": workflow.key.reveal()}
    return {"Authorization": f"Bearer {workflow.key.reveal()}"}


def _address(workflow: Workflow, call: str) -> str:
    base, query = _parts(workflow)
    return base + call + query


def _parts(workflow: Workflow) -> tuple[str, str]:
    """Where the API begins, also where the address was given without its version, and the query that each call ends
    with: Azure's tells its version. An address with the path of a call is exact."""
    url, mark, query = workflow.base_url.partition("#")[0].partition("?")
    url = url.rstrip("/")
    begins = url.removesuffix(COMPLETIONS)
    exact = begins != url or VERSIONED.search(url)
    return begins if exact else f"{url}/v1", mark + query


def run(workflow: Workflow, question: Question, *, bare: bool = False) -> dict[str, Any]:
    """`bare`: without what some services refuse and none needs: the option that tells usage, and the end user."""
    variables = {**workflow.variables, **question.variables}
    body: dict[str, Any] = {
        "model": workflow.model,
        "messages": [_message(line, variables) for line in _alternating(question.messages)],
        "stream": workflow.stream,
        **parameters(variables),
    }
    if not bare:
        body["user"] = user(workflow, question)
    if workflow.stream and not bare:
        body["stream_options"] = {"include_usage": True}
    return body


def user(workflow: Workflow, question: Question) -> str:
    """Tells end users apart, and does not say who they are."""
    return "u-" + hashlib.sha256(f"{workflow.id}\n{question.user}".encode()).hexdigest()[:32]


def told(workflow: Workflow, question: Question) -> list[dict[str, Any]]:
    """The messages as they are shown to people: of pictures and files only that they were there."""
    variables = {**workflow.variables, **question.variables}
    return [
        {
            "role": line.role.value,
            "content": "\n".join([_worded(line, variables), *(f"[{one.kind}]" for one in line.attachments)]),
        }
        for line in question.messages
    ]


def _alternating(said: Sequence[Said]) -> list[Said]:
    """Lines of one speaker in a row are one: some models take no others."""
    lines = list[Said]()
    for line in said:
        last = lines[-1] if lines else None
        if last is not None and last.role is line.role:
            both = "\n".join(part for part in (last.text, line.text) if part)
            lines[-1] = evolve(last, text=both, attachments=(*last.attachments, *line.attachments))
        else:
            lines.append(line)
    return lines


def _message(line: Said, variables: Mapping[str, Any]) -> dict[str, Any]:
    if line.role is Role.SYSTEM:
        return {"role": line.role, "content": _worded(line, variables)}
    words = [line.text, *(_file(one) for one in line.attachments if one.kind is AttachmentKind.FILE)]
    spoken = "\n\n".join(word for word in words if word)
    pictures = [one for one in line.attachments if one.kind is AttachmentKind.IMAGE]
    if not pictures:
        return {"role": line.role, "content": spoken}
    parts: list[dict[str, Any]] = [{"type": "text", "text": spoken}] if spoken else []
    parts += [{"type": "image_url", "image_url": {"url": picture.url}} for picture in pictures]
    return {"role": line.role, "content": parts}


def _worded(line: Said, variables: Mapping[str, Any]) -> str:
    """A system prompt with those of its blanks filled that a variable has a word for; all else as it was written."""
    if line.role is not Role.SYSTEM:
        return line.text

    def word(blank: re.Match[str]) -> str:
        name = blank[1]
        return str(variables[name]) if name in variables and name not in PARAMETERS else blank[0]

    return BLANK.sub(word, line.text)


def _file(attachment: Attachment) -> str:
    """A text file as its text. Of others a plain model reads nothing, and is told so: it can say it to the person."""
    name, content = attachment.name or "file", _text_of(attachment.url)
    return f"【{name}】{NOT_READ}" if content is None else f"【{name}】\n{content[:LONGEST_FILE]}"


def _text_of(url: str) -> str | None:
    if not TEXTS.match(url):
        return None
    head, _, body = url.partition(",")
    try:
        raw = base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
        return raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
