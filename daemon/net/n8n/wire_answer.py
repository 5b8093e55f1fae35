"""An answer of a webhook that came whole: a document, a text, or bytes."""

from http import HTTPStatus
from typing import Any

from daemon.domain.webhook_call import WebhookAnswer
from daemon.net.foreign import shortened
from daemon.net.n8n.classify import JSON, STARTED, Body, Clean, no_answer
from daemon.net.n8n.extract import text_at, variables

MOST_DATA = 256 * 1024  # bytes of an answer that are kept as they are
TEXTS = ("{", "[")  # how a document begins that goes out as text/html: n8n does so with a text of its own


def whole(status: int, body: Body, *, path: str, sent: object, clean: Clean) -> WebhookAnswer:
    """The workflow's answer, or the error that it is none."""
    if status == HTTPStatus.NO_CONTENT:  # said on purpose, by a respond node
        return WebhookAnswer(text="", status=status)
    if (error := no_answer(body, sent, clean)) is not None:
        raise error
    if body.json == STARTED:
        return WebhookAnswer(text="", data=body.json, status=status, accepted=True)
    if _is_document(body):
        return of_document(body.json, status=status, path=path, size=len(body.raw))
    if body.type.startswith("text/"):
        return WebhookAnswer(text=body.text, data=kept(body.text, len(body.raw)), status=status)
    return WebhookAnswer(text="", data={"content_type": body.type, "bytes": len(body.raw)}, status=status)


def of_document(found: Any, *, status: int, path: str, size: int) -> WebhookAnswer:
    data = kept(found, size)
    return WebhookAnswer(text=text_at(found, path), data=data, status=status, variables=variables(data))


def kept(found: Any, size: int) -> Any:
    """`found` as it is, or what is worth keeping of it."""
    return found if size <= MOST_DATA else shortened(found)


def _is_document(body: Body) -> bool:
    """JSON by its type, which was held against it before (`is_broken`), or by its looks."""
    if body.type.endswith(JSON):
        return True
    return body.type.startswith("text/") and body.text.lstrip().startswith(TEXTS) and body.json is not None
