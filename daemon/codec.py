"""JSON in and out. The only module that imports cattrs and orjson."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import orjson
from attrs import has
from cattrs import BaseValidationError, transform_error
from cattrs.preconf.orjson import make_converter

from daemon.clock import rfc3339
from daemon.errors import Invalid, Problem
from daemon.secret import Secret

T = TypeVar("T")

WRITES = 254  # levels that orjson writes
DEEPEST = 200  # levels of a document that is read: what we put around it, and cattrs on its way, needs some

_ours = make_converter(forbid_extra_keys=True)  # settings, our API, job arguments: exact
_theirs = make_converter()  # other people's payloads may grow fields


def _exact(value: Any, kind: type[T]) -> T:
    if issubclass(kind, Enum):  # a StrEnum comes here by being a str
        return kind(value)
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, not {value!r:.80}")
    return value


def _number(value: Any, _: type[float]) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"expected a number, not {value!r:.80}")
    return float(value)


def _moment(value: Any, _: type[datetime]) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected an RFC 3339 time such as 2026-01-31T08:00:00Z, not {value!r:.80}") from error
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, for example Z")
    return moment.astimezone(UTC)


def _span(value: Any, _: type[timedelta]) -> timedelta:
    return timedelta(seconds=_number(value, float))


for _primitive in (str, int, bool):  # cattrs alone would make True of "false", and "None" of null
    _ours.register_structure_hook(_primitive, _exact)
_ours.register_structure_hook(float, _number)
for _converter in (_ours, _theirs):
    _converter.register_structure_hook(datetime, _moment)
    _converter.register_unstructure_hook(datetime, rfc3339)
    _converter.register_structure_hook(timedelta, _span)
    _converter.register_unstructure_hook(timedelta, timedelta.total_seconds)  # seconds
    _converter.register_structure_hook(Secret, lambda value, _: Secret(_exact(value, str)))
    _converter.register_unstructure_hook(Secret, lambda secret: secret.hint())


def parse(raw: bytes | str) -> Any:
    """The JSON document in `raw`, or Invalid. What is taken in can be written again, within a document of ours too."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid("invalid.json", reason=str(error)) from error
    if _openings(raw) > DEEPEST and not _writable(document):
        raise Invalid("invalid.json", reason="it is nested too deep")
    return document


def decode(raw: bytes | str, shape: type[T], *, foreign: bool = False) -> T:
    """Read `raw` as a `shape`, or raise Invalid naming each field that is wrong."""
    return structure(parse(raw), shape, foreign=foreign)


def structure(document: Any, shape: type[T], *, foreign: bool = False) -> T:
    try:
        return (_theirs if foreign else _ours).structure(document, shape)
    except BaseValidationError as error:
        raise Invalid(problems=[_problem(line) for line in transform_error(error, path="")]) from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # what is no object fails outside a group
        raise Invalid(problems=[Problem("", str(error))]) from error


def recall(raw: bytes | str, shape: type[T]) -> T:
    """Read what we wrote ourselves, or an older program of ours: what does not fit is not a caller's fault."""
    try:
        return decode(raw, shape, foreign=True)
    except Invalid as error:
        raise ValueError(f"stored {shape} does not fit: {error}") from error


def unstructure(value: object) -> Any:
    """`value` as plain JSON types; a Secret shows only its hint."""
    return _ours.unstructure(value)


def encode(value: object) -> bytes:
    return orjson.dumps(
        _ours.unstructure(value) if has(type(value)) or isinstance(value, list | tuple | dict) else value
    )


def canonical(value: object) -> bytes:
    """Plain JSON types; two documents that differ in the order of their fields alone give the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def encode_text(value: object) -> str:
    return encode(value).decode()


def _openings(raw: bytes | str) -> int:
    """No document nests deeper than this; those of texts count too."""
    return raw.count("[") + raw.count("{") if isinstance(raw, str) else raw.count(b"[") + raw.count(b"{")


def _writable(document: Any) -> bool:
    """orjson reads four times as deep as it writes."""
    for _ in range(WRITES - DEEPEST):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        return False
    return True


def _problem(line: str) -> Problem:
    message, _, path = line.rpartition(" @ ")
    return Problem(field=path.lstrip("."), message=message)
