"""The pages that people read, and what is needed to hold them against the code."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGES = sorted(
    {
        *Path().glob("*.md"),
        *Path("docs").rglob("*.md"),
        *Path("bench").glob("*.md"),
    }
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def slug(heading: str) -> str:
    """The anchor that a heading gets where the page is shown."""
    plain = re.sub(r"[`*]", "", heading.strip().lower())
    return "".join(letter for letter in plain if letter.isalnum() or letter in " -_").replace(" ", "-")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text("utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    """The page's blocks of code in one of these languages."""
    return [text for language, text in _FENCE.findall(page.read_text("utf-8")) if language in languages]


def links(page: Path) -> Iterator[str]:
    """Where its links go, those to other sites left out."""
    shown = re.sub(r"`[^`\n]*\]\([^`\n]*`", "", prose(page))  # a link that is itself quoted as code
    yield from (to for to in _LINK.findall(shown) if not re.match(r"[a-z]+:", to))


def anchors(page: Path) -> set[str]:
    headings: list[str] = re.findall(r"^#{1,6} (.*)$", prose(page), re.MULTILINE)
    return {slug(heading) for heading in headings}
