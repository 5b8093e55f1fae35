"""A handler's signature, read once: where each of its arguments comes from, and what it answers."""

import inspect
import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from aiohttp import web
from attrs import frozen

from daemon.net.server.call import Page, Paging, Reply

_PLACES = re.compile(r"{(\w+)[:}]")


@frozen
class Parameter:
    name: str
    kind: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@frozen(kw_only=True)
class Signature:
    path: tuple[Parameter, ...]
    query: tuple[Parameter, ...]
    body: Parameter | None
    paging: bool
    answer: Any  # the type of the body; None for no body, web.StreamResponse for one of its own making
    listed: bool  # the answer is a page of `answer`
    either: bool  # the answer may also be one of its own making: of the route's `produces`


def read_signature(path: str, handler: Callable[..., Any]) -> Signature:
    parameters = list(inspect.signature(handler).parameters.values())[1:]  # the first is the Call
    hints = get_type_hints(handler, include_extras=True)
    if "return" not in hints:
        raise TypeError(f"{handler.__qualname__} does not say what it answers")
    typed = [(p, Parameter(p.name, hints[p.name], p.default)) for p in parameters]
    places = _PLACES.findall(path)
    unknown = [p.name for p, _ in typed if p.kind is not p.KEYWORD_ONLY and p.name not in {*places, "body", "paging"}]
    missing = set(places) - {p.name for p in parameters}
    if unknown or missing:
        raise TypeError(f"{handler.__qualname__}: {unknown or sorted(missing)} and the path {path} disagree")
    told, either = _alternative(hints["return"])
    answer, listed = _answer(told)
    return Signature(
        path=tuple(t for p, t in typed if p.name in places),
        query=tuple(t for p, t in typed if p.kind is p.KEYWORD_ONLY),
        body=next((t for p, t in typed if p.name == "body"), None),
        paging=any(p.name == "paging" and t.kind is Paging for p, t in typed),
        answer=answer,
        listed=listed,
        either=either,
    )


def _alternative(kind: Any) -> tuple[Any, bool]:
    """`View | web.StreamResponse` without its second half, and whether it had one."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    if web.StreamResponse not in parts or len(parts) != 2:
        return kind, False
    return next(part for part in parts if part is not web.StreamResponse), True


def _answer(kind: Any) -> tuple[Any, bool]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _answer(arguments[0])
    if origin is Reply:
        return _answer(arguments[0])
    if origin is Page:
        return arguments[0], True
    if kind in (None, NoneType):
        return None, False
    if isinstance(kind, type) and web.StreamResponse in kind.__mro__:  # of an ABC, issubclass keeps each class it saw
        return web.StreamResponse, False
    return kind, False
