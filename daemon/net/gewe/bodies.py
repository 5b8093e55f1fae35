"""The bytes of a callback as JSON: bounded before it is parsed, exact after, and whole where a fast parser gives up."""

import json
import re
from collections.abc import Mapping
from typing import Any

from daemon.codec import parse
from daemon.errors import Invalid

MOST_DEPTH = 32  # a message has 4 levels; parsers and encoders recurse far beyond this
SECRET_KEYS = frozenset({"token", "tokenid", "tokenname", "userid"})  # GeWe adds them to some bodies

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # an unclosed one runs to the end: one pass, whatever comes
_BRACKET = re.compile(rb"[\[\]{}]")
_ESCAPED_SURROGATE = re.compile(r"[\ud800-\udfff]")


def document(raw: bytes) -> Any:
    """The JSON in `raw`. Raises Invalid, and nothing else, for whatever it may be."""
    if _depth_exceeds(raw, MOST_DEPTH):
        raise Invalid("gewe.callback.too_deep", most=MOST_DEPTH)
    try:
        return parse(raw)
    except Invalid:
        return exact(raw)  # a lone surrogate, a byte order mark, broken UTF-8: worth keeping


def exact(raw: bytes) -> Any:
    """The same, slowly: integers of any length stay exact, and what is no character is replaced."""
    try:
        return _characters(json.loads(raw.decode("utf-8-sig", "replace"), parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise Invalid("gewe.callback.not_json", reason=str(error)[:100]) from None


def kept(body: Mapping[str, Any]) -> bytes:
    """`body` in one canonical form, without what may be secret in it."""
    shown = {key: value for key, value in body.items() if key.lower() not in SECRET_KEYS}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")


def _depth_exceeds(raw: bytes, most: int) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= most:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if bracket[0] in b"{[" else -1
        if depth > most:
            return True
    return False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _characters(value: Any) -> Any:
    match value:
        case str():
            return _ESCAPED_SURROGATE.sub("\ufffd", value)
        case list():
            return [_characters(item) for item in value]
        case dict():
            return {_characters(key): _characters(item) for key, item in value.items()}
        case _:
            return value
