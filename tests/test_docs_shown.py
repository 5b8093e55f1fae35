"""docs/shown.md has every route and every method once, and the tests it names are there; other tables held likewise."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.act import SAFE, USUAL
from daemon.face import TABLES
from daemon.net.server.app import in_order
from tests import seed
from tests.pages import PAGES, prose
from tests.shown import FASTGPT, GEWE, PAGE, ROUTES, Evidence, Page, gewe_calls, methods
from tests.test_docs_api import who

ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*) \|$", re.MULTILINE)
LINK = re.compile(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)")
SEED_NAMES = re.compile(r"async def (\w+)\(\)")


def section(title: str) -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0])


def once(wanted: list[str], found: list[str]) -> None:
    assert Counter(found) == Counter(wanted), "run: make shown"


def test_every_route_has_one_row() -> None:
    once([f"{name}: {route.summary}" for name, route in ROUTES.items()], [f"{r[0]}: {r[1]}" for r in section("Routes")])


def test_every_call_of_gewe_has_one_row() -> None:
    once(
        [f"{method} {path}" for method, path in gewe_calls()],
        [f"{method} {path.strip('`')}" for method, path, _ in section("GeWe")],
    )
    assert {method for method, _ in gewe_calls()} == {name for name, _, _ in methods(GEWE)}


def test_every_method_of_fastgpt_has_one_row() -> None:
    once([name for name, _, _ in methods(FASTGPT)], [row[0] for row in section("FastGPT")])


def test_every_method_of_the_seed_has_one_row() -> None:
    once([promised.name for promised in seed.METHODS], [row[0] for row in section("The methods of the seed")])


@pytest.mark.parametrize("title", ["Routes", "GeWe", "FastGPT", "The methods of the seed"])
def test_every_row_names_a_test_that_is_there(title: str) -> None:
    for name, _, shown in section(title):
        found = LINK.match(shown)
        assert found is not None, f"{name} is shown by no test"
        test, file = found.groups()
        assert f"def {test}(" in Path(file).read_text("utf-8"), f"{name}: run: make shown"


def test_the_most_telling_test_is_one_that_speaks_of_the_thing_and_does_little_else() -> None:
    route = "POST /api/v1/integrations/conversations/{conversation_id}/takeover"
    busy = Evidence("tests/flows/test_x.py::test_a_takeover", {route: (200,), "GET /": (200,)}, frozenset())
    plain = Evidence("tests/flows/test_x.py::test_a_takeover_alone", {route: (200,)}, frozenset())
    silent = Evidence("tests/flows/test_x.py::test_nothing", {route: (200,)}, frozenset())
    refused = Evidence("tests/flows/test_x.py::test_a_takeover_is_refused", {route: (409,)}, frozenset())
    page = Page([silent, busy, refused, plain])
    (row,) = [line for line in page.text().splitlines() if line.startswith(f"| `{route}`")]
    assert "`test_a_takeover_alone`" in row
    assert route not in page.missing
    assert "GET /healthz" in page.missing


def budget_rows() -> list[str]:
    """The table of docs/gewe.md, without where the figures are from."""
    return [
        f"| `{kind}` | {usual.per_hour} | {usual.per_day} | {_span(usual.gap_low)} to {_span(usual.gap_high)} "
        f"| {usual.days_online or '–'} | {SAFE[kind].per_hour}, {SAFE[kind].per_day} |"
        for kind, usual in USUAL.items()
    ]


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 120 else f"{seconds:g} s"


@pytest.mark.parametrize("row", budget_rows())
def test_every_budget_is_documented_as_it_is(row: str) -> None:
    lines = Path("docs/gewe.md").read_text("utf-8").splitlines()
    assert any(line.startswith(row) for line in lines), f"docs/gewe.md wants: {row}"


def permissions() -> list[str]:
    """The table of docs/access.md: who may do what, by subject."""
    told: dict[str, tuple[list[str], list[str]]] = {}
    for route in in_order(TABLES):
        column = told.setdefault(route.tag, ([], []))[route.method != "GET"]
        if (allowed := who(route)) not in column:
            column.append(allowed)
    return [
        f"| [{tag}](api.md#{tag.lower().replace(' ', '-')}) | {_said(told[tag][0])} | {_said(told[tag][1])} |"
        for tag in sorted(told)
    ]


def _said(column: list[str]) -> str:
    return "; ".join(sorted(column)) or "–"


def test_who_may_do_what_is_documented_by_subject() -> None:
    lines = Path("docs/access.md").read_text("utf-8").splitlines()
    found = [line for line in lines if re.match(r"\| \[[A-Z]", line)]
    assert found == permissions(), "docs/access.md wants:\n" + "\n".join(permissions())


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_stands_twice_on_a_page(page: Path) -> None:
    lines = prose(page).splitlines()
    told = [line for line in lines if re.match(r"#{1,6} |\| `[A-Z]+ /", line)]
    if page.name != "CHANGELOG.md":  # there each version has the same headings
        assert [line for line, times in Counter(told).items() if times > 1] == []
