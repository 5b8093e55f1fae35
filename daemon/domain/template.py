"""Messages with {{ names }} in them, filled in once: what a value holds is never read again. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import asdict, evolve

from daemon.domain.outgoing import Parcel

MOST_BYTES = 8 * 1024  # of a filled-in text: PROMISES T6
FILLED: Mapping[str, tuple[str, ...]] = {  # the fields of each kind that people read as they are
    "text": ("text",),
    "file": ("name",),
    "link": ("title", "description"),
    "mini_program": ("title",),
}
_NAME = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]{0,63}) *\}\}")
_BRACES = "{{"


class TooLong(ValueError):
    """The text grew past MOST_BYTES."""


def names(parcel: Parcel) -> frozenset[str]:
    """What has to be filled in."""
    return frozenset(found[1] for _, text in _texts(parcel) for found in _NAME.finditer(text))


def misplaced(parcel: Parcel) -> list[str]:
    """Fields with braces that nothing fills in: where no name may stand, or around what is no name."""
    filled = FILLED.get(parcel.kind, ())
    found = []
    for name, value in asdict(parcel, recurse=False).items():
        rest = _NAME.sub("", value) if name in filled else value
        if isinstance(rest, str) and _BRACES in rest:
            found.append(name)
    return found


def fill(parcel: Parcel, values: Mapping[str, str]) -> Parcel:
    """`parcel` with every name replaced by its value. Raises KeyError for one that is missing, and TooLong."""
    changed: Any = {name: _filled(text, values) for name, text in _texts(parcel)}  # of a kind that has them
    return evolve(parcel, **changed)


def _filled(text: str, values: Mapping[str, str]) -> str:
    filled = _NAME.sub(lambda found: values[found[1]], text)
    if len(filled.encode("utf-8", "replace")) > MOST_BYTES:
        raise TooLong
    return filled


def _texts(parcel: Parcel) -> Iterator[tuple[str, str]]:
    for name in FILLED.get(parcel.kind, ()):
        yield name, getattr(parcel, name)
