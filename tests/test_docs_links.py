"""Whatever a page points to is there: other pages, their sections, files, tests, commands."""

import re
from functools import cache
from pathlib import Path

import click
import pytest

from daemon.cli.main import cli
from tests.pages import PAGES, anchors, blocks, links, prose

MENTIONED = [(page, name) for page in PAGES for name in sorted(set(re.findall(r"`(test_\w+)`", prose(page))))]
FILES = [
    (page, name)
    for page in PAGES
    for name in sorted(set(re.findall(r"`((?:daemon|tests|bench|config|systemd|docs)/[\w./-]+)`", prose(page))))
]
LINKS = [(page, to) for page in PAGES for to in sorted(set(links(page)))]
COMMANDS = [
    (page, line.strip())
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
    if re.search(r"(?:^|/| )qiaod (?!-)[a-z]|^make ", line.strip()) and not line.lstrip().startswith("#")
]


@cache
def _source() -> str:
    return "\n".join(path.read_text("utf-8") for path in Path("tests").rglob("test_*.py"))


@pytest.mark.parametrize(("page", "to"), LINKS, ids=str)
def test_a_link_leads_somewhere(page: Path, to: str) -> None:
    path, _, anchor = to.partition("#")
    target = (page.parent / path) if path else page
    assert target.exists(), f"{page}: {to}"
    if anchor:
        assert anchor in anchors(target), f"{page}: {to}"


@pytest.mark.parametrize(("page", "name"), FILES, ids=str)
def test_a_file_that_is_named_is_there(page: Path, name: str) -> None:
    assert Path(name).exists(), f"{page}: {name}"


@pytest.mark.parametrize(("page", "name"), MENTIONED, ids=str)
def test_a_test_that_is_named_is_there(page: Path, name: str) -> None:
    assert f"def {name}(" in _source(), f"{page}: {name}"


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=str)
def test_a_command_that_is_shown_can_be_given(page: Path, line: str) -> None:
    if line.startswith("make "):
        target = line.split()[1]
        assert re.search(rf"^{target}:", Path("Makefile").read_text("utf-8"), re.MULTILINE), f"{page}: {line}"
    else:
        assert not _wrong(line), f"{page}: {line}: {_wrong(line)}"


def _wrong(line: str) -> str:
    """The first word after `qiaod` that the command line does not know."""
    given: list[str] = re.split(r"\s+[#|>]|\)|;", re.split(r"(?:^|/|\s)qiaod (?!qiaod )", line, maxsplit=1)[1])[
        0
    ].split()
    command: click.Command = cli
    for number, word in enumerate(given):
        if isinstance(command, click.Group):
            found: click.Command | None = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
        else:
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            unknown = [word for word in given[number:] if word.startswith("--") and word not in options]
            return unknown[0] if unknown else ""
    return ""


def test_a_wrong_command_is_seen() -> None:
    assert _wrong("sudo /opt/qiaod/bin/qiaod keys forge ops") == "forge"
    assert _wrong("qiaod keys create ops --rule admin > key") == "--rule"
    assert _wrong("qiaod keys create ops --role admin") == ""


def test_the_pages_were_looked_at() -> None:
    assert min(len(LINKS), len(FILES), len(MENTIONED)) > 20
    assert len(COMMANDS) > 10


def test_both_readmes_say_the_same() -> None:
    """What can be compared: the sections, and every block of code without its remarks."""
    english, chinese = Path("README.md"), Path("README.zh.md")
    counted = [len(re.findall(r"^#+ ", prose(page), re.MULTILINE)) for page in (english, chinese)]
    assert counted[0] == counted[1]
    shown = [[re.sub(r"\s*# .*", "", text) for text in blocks(page, "sh", "text")] for page in (english, chinese)]
    assert shown[0] == shown[1]
    assert [row.count("|") for row in prose(english).splitlines() if row.startswith("|")] == [
        row.count("|") for row in prose(chinese).splitlines() if row.startswith("|")
    ]
