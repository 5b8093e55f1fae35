"""What a field allows beyond its type, said once in its annotation: enforced, and documented."""

from typing import Any

from attrs import frozen


@frozen
class Length:
    """Of a text or a list."""

    least: int = 0
    most: int | None = None


@frozen
class Range:
    least: float | None = None
    most: float | None = None


@frozen
class Pattern:
    """A regular expression that the whole text must match; without nested quantifiers, since strangers feed it."""

    expression: str


class Either:
    """Of a value that its handler reads as the JSON it is: one of these types, NoneType among them for null."""

    def __init__(self, *kinds: Any) -> None:
        self.kinds = kinds


@frozen
class Note:
    """What a field means, and what it may look like."""

    text: str
    example: Any = None


@frozen
class Rest:
    """The field takes all those fields of its object that have no name here: it is no field of the document itself."""

    most: int


SAFE_INTEGER = 2**53 - 1  # beyond it a browser reads another number than was written
