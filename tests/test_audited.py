"""What the code writes into the audit log is in the table of docs/security.md, and what is there is written."""

import re
from pathlib import Path

import pytest

from daemon.domain.act import ActKind
from tests import audited
from tests.sources import SOURCES

PAGE = Path("docs/security.md")
MODULES = [path for path in SOURCES if "sim" not in path.parts]
FOUND = {path: audited.actions_in(SOURCES[path]) for path in MODULES}
ACTS = {kind.value for kind in ActKind if not kind.only_reads}
FOLLOWED = {  # expressions that stand for an action, and are given one by what is found or listed here
    "ending.kind": ACTS,
    "tally.action": set[str](),
    "told.action": set[str](),
}
WRITTEN = set(ACTS).union(*(found.actions for found in FOUND.values()))


def documented() -> dict[str, list[str]]:
    table = PAGE.read_text("utf-8").partition("### What is audited")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+) \| (.+) \|$", table, re.MULTILINE)
    return {action: [when, detail] for action, when, detail in rows}


@pytest.mark.parametrize("path", [path for path in MODULES if FOUND[path].unknown], ids=str)
def test_every_action_can_be_followed_to_its_name(path: Path) -> None:
    assert FOUND[path].unknown <= FOLLOWED.keys()


@pytest.mark.parametrize("action", sorted(WRITTEN))
def test_every_action_of_the_code_is_documented(action: str) -> None:
    assert action in documented(), f"{action} has no row in {PAGE}"


def test_every_action_that_is_documented_is_one_of_the_code() -> None:
    assert set(documented()) - WRITTEN == set()


def test_the_table_is_in_order_and_says_when() -> None:
    assert list(documented()) == sorted(documented())
    assert all(when and detail for when, detail in documented().values())


def test_many_are_found_at_all() -> None:
    assert len(WRITTEN) > 80


SAMPLE = """
NAMED = "e.named"

def one(tx, by, yes):
    audit.record(tx, by, "a.plain", "x:1")
    audit.record(tx, by, "b.yes" if yes else "b.no", "x:1")
    audit.record(tx, by, NAMED, "x:1")
    noted(tx, by, "c.given", 1)

def noted(tx, by, action, x):
    audit.record(tx, by, action, "x:1")

def verbed(tx, by, verb):
    audit.record(tx, by, f"d.{verb}", "x:1")

class Desk:
    async def go(self, by):
        await self.db.write(verbed, by, "done")
        await self.db.write(audit.record, by, "f.direct", "x:1")
        await self.audit.note("g.noted", "x")
        self.book.refused(by, "h.refused", "x", {})
        audit.record(tx, by, something.else_, "x:1")
"""


def test_an_action_is_found_however_it_is_given() -> None:
    found = audited.actions_in(SAMPLE)
    names = {"a.plain", "b.yes", "b.no", "c.given", "d.done", "e.named", "f.direct", "g.noted", "h.refused"}
    assert found.actions == names
    assert found.unknown == {"something.else_"}
