"""The rows FastGPT reports of a run, one for each node that ran, put back into the tree they came from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field

from daemon.net.fastgpt.wire_values import items
from daemon.net.foreign import text

Row = dict[str, Any]

DEEPEST = 20  # nested runs; FastGPT's own bound
NESTED = "childrenResponses"  # 4.15 and newer
NESTED_BEFORE = ("pluginDetail", "toolDetail", "loopDetail", "parallelRunDetail")
COUNTED = frozenset(
    {
        "totalPoints",
        "childTotalPoints",
        "inputTokens",
        "outputTokens",
        "tokens",
        "toolCallInputTokens",
        "toolCallOutputTokens",
        "embeddingTokens",
        "reRankInputTokens",
        "runningTime",
    }
)


@define(eq=False)
class Branch:
    row: Row
    children: list["Branch"] = field(factory=list)


def rows(value: object) -> list[Row]:
    return [item for item in items(value) if isinstance(item, dict)]


def merged(earlier: Row, later: Row) -> Row:
    """Two reports of one execution: what is counted adds up, the rest is as it was said last."""
    sums = {
        name: earlier[name] + later[name]
        for name in COUNTED & earlier.keys() & later.keys()
        if _is_number(earlier[name]) and _is_number(later[name])
    }
    return {**earlier, **later, **sums}


def identity(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """What two reports of one execution share; None where the row does not say."""
    own = text(row.get("id"))
    return (own, text(row.get("parentId"))) if own else None


def tree(flat: Iterable[Row]) -> list[Branch]:
    """Roots first. A row whose parent was not reported stands as a root: its cost is in nobody else's."""
    branches = [_grown(row, DEEPEST) for row in flat]
    named = {own: branch for branch in branches if (own := text(branch.row.get("id")))}
    inside = {(id(branch), identity(child.row)) for branch in branches for child in branch.children}
    roots = []
    for branch in branches:
        parent = named.get(text(branch.row.get("parentId")))
        if parent is None or _circular(branch, named):
            roots.append(branch)
        elif (id(parent), identity(branch.row)) not in inside:  # else it was told twice, flat and nested
            parent.children.append(branch)
    return roots


def walk(branches: Iterable[Branch]) -> Iterator[Branch]:
    waiting = list(branches)
    while waiting:
        branch = waiting.pop()
        yield branch
        waiting.extend(branch.children)


def _grown(row: Row, levels: int) -> Branch:
    return Branch(row, [_grown(child, levels - 1) for child in _nested(row)] if levels else [])


def _nested(row: Row) -> list[Row]:
    return rows(row.get(NESTED)) or [child for name in NESTED_BEFORE for child in rows(row.get(name))]


def _circular(branch: Branch, named: Mapping[str, Branch]) -> bool:
    """Is it below itself, or deeper than anything can be?"""
    above: Branch | None = branch
    for _ in range(DEEPEST):
        above = named.get(text(above.row.get("parentId"))) if above else None
        if above is branch:
            return True
    return above is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
