"""Types as JSON Schema 2020-12: what the OpenAPI document shows and what `validate` holds a body against."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import define, field

from daemon.codec import encode, parse
from daemon.net.server.constraints import SAFE_INTEGER, Either, Length, Note, Pattern, Range, Rest
from daemon.secret import Secret

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"

MOST_ITEMS = 1000  # where nobody says otherwise: checking a million small ones would hold up everybody else
_CENTURY = 3_155_760_000  # seconds: a span past that is a mistake, and further on no timedelta

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "number", "minimum": 0, "maximum": _CENTURY, "description": "Seconds."},
    Secret: {"type": "string", "format": "password"},
    Any: {},
    object: {},
}


@define
class Schemas:
    """Schemas of types; those of classes are kept by name and referred to."""

    components: dict[str, Schema] = field(factory=dict)
    _kinds: dict[str, Any] = field(factory=dict)

    def of(self, kind: Any) -> Schema:
        kind = getattr(kind, "__supertype__", kind)  # a NewType
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if isinstance(kind, type) and (attrs.has(kind) or issubclass(kind, Enum)):
            return self._component(kind)
        return self._composed(kind, get_origin(kind), get_args(kind))

    def resolve(self, schema: Schema) -> Schema:
        """What a reference refers to; anything else is itself."""
        reference = schema.get("$ref")
        return self.components[reference.removeprefix(REFERENCE)] if reference else schema

    def page(self, item: Any) -> Schema:
        """The answer of a list of `item`."""
        name = f"PageOf{item.__name__}"
        if name not in self.components:
            self.components[name] = _page(self.of(item))
        return {"$ref": REFERENCE + name}

    def _composed(self, kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return self._annotated(arguments[0], arguments[1:])
        if origin is Literal:
            return {"enum": list(arguments)} if len(arguments) > 1 else {"const": arguments[0]}
        if origin in (Union, UnionType):
            return self._union(arguments)
        if origin in (tuple, list, Sequence, frozenset, set):
            return {"type": "array", "items": self.of(arguments[0]), "maxItems": MOST_ITEMS}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1]), "maxProperties": MOST_ITEMS}
        raise TypeError(f"no schema for {kind!r}")

    def _annotated(self, kind: Any, notes: tuple[Any, ...]) -> Schema:
        schema = self.of(kind)
        extra: Schema = {}
        for note in notes:
            if isinstance(note, Either):
                schema = {"anyOf": [self.of(one) for one in note.kinds]}
            else:
                extra.update(_keywords(note, schema))
        nested = next((part for part in schema.get("anyOf", ()) if part != {"type": "null"}), None)
        if nested is None:
            return schema | extra
        described = {key: extra.pop(key) for key in ("description", "examples") if key in extra}
        nested.update(extra)  # a bound on `str | None` is one on the str
        return schema | described

    def _union(self, arguments: tuple[Any, ...]) -> Schema:
        options = [self.of(argument) for argument in arguments if argument is not NoneType]
        schema = options[0] if len(options) == 1 else self._one_of(options)
        return {"anyOf": [schema, {"type": "null"}]} if NoneType in arguments else schema

    def _one_of(self, options: list[Schema]) -> Schema:
        tags = self._tags(options)
        if tags is None:
            return {"anyOf": options}
        name, mapping = tags
        return {"oneOf": options, "discriminator": {"propertyName": name, "mapping": mapping}}

    def _tags(self, options: list[Schema]) -> tuple[str, dict[str, str]] | None:
        """The property that tells the options apart: one that is a constant in each."""
        shapes = [self.resolve(option).get("properties", {}) for option in options]
        for name in shapes[0]:
            if all("const" in shape.get(name, {}) for shape in shapes):
                for option in options:
                    self._require(option, name)
                return name, {s[name]["const"]: o["$ref"] for s, o in zip(shapes, options, strict=True)}
        return None

    def _require(self, option: Schema, name: str) -> None:
        required = self.resolve(option).setdefault("required", [])
        if name not in required:
            required.append(name)

    def _component(self, kind: type) -> Schema:
        name = kind.__name__
        if self._kinds.setdefault(name, kind) is not kind:
            raise TypeError(f"two types are named {name}: {kind.__module__} and {self._kinds[name].__module__}")
        if name not in self.components:
            self.components[name] = {}  # a type may refer to itself
            self.components[name].update(_enum(kind) if issubclass(kind, Enum) else self._object(kind))
        return {"$ref": REFERENCE + name}

    def _object(self, kind: type) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        schema: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
        rest = rest_of(kind)
        if rest is not None:
            schema |= {"additionalProperties": True, "maxProperties": rest[1].most}
        for attribute in attrs.fields(kind):
            if attribute.init and (rest is None or attribute.name != rest[0]):
                schema["properties"][attribute.alias] = self.of(hints[attribute.name]) | _default(attribute)
        required = [a.alias for a in attrs.fields(kind) if a.init and a.default is attrs.NOTHING]
        if required:
            schema["required"] = required
        text = _own_words(kind)
        return schema | ({"description": text} if text else {})


@lru_cache(maxsize=1024)  # far more types than there are; a body is read with each call
def rest_of(kind: type) -> tuple[str, Rest] | None:
    """The field that takes what has no name, if the class has one."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for note in getattr(hint, "__metadata__", ()):
            if isinstance(note, Rest):
                return name, note
    return None


def gathered(document: dict[str, Any], kind: type) -> dict[str, Any]:
    """The document as the class has it: what it has no name for is in the field that takes the rest."""
    rest = rest_of(kind)
    if rest is None:
        return document
    names = {attribute.alias for attribute in attrs.fields(kind)} - {rest[0]}
    named = {name: value for name, value in document.items() if name in names}
    return named | {rest[0]: {name: value for name, value in document.items() if name not in names}}


def _own_words(kind: type) -> str:
    text = kind.__doc__ or ""
    return "" if text.startswith("Method generated by attrs") else " ".join(text.split())


def _enum(kind: type[Enum]) -> Schema:
    return {"type": "string", "enum": [member.value for member in kind]}


def _default(attribute: "attrs.Attribute[Any]") -> Schema:
    made: Any = attribute.default
    if made is attrs.NOTHING:
        return {}
    if hasattr(made, "takes_self"):  # an attrs.Factory, which is no type to mypy
        if made.takes_self:
            return {}
        made = made.factory()
    return {"default": plain(made)}


def plain(value: Any) -> Any:
    """As it would be in JSON."""
    return parse(encode(value))


def _keywords(note: Any, schema: Schema) -> Schema:
    if isinstance(note, Length):
        return _length(note, "Items" if "items" in schema else "Length")
    if isinstance(note, Range):
        return {k: v for k, v in {"minimum": note.least, "maximum": note.most}.items() if v is not None}
    if isinstance(note, Pattern):
        return {"pattern": f"^(?:{note.expression})$"}
    if isinstance(note, Note):
        return {"description": note.text} | ({} if note.example is None else {"examples": [note.example]})
    raise TypeError(f"{note!r} is no constraint of ours")


def _length(note: Length, of: str) -> Schema:
    bounds = {f"min{of}": note.least or None, f"max{of}": note.most}
    return {key: bound for key, bound in bounds.items() if bound is not None}


def _page(item: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": item},
            "total": {"type": "integer", "minimum": 0},
            "next_cursor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "filters": {"type": "object", "additionalProperties": True},
        },
        "required": ["data", "total", "next_cursor", "filters"],
        "additionalProperties": False,
    }
