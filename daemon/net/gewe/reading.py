"""GeWe's answers, read liberally: any value may be null, absent, or a number where a text is meant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.clock import EPOCH
from daemon.domain.message import Wxid
from daemon.errors import RemoteNonsense
from daemon.net.gewe.envelope import Fields, moment, text
from daemon.net.gewe.sayings import SERVICE


def fields_of(data: Any) -> Fields:
    """An object; anything else is no answer to what was asked."""
    if not isinstance(data, dict):
        raise nonsense(data)
    return data


def items_of(data: Any) -> list[Fields]:
    """The objects of a list, which may be null."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise nonsense(data)
    return [item for item in data if isinstance(item, dict)]


def ids_of(told: Any) -> tuple[Wxid, ...]:
    """A list of ids, which may be null."""
    return tuple(Wxid(text(item)) for item in told if text(item)) if isinstance(told, list) else ()


def id_of(told: Any) -> Wxid | None:
    return Wxid(text(told)) if text(told) else None


def needed(fields: Fields, name: str) -> str:
    """A text without which the answer is worth nothing."""
    told = text(fields.get(name))
    if not told:
        raise RemoteNonsense("gewe.nonsense", service=SERVICE, detail=f"no {name}")
    return told


def first_of(fields: Mapping[str, Any], *names: str) -> str:
    """The first of these that says something; empty where none does."""
    return next((told for name in names if (told := text(fields.get(name)))), "")


def time_of(told: Any) -> datetime:
    """Seconds since 1970; 1970 itself where it says no time."""
    return moment(told, now=EPOCH)


def nonsense(data: Any) -> RemoteNonsense:
    return RemoteNonsense("gewe.nonsense", service=SERVICE, detail=type(data).__name__)
