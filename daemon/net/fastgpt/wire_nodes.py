"""FastGPT's rows as nodes and usage: what each kind of node was given, what it made of it, and what it cost.

The `usage` of a completion is 1/1/1 in every version, so it is read nowhere.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define

from daemon.domain.workflow import Node, Usage
from daemon.net.fastgpt.wire_rows import Branch, Row, walk
from daemon.net.fastgpt.wire_values import items, micro
from daemon.net.foreign import LONGEST_TEXT, amount, document, said, shortened, text, whole

MOST_NODES = 500  # FastGPT ends a run that has more
SEARCH = "datasetSearchNode"

Picked = tuple[tuple[str, str], ...]  # (our name, their field)

QUESTION: Picked = (("query", "query"),)
CALL: Picked = (("params", "params"), ("body", "body"), ("headers", "headers"))
INPUTS: dict[str, Picked] = {
    "classifyQuestion": (*QUESTION, ("classes", "cqList")),
    SEARCH: (
        *QUESTION,
        ("queries", "datasetQueries"),
        ("similarity", "similarity"),
        ("limit", "limit"),
        ("mode", "searchMode"),
    ),
    "contentExtract": (*QUESTION, ("description", "extractDescription")),
    "httpRequest468": CALL,
    "lafModule": CALL,
    "code": (("inputs", "customInputs"),),
    "readFiles": (("files", "readFiles"),),
    "loop": (("items", "loopInput"),),
    "loopRun": (("items", "loopRunInput"),),
    "loopStart": (("item", "loopInputValue"),),
    "parallelRun": (("items", "parallelInput"),),
    "agent": (*QUESTION, ("step", "stepQuery")),
}
INPUT_OF_ANY: Picked = (*QUESTION, ("input", "toolInput"))
OUTPUTS: dict[str, Picked] = {
    "classifyQuestion": (("class", "cqResult"),),
    "contentExtract": (("fields", "extractResult"),),
    "httpRequest468": (("result", "httpResult"), ("error", "httpErrorResult")),
    "lafModule": (("result", "httpResult"),),
    "ifElseNode": (("branch", "ifElseResult"),),
    "code": (("outputs", "customOutputs"), ("log", "codeLog")),
    "variableUpdate": (("values", "updateVarResult"),),
    "userSelect": (("choice", "userSelectResult"),),
    "formInput": (("fields", "formInputResult"),),
    "readFiles": (("text", "readFilesResult"),),
    "loop": (("results", "loopResult"),),
    "loopRun": (("iterations", "loopRunIterations"), ("history", "loopRunHistory")),
    "loopEnd": (("item", "loopOutputValue"),),
    "parallelRun": (("results", "parallelResult"),),
    "toolParams": (("params", "toolParamsResult"),),
}
OUTPUT_OF_ANY: Picked = (("text", "textOutput"), ("outputs", "pluginOutput"), ("result", "toolRes"))
TALKERS = frozenset({"chatNode", "tools", "agent"})


def usage(roots: Iterable[Branch], *, known: bool) -> Usage:
    """A parent's points hold its children's; tokens are each row's own."""
    roots = list(roots)
    every = [_tokens(branch.row) for branch in walk(roots)]
    return Usage(
        input_tokens=sum(tokens.input for tokens in every),
        output_tokens=sum(tokens.output for tokens in every),
        embedding_tokens=sum(tokens.embedding for tokens in every),
        points_micro=micro(sum(map(_points, roots), Decimal(0))),
        known=known,
    )


def nodes(roots: Iterable[Branch], clean: Callable[[str], str] = str) -> tuple[Node, ...]:
    """`clean` takes secrets out of what failed nodes say."""
    return _Nodes(clean).of(roots)


def failure(row: Mapping[str, Any]) -> str:
    """Why the node failed; empty where it did not, or where the workflow caught it."""
    return "" if row.get("errorCaptured") is True else _error(row)


@define
class _Nodes:
    clean: Callable[[str], str]
    room: int = MOST_NODES

    def of(self, branches: Iterable[Branch]) -> tuple[Node, ...]:
        made = []
        for branch in branches:
            if self.room <= 0:
                break
            self.room -= 1
            made.append(self._node(branch))
        return tuple(made)

    def _node(self, branch: Branch) -> Node:
        row = branch.row
        tokens = _tokens(row)
        return Node(
            id=_short(row.get("id")) or _short(row.get("nodeId")),
            name=_name(row),
            kind=_short(row.get("moduleType")),
            seconds=float(amount(row.get("runningTime"))),
            failed=bool(failure(row)),
            error=self.clean(_error(row))[:LONGEST_TEXT] or None,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            points_micro=micro(_points(branch)),
            model=_short(row.get("model")) or _short(row.get("embeddingModel")) or None,
            input=shortened(_input(row)),
            output=shortened(_output(row)),
            children=self.of(branch.children),
        )


@define
class _Tokens:
    input: int
    output: int
    embedding: int


def _tokens(row: Row) -> _Tokens:
    """Up to 4.8.16 there was only the sum `tokens`, and up to 4.9 a search's own tokens stood as `inputTokens`."""
    given = whole(row.get("inputTokens")) or whole(row.get("tokens")) * ("outputTokens" not in row)
    embedding = whole(row.get("embeddingTokens"))
    if row.get("moduleType") == SEARCH and "embeddingTokens" not in row and "extensionModel" not in row:
        given, embedding = 0, given
    return _Tokens(
        input=given + whole(row.get("toolCallInputTokens")),
        output=whole(row.get("outputTokens")) + whole(row.get("toolCallOutputTokens")),
        embedding=embedding,
    )


def _points(branch: Branch) -> Decimal:
    if "totalPoints" in branch.row or not branch.children:
        return amount(branch.row.get("totalPoints"))
    return sum(map(_points, branch.children), Decimal(0))


def _name(row: Row) -> str:
    """A title, unless it is a key of their translations such as common:core.module.template.work_start."""
    name = _short(row.get("moduleName"))
    space, mark, key = name.partition(":")
    untranslated = bool(mark) and space.isidentifier() and key.isascii() and "." in key and " " not in key
    return _short(row.get("moduleType")) if untranslated or not name else name


def _error(row: Mapping[str, Any]) -> str:
    return said(row.get("errorText")) or said(row.get("error"))


def _input(row: Row) -> Any:
    kind = text(row.get("moduleType"))
    found = _pick(row, INPUTS.get(kind, INPUT_OF_ANY))
    if kind in TALKERS and (history := items(row.get("historyPreview"))[:-1]):
        found["history"] = [_line(entry) for entry in history]
    return found or None


def _output(row: Row) -> Any:
    kind = text(row.get("moduleType"))
    if kind in TALKERS:
        return _talk(row)
    if kind == SEARCH:
        quotes = items(row.get("quoteList"))
        return {"count": len(quotes), "quotes": [_quote(document(quote)) for quote in quotes]}
    return _pick(row, OUTPUTS.get(kind, OUTPUT_OF_ANY)) or None


def _talk(row: Row) -> Any:
    last = document((items(row.get("historyPreview")) or [None])[-1])
    found = _pick(row, (("text", "textOutput"), ("reasoning", "reasoningText"), ("finish", "finishReason")))
    if last.get("obj") == "AI":
        found = {"text": last.get("value"), **found}
    return found or None


def _pick(row: Row, fields: Picked) -> dict[str, Any]:
    return {ours: row[theirs] for ours, theirs in fields if row.get(theirs) not in (None, "")}


def _line(entry: object) -> dict[str, Any]:
    return {"role": text(document(entry).get("obj")), "text": document(entry).get("value")}


def _quote(quote: Mapping[str, Any]) -> dict[str, Any]:
    return {"question": quote.get("q"), "answer": quote.get("a"), "source": quote.get("sourceName")}


def _short(value: object) -> str:
    return text(value)[:200]
