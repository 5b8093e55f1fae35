"""How one setting is written, in TOML or in the environment, and how it becomes a value of ours."""

import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

from daemon.errors import Invalid

T = TypeVar("T")

AUTO = Path()  # a path left empty: the reader chooses it
_META = "setting"
_UNITS = {
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
}


@frozen(kw_only=True)
class Setting:
    """What is known of a setting beside its name and its default."""

    read: Callable[[object], Any]  # a TOML value to ours, or Invalid
    show: Callable[[Any], object] = lambda value: value  # and back
    parse: Callable[[str], object] = lambda text: text  # a variable's text to a TOML value
    unit: str | None = None  # of a span; its key then ends in it
    limits: str = ""  # for people
    reload: bool = False  # taken over on SIGHUP; all others need a restart


def of(attribute: "Attribute[Any]") -> Setting:
    setting: Setting = attribute.metadata[_META]
    return setting


def key_of(attribute: "Attribute[Any]") -> str:
    """Its key in the file: spans carry their unit."""
    unit = of(attribute).unit
    return f"{attribute.name}_{unit}" if unit else attribute.name


def text(default: str, check: Callable[[str], object] | None = None, *, reload: bool = False) -> Any:
    def read(value: object) -> str:
        line = _exact(value, str, "settings.want_text")
        if check:
            check(line)
        return line

    return _setting(default, Setting(read=read, reload=reload))


def choice(default: str, *choices: str, reload: bool = False) -> Any:
    def read(value: object) -> str:
        if value not in choices:
            raise Invalid("settings.want_choice", value=_brief(value), choices=", ".join(choices))
        return str(value)

    return _setting(default, Setting(read=read, limits=" | ".join(choices), reload=reload))


def switch(default: bool, *, reload: bool = False) -> Any:
    def read(value: object) -> bool:
        return _exact(value, bool, "settings.want_boolean")

    return _setting(default, Setting(read=read, parse=_literal, limits="true | false", reload=reload))


def integer(default: int, *, least: int, most: int, reload: bool = False) -> Any:
    def read(value: object) -> int:
        number = _exact(value, int, "settings.want_integer")
        _within(number, least, most, "")
        return number

    return _setting(default, Setting(read=read, parse=_literal, limits=f"{least} … {most}", reload=reload))


def span(default: float, unit: str, *, least: float, most: float, reload: bool = False) -> Any:
    """A duration: a plain number of its unit in the file, a timedelta in code."""

    def read(value: object) -> timedelta:
        if type(value) not in (int, float):
            raise Invalid("settings.want_number", value=_brief(value), unit=unit)
        number = float(value)  # type: ignore[arg-type]  # just checked
        _within(number, least, most, unit)
        return number * _UNITS[unit]

    def show(value: timedelta) -> float:
        number = value / _UNITS[unit]
        return int(number) if number.is_integer() else number

    setting = Setting(
        read=read, show=show, parse=_literal, unit=unit, limits=f"{least:g} … {most:g} {unit}", reload=reload
    )
    return _setting(default * _UNITS[unit], setting)


def place(default: str = "") -> Any:
    def read(value: object) -> Path:
        return Path(_exact(value, str, "settings.want_text"))

    def show(value: Path) -> str:
        return "" if value == AUTO else str(value)

    return _setting(Path(default), Setting(read=read, show=show, limits="a path"))


def names(*default: str, check: Callable[[str], object], reload: bool = False) -> Any:
    """A list of texts; in the environment separated by commas."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid("settings.want_list", value=_brief(value))
        for item in value:
            check(item)
        return tuple(value)

    def parse(line: str) -> object:
        return _literal(line) if line.startswith("[") else [item.strip() for item in line.split(",") if item.strip()]

    return _setting(tuple(default), Setting(read=read, show=list, parse=parse, limits="a list", reload=reload))


def table(default: Mapping[str, str], check: Callable[[str, str], object]) -> Any:
    """Names to texts; in the environment `name=text,name=text`."""

    def read(value: object) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise Invalid("settings.want_table", value=_brief(value))
        for name, item in value.items():
            check(name, item)
        return dict(value)

    def parse(line: str) -> object:
        pairs = [pair.partition("=") for pair in line.split(",") if pair.strip()]
        return {name.strip(): item.strip() for name, _, item in pairs}

    return _setting(dict(default), Setting(read=read, show=dict, parse=parse, limits="a table"))


def _setting(default: object, setting: Setting) -> Any:
    return field(default=default, metadata={_META: setting})


def _exact(value: object, kind: type[T], code: str) -> T:
    if type(value) is not kind:  # True is no integer here
        raise Invalid(code, value=_brief(value))
    return value


def _within(number: float, least: float, most: float, unit: str) -> None:
    if not least <= number <= most:  # also refuses nan
        raise Invalid("settings.out_of_range", value=f"{number:g}", least=f"{least:g}", most=f"{most:g}", unit=unit)


def _literal(line: str) -> object:
    """`40`, `1.5`, `true`, `["a"]` as TOML reads them; the text itself where it does not."""
    try:
        return tomllib.loads(f"value = {line}")["value"]
    except tomllib.TOMLDecodeError:
        return line


def _brief(value: object) -> str:
    return f"{value!r:.60}"
