"""What the call log shows of a request and its answer: JSON, shortened, and masked where a name says "secret". Pure."""

import re
from itertools import islice
from typing import Any

from daemon.codec import encode_text
from daemon.domain.webhook_call import WebhookRequest
from daemon.secret import MASK, Redactor

MOST_TEXT = 2000  # characters of one text
MOST_ITEMS = 20  # of one list or object
MOST_DEPTH = 6
MOST_SHOWN = 16_000  # characters of the whole
MOST_DETAIL = 500
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|api[_-]?key|authorization|credential|cookie", re.IGNORECASE)


def request_shown(request: WebhookRequest, redactor: Redactor) -> str:
    """What was asked. Task and session are columns of the log by themselves."""
    told: dict[str, Any] = {"chatInput": request.text}
    if request.metadata:
        told["metadata"] = request.metadata
    return shown({**request.extra, **told}, redactor)


def shown(document: Any, redactor: Redactor) -> str:
    """The document as JSON that fits; where even its short form does not, the beginning of that as a text."""
    text = redactor.clean(encode_text(shortened(document)))
    return text if len(text) <= MOST_SHOWN else encode_text(f"{text[:MOST_TEXT]}…")


def shortened(document: Any, depth: int = MOST_DEPTH) -> Any:
    """Long texts, long lists and what is nested deep are cut, and say so by `…`."""
    if isinstance(document, str):
        return document if len(document) <= MOST_TEXT else f"{document[:MOST_TEXT]}…"
    if isinstance(document, dict | list) and document and depth == 0:
        return "…"
    if isinstance(document, dict):
        kept = {key: _value(key, value, depth) for key, value in islice(document.items(), MOST_ITEMS)}
        return kept | ({"…": len(document) - MOST_ITEMS} if len(document) > MOST_ITEMS else {})
    if isinstance(document, list | tuple):
        items = [shortened(item, depth - 1) for item in document[:MOST_ITEMS]]
        return items + ([f"… {len(document) - MOST_ITEMS}"] if len(document) > MOST_ITEMS else [])
    return document


def _value(name: str, value: Any, depth: int) -> Any:
    return MASK if value and _SECRET.search(name) else shortened(value, depth - 1)
