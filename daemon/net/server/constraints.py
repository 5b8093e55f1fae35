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


@frozen
class Note:
    """What a field means, and what it may look like."""

    text: str
    example: Any = None


SAFE_INTEGER = 2**53 - 1  # beyond it a browser reads another number than was written
