"""What can be configured and what can go wrong is written down, and what is written down is true."""

import ast
import re
from pathlib import Path

import pytest

from daemon.settings import Settings
from daemon.settings_read import settings_of
from daemon.texts import TEXTS
from tests import codes, documents
from tests.sources import SOURCES, parsed

TREES = {path: parsed(source) for path, source in SOURCES.items()}
ERRORS = codes.errors_in(TREES.values())
OURS = {path: tree for path, tree in TREES.items() if "sim" not in path.parts}  # the simulators speak as others do
RAISED = sorted({(code, str(path)) for path, tree in OURS.items() for code in codes.codes_in(tree, ERRORS)})


@pytest.mark.parametrize("page", documents.PAGES, ids=str)
def test_the_pages_made_from_the_code_are_up_to_date(page: Path) -> None:
    assert page.read_text("utf-8") == documents.PAGES[page](), "run: make docs"


@pytest.mark.parametrize(("section", "key"), [(s.name, key) for s, key, _ in settings_of(Settings)])
def test_every_setting_is_documented_with_what_it_is(section: str, key: str) -> None:
    row = next(line for line in _section(section) if line.startswith(f"| `{key}` |"))
    assert len(row.split("|")[-2].strip()) > 5


@pytest.mark.parametrize(("section", "name"), [(s.name, a.name) for s, _, a in settings_of(Settings)])
def test_every_setting_is_read_by_something(section: str, name: str) -> None:
    assert any(_reads(source, section, name) for source in SOURCES.values() if f".{name}" in source)


def _reads(source: str, section: str, name: str) -> bool:
    """`settings.gewe.burst`, or `gewe.burst` after `gewe = settings.gewe`."""
    called = [rf"(?:settings|current)\.{section}", *re.findall(rf"(\w+) = settings\.{section}\b", source)]
    if f"class {section.capitalize()}:" in source:
        called += [rf"self\.{section}", "self"]  # by a property of its own section, or of all
    if "class Settings:" in source:
        called.append(rf"self\.{section}")
    if "settings: Log" in source and section == "log":
        called.append("settings")
    return re.search(rf"\b(?:{'|'.join(called)})\.{name}\b", source) is not None


def test_a_setting_that_nothing_reads_is_seen() -> None:
    assert not _reads("x = settings.http.listen; other.burst", "gewe", "burst")
    assert _reads("talk = settings.gewe\nx = talk.burst", "gewe", "burst")


def _section(name: str) -> list[str]:
    page = documents.CONFIGURATION.read_text("utf-8")
    return page.partition(f"## [{name}]\n")[2].partition("\n## ")[0].splitlines()


@pytest.mark.parametrize(("code", "where"), RAISED)
def test_every_code_that_is_raised_has_its_text_and_its_line(code: str, where: str) -> None:
    assert code in TEXTS, f"{where} raises {code}, which has no text in daemon/texts.py"
    assert f"| `{code}` |" in documents.PROBLEMS.read_text("utf-8"), "run: make docs"


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_text_exists_in_both_languages_and_names_the_same_facts(code: str) -> None:
    english, chinese = TEXTS[code]
    assert english != chinese
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    facts = [set(re.findall(r"(?<!\{)\{(\w+)\}", text)) for text in (english, chinese)]
    assert facts[0] == facts[1]


def test_many_codes_are_found_at_all() -> None:
    assert len(RAISED) > 50


def test_a_code_is_found_wherever_an_error_is_made() -> None:
    tree = ast.parse(
        """
class Locked(CannotOpen): pass
class CannotOpen(QiaodError): pass
class Other(Exception): pass
raise Locked("a.locked", pid=1)
error = errors.CannotOpen("b.cannot" if x else "c.cannot")
raise Other("not.ours")
class Stale(QiaodError):
    def __init__(self, code="d.default", /): super().__init__("e.inner")
"""
    )
    found = set(codes.codes_in(tree, codes.errors_in([tree])))
    assert found == {"a.locked", "b.cannot", "c.cannot", "d.default", "e.inner"}
