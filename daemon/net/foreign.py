"""What is taken out of another service's documents, whatever type it turns out to have, in sizes that can be kept."""

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from attrs import define

from daemon.codec import encode_text

MOST_NUMBER = 10**15  # fits the store's 64 bits with room to add; nobody's true bill
LONGEST_TEXT = 4_000  # characters of one text that are kept
MOST_ITEMS = 50  # of one list or object
DEEPEST = 6  # levels of one value
MOST_KEPT = 16_000  # characters of one value, all its texts together
MORE = "…"


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def document(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def amount(value: object) -> Decimal:
    """A number that counts something, exactly as written; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return Decimal(0)
    return min(max(Decimal(str(value)), Decimal(0)), Decimal(MOST_NUMBER))


def whole(value: object) -> int:
    if type(value) is int:
        return min(max(value, 0), MOST_NUMBER)
    return int(amount(value))


def said(value: object) -> str:
    """Words in any shape as a text: an error is a string in some versions and an object in others."""
    if isinstance(value, dict) and (message := text(value.get("message"))):
        return message
    if isinstance(value, str):
        return value
    return encode_text(value) if value else ""


def shortened(value: object) -> Any:
    """`value` cut to what is worth keeping of a node's input or output."""
    return _Cutter(MOST_KEPT).cut(value, DEEPEST)


@define
class _Cutter:
    room: int

    def cut(self, value: object, levels: int) -> Any:
        match value:
            case str():
                return self._text(value)
            case dict() | list() if levels == 0 or self.room <= 0:
                return MORE
            case dict():
                pairs = list(value.items())[:MOST_ITEMS]
                return {self._text(str(name)): self.cut(item, levels - 1) for name, item in pairs}
            case list():
                return [self.cut(item, levels - 1) for item in value[:MOST_ITEMS]]
            case int() if abs(value) >= 2**63:  # a store has no such number, and no column needs it
                return self._text(str(value))
            case _:
                return value

    def _text(self, value: str) -> str:
        most = max(min(LONGEST_TEXT, self.room), 0)
        self.room -= len(value[:most])
        return value if len(value) <= most else f"{value[:most]}{MORE}"
