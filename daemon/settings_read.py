"""The settings' two sources, a TOML file and the environment, read into types with every mistake found at once."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from attrs import Attribute, define, field, fields, frozen

from daemon.errors import Invalid, Problem
from daemon.settings_fields import key_of, of
from daemon.texts import render

T = TypeVar("T")

PREFIX = "QIAOD_"
NOT_SETTINGS = ("QIAOD_CONFIG", "QIAOD_MASTER_KEY", "QIAOD_SUPABASE_KEY")  # variables of ours with another reader
_LARGEST = 1 << 20  # bytes; a settings file is a few kilobytes
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@frozen(kw_only=True)
class Mistake:
    """One thing that is wrong in the settings, where it stands, and (in its text) the way out."""

    source: str  # the file, or the variable
    key: str  # gewe.per_minute; "" for the file as a whole
    line: int | None = None
    code: str
    facts: Mapping[str, object] = field(factory=dict)

    @property
    def where(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.key}" if self.key else place

    def text(self, language: str = "en") -> str:
        return render(self.code, language, self.facts)


class BadSettings(Invalid):
    """All that is wrong with them, together."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("settings.invalid", [Problem(m.where, m.text()) for m in mistakes])
        self.mistakes = tuple(mistakes)


@frozen
class Given:
    value: object
    source: str
    line: int | None = None


@define
class Reader:
    """Collects what is given and what is wrong with it."""

    root: type[Any]
    mistakes: list[Mistake] = field(factory=list)
    given: dict[tuple[str, str], Given] = field(factory=dict)

    def take_file(self, path: Path) -> None:
        try:
            written = path.read_bytes()[: _LARGEST + 1]
            document = tomllib.loads(written.decode()) if len(written) <= _LARGEST else None
        except FileNotFoundError:
            return self._wrong(str(path), "", "settings.file_missing")
        except OSError as error:
            return self._wrong(str(path), "", "settings.file_unreadable", reason=error.strerror or str(error))
        except UnicodeDecodeError as error:
            return self._wrong(str(path), "", "settings.not_utf8", position=error.start)
        except tomllib.TOMLDecodeError as error:
            found = _TOML_LINE.search(str(error))
            line, reason = (int(found[1]), str(error)[: found.start()]) if found else (None, str(error))
            return self._wrong(str(path), "", "settings.not_toml", line=line, reason=reason)
        if document is None:
            return self._wrong(str(path), "", "settings.file_too_large", limit=_LARGEST)
        return self._take_document(document, str(path), written.decode())

    def _take_document(self, document: Mapping[str, Any], source: str, written: str) -> None:
        sections = {section.name: _keys(section) for section in fields(self.root)}
        for name, content in document.items():
            line = line_of(written, name, None)
            if name not in sections:
                self._unknown(
                    source, name, line, near=get_close_matches(name, sections), owners=_owners(sections, name)
                )
            elif not isinstance(content, dict):
                self._wrong(source, name, "settings.want_section", line=line, section=name)
            else:
                for key, value in content.items():
                    line = line_of(written, name, key)
                    if key in sections[name]:
                        self.given[name, key] = Given(value, source, line)
                    else:
                        near = get_close_matches(key, sections[name])
                        self._unknown(source, f"{name}.{key}", line, near=near, owners=_owners(sections, key))

    def take_environment(self, environ: Mapping[str, str]) -> None:
        known = {variable(section.name, key): (section.name, key) for section, key, _ in settings_of(self.root)}
        heads = tuple(f"{PREFIX}{section.name.upper()}_" for section in fields(self.root))
        for name in sorted(environ):
            if name in known:
                section, key = known[name]
                attribute = next(a for s, k, a in settings_of(self.root) if (s.name, k) == (section, key))
                self.given[section, key] = Given(of(attribute).parse(environ[name]), f"${name}")
            elif name.startswith(PREFIX) and name not in NOT_SETTINGS:
                # Container platforms inject variables named after services; only what was surely meant is refused.
                near = get_close_matches(name, known, cutoff=0.8)
                if near or name.startswith(heads):
                    self._unknown(f"${name}", "", None, near=near, owners=[])

    def build(self) -> Any:
        """The settings, with defaults in place of what is wrong."""
        return self.root(**{section.name: self._section(section) for section in fields(self.root)})

    def _section(self, section: "Attribute[Any]") -> object:
        values = {}
        for key, attribute in _keys(section).items():
            given = self.given.get((section.name, key))
            if given is None:
                continue
            try:
                values[attribute.name] = of(attribute).read(given.value)
            except Invalid as error:
                path = f"{section.name}.{key}"
                self.mistakes.append(
                    Mistake(source=given.source, key=path, line=given.line, code=error.code, facts=error.facts)
                )
        return _shape(section)(**values)

    def conflict(self, section: str, key: str, code: str, **facts: object) -> None:
        """Two settings that are right alone and wrong together; said of the one given."""
        given = self.given.get((section, key), Given(None, "default"))
        self.mistakes.append(
            Mistake(source=given.source, key=f"{section}.{key}", line=given.line, code=code, facts=facts)
        )

    def _unknown(self, source: str, key: str, line: int | None, *, near: Sequence[str], owners: Sequence[str]) -> None:
        if near:
            self._wrong(source, key, "settings.unknown_near", line=line, near=near[0])
        elif owners:
            self._wrong(source, key, "settings.misplaced", line=line, section=owners[0])
        else:
            self._wrong(source, key, "settings.unknown", line=line)

    def _wrong(self, source: str, key: str, code: str, *, line: int | None = None, **facts: object) -> None:
        self.mistakes.append(Mistake(source=source, key=key, line=line, code=code, facts=facts))


def settings_of(root: type[Any]) -> Iterator[tuple["Attribute[Any]", str, "Attribute[Any]"]]:
    """Every setting there is: its section, its key, itself."""
    for section in fields(root):
        for key, attribute in _keys(section).items():
            yield section, key, attribute


def variable(section: str, key: str) -> str:
    return f"{PREFIX}{section}_{key}".upper()


def line_of(written: str, section: str, key: str | None) -> int | None:
    """Where `key` stands in `[section]`, or the section itself: good enough to point at, not a parser."""
    wanted = re.compile(rf"\s*\"?{re.escape(key if key is not None else section)}\"?\s*[=.]")
    at = ""
    for number, line in enumerate(written.splitlines(), 1):
        if header := _HEADER.match(line):
            at = header[1]
            if at == (section if key is None else f"{section}.{key}"):
                return number
        elif wanted.match(line) and at == ("" if key is None else section):
            return number
    return None


def _keys(section: "Attribute[Any]") -> dict[str, "Attribute[Any]"]:
    return {key_of(attribute): attribute for attribute in fields(_shape(section))}


def _shape(section: "Attribute[Any]") -> type[Any]:
    shape: type[Any] = section.type  # type: ignore[assignment]  # sections are annotated with their class
    return shape


def _owners(sections: Mapping[str, Mapping[str, object]], key: str) -> list[str]:
    return [name for name, keys in sections.items() if key in keys]
