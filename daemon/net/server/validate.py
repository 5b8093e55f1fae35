"""A JSON document held against a schema of ours: every field that is wrong, by name, in the reader's language."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from attrs import define

from daemon.errors import Problem
from daemon.net.server.schema import Schema, Schemas
from daemon.texts import render

MOST_PROBLEMS = 50  # a list of a thousand wrong items is told about in a few

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


@define
class Check:
    """One document's problems, as they are found."""

    schemas: Schemas
    language: str

    def problems(self, document: Any, schema: Schema, where: str = "") -> list[Problem]:
        found = self._any(document, schema, where)
        return [problem for problem, _ in zip(found, range(MOST_PROBLEMS), strict=False)]

    def _any(self, value: Any, schema: Schema, where: str) -> Iterator[Problem]:
        if "$ref" in schema:
            schema = {**self.schemas.resolve(schema), **schema}
        if "oneOf" in schema:
            yield from self._tagged(value, schema, where)
        elif "anyOf" in schema:
            yield from self._either(value, schema["anyOf"], where)
        elif "type" in schema and not _is(value, schema["type"]):
            yield self._say(where, "field.type", wanted=schema["type"])
        else:
            yield from self._bounds(value, schema, where)
            if isinstance(value, dict):
                yield from self._object(value, schema, where)
            elif isinstance(value, list) and len(value) <= schema.get("maxItems", 0):
                for number, item in enumerate(value):
                    yield from self._any(item, schema["items"], f"{where}[{number}]")

    def _object(self, value: dict[str, Any], schema: Schema, where: str) -> Iterator[Problem]:
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name in schema.get("required", ()):
            if name not in value:
                yield self._say(_under(where, name), "field.required")
        for name, item in value.items():
            if name in known:
                yield from self._any(item, known[name], _under(where, name))
            elif rest is False:
                yield self._say(_under(where, name), "field.unknown")
            elif rest is not True:
                yield from self._any(item, rest, _under(where, name))

    def _tagged(self, value: Any, schema: Schema, where: str) -> Iterator[Problem]:
        tag, mapping = schema["discriminator"]["propertyName"], schema["discriminator"]["mapping"]
        if not isinstance(value, dict):
            yield self._say(where, "field.type", wanted="object")
        elif tag not in value:
            yield self._say(_under(where, tag), "field.required")
        elif not isinstance(value[tag], str) or value[tag] not in mapping:
            yield self._say(_under(where, tag), "field.choice", choices=", ".join(mapping))
        else:
            yield from self._any(value, {"$ref": mapping[value[tag]]}, where)

    def _either(self, value: Any, options: list[Schema], where: str) -> Iterator[Problem]:
        """The complaints of the option that comes nearest, which is of the right type: null counts only for null."""
        if value is None and {"type": "null"} in options:
            return
        attempts = [list(self._any(value, option, where)) for option in options if option != {"type": "null"}]
        if all(attempts):
            yield from min(attempts, key=lambda found: (any(one.field == where for one in found), len(found)))

    def _bounds(self, value: Any, schema: Schema, where: str) -> Iterator[Problem]:
        if "const" in schema and value != schema["const"]:
            yield self._say(where, "field.choice", choices=schema["const"])
        if "enum" in schema and value not in schema["enum"]:
            yield self._say(where, "field.choice", choices=", ".join(map(str, schema["enum"])))
        for keyword, bound in schema.items():
            if keyword in _BOUNDS and not _BOUNDS[keyword](value, bound):
                yield self._say(where, f"field.{keyword}", bound=bound)
        if schema.get("format") == "date-time" and not _is_moment(value):
            yield self._say(where, "field.moment")

    def _say(self, where: str, code: str, **facts: object) -> Problem:
        return Problem(where, render(code, self.language, facts))


@lru_cache(maxsize=1024)  # far more than our schemas have
def _pattern(expression: str) -> re.Pattern[str]:
    """Whose `$` is JSON Schema's: no line break may follow."""
    return re.compile(expression.removesuffix("$") + r"\Z")


_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
    "maxProperties": lambda value, bound: len(value) <= bound,
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "pattern": lambda value, bound: _pattern(bound).search(value) is not None,
}


def _is(value: Any, name: str) -> bool:
    if name == "integer" and isinstance(value, float):
        return False  # 1.0 is a number to us: the codec is exact
    return isinstance(value, _TYPES[name]) and (not isinstance(value, bool) or name == "boolean")


def _is_moment(value: str) -> bool:
    try:
        moment = datetime.fromisoformat(value)
        return "T" in value.upper() and moment.tzinfo is not None and moment.astimezone(UTC).year >= 1970
    except (ValueError, OverflowError):
        return False


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
