"""Values that must not be seen: a type that hides them, and a filter that removes them from text by value."""

from typing import final

MASK = "***"
SHORTEST = 8  # replacing shorter values would mangle innocent text


@final
class Secret:
    """A text that shows itself only to `reveal()`; its repr and str are a mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def hint(self) -> str:
        """What may be shown of it: the last four characters of a long one."""
        return f"…{self._value[-4:]}" if len(self._value) >= SHORTEST * 2 else MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


class Redactor:
    """Every live secret, so that none is written anywhere: GeWe's errors, for one, echo the token."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def add(self, *secrets: Secret) -> None:
        self._values.update(s.reveal() for s in secrets if len(s.reveal()) >= SHORTEST)

    def clean(self, text: str) -> str:
        """`text` with every known secret masked."""
        known = tuple(self._values)  # at once: the store's threads add to it meanwhile
        found = [value for value in known if value in text]
        for value in sorted(found, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text
