"""Where in an answer its text is: in the usual places of n8n's nodes, or where the webhook's settings say."""

from typing import Any

from daemon.codec import encode_text
from daemon.errors import N8nNonsense
from daemon.net.n8n.wire_request import SERVICE

# An agent's, a chain's, a model's (OpenAI's choices, Gemini's parts), and what people call it in nodes of their own;
# `json` is an item's own wrapping.
PLACES = ("output", "text", "message", "answer", "response", "content", "choices", "parts", "json")
DEEPEST = 8  # levels that are looked into


def text_at(found: Any, path: str) -> str:
    """The text at `path`, names and indexes with dots between; "" looks in the usual places.

    N8nNonsense where the path leads nowhere.
    """
    return _followed(found, path) if path else usual_text(found)


def usual_text(found: Any, levels: int = DEEPEST) -> str:
    """The first text there is; "" where none is. Objects without one are no text: nobody wants to read JSON."""
    match found:
        case str():
            return found
        case bool() | int() | float():
            return encode_text(found)
        case [first, *_] if levels:
            return usual_text(first, levels - 1)
        case dict() if levels:
            texts = (usual_text(found[place], levels - 1) for place in PLACES if place in found)
            return next((text for text in texts if text), "")
        case _:
            return ""


def variables(found: Any) -> dict[str, Any]:
    """The top fields of an object, or of the first of several."""
    match found:
        case dict():
            return found
        case [dict() as first, *_]:
            return first
        case _:
            return {}


def _followed(found: Any, path: str) -> str:
    for step in path.split("."):
        match found:
            case dict() if step in found:
                found = found[step]
            case list() if step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            case _:
                raise N8nNonsense("n8n.no_output", service=SERVICE, path=path)
    return found if isinstance(found, str) else encode_text(found)
