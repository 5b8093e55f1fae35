"""n8n's executions in our words: which call one belongs to, its nodes, its tokens, its end. Field names are theirs."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from daemon.codec import encode
from daemon.domain.webhook_call import RunState, WebhookAnswer, WebhookRequest, WebhookRun
from daemon.domain.workflow import Node, Usage
from daemon.errors import N8nNonsense
from daemon.net.foreign import amount, document, said, shortened, text, whole
from daemon.net.n8n.classify import Clean
from daemon.net.n8n.wire_answer import of_document

MOST_NODES = 100  # of one run that are kept
RESPONDS = "n8n-nodes-base.respondToWebhook"
CLASSIFIES = "@n8n/n8n-nodes-langchain.textClassifier"
STATES = {
    "success": RunState.SUCCEEDED,
    "error": RunState.FAILED,
    "crashed": RunState.STOPPED,
    "canceled": RunState.STOPPED,
    "waiting": RunState.WAITING,
}
INPUT = ("promptTokens", "prompt_tokens", "input_tokens")
OUTPUT = ("completionTokens", "completion_tokens", "output_tokens")


@frozen(kw_only=True)
class Ran:
    """One run of one node, as n8n tells it."""

    name: str
    number: int  # which of its runs, from 0
    told: Mapping[str, Any]
    kind: str
    parameters: Mapping[str, Any]

    @property
    def order(self) -> tuple[float, float]:
        return float(amount(self.told.get("executionIndex"))), float(amount(self.told.get("startTime")))

    @property
    def items(self) -> list[Any]:
        """What it gave, at all of its outputs; a model's is at an output of another name."""
        return _items(self.told)

    @property
    def gave(self) -> Any:
        """One item is told as it is; of a Text Classifier, which gives on what it was given, what it found."""
        if self.kind == CLASSIFIES and (found := _classes(self)):
            return {"class": found[0] if len(found) == 1 else found}
        return _told(self.items)


def runs_of(execution: Mapping[str, Any]) -> list[Ran]:
    """In the order in which they ran."""
    nodes = document(execution.get("workflowData")).get("nodes")
    known = {text(node.get("name")): node for node in map(document, nodes if isinstance(nodes, list) else ())}
    found = []
    for name, runs in document(_result(execution).get("runData")).items():
        node = known.get(name, {})
        for number, told in enumerate(map(document, runs if isinstance(runs, list) else ())):
            kind, parameters = text(node.get("type")), document(node.get("parameters"))
            found.append(Ran(name=name, number=number, told=told, kind=kind, parameters=parameters))
    return sorted(found, key=lambda ran: ran.order)


def is_of(execution: Mapping[str, Any], request: WebhookRequest) -> bool:
    """Whether our call set it off: its trigger was given our id."""
    for item in _given(execution):
        ids = (
            document(item.get("body")).get("requestId"),
            document(item.get("query")).get("requestId"),
            item.get("requestId"),
        )
        if request.call_id in ids:
            return True
    return False


def is_known(execution: Mapping[str, Any]) -> bool:
    """Whether n8n says what it was given."""
    return any(True for _ in _given(execution))


def _given(execution: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What came from outside: to the first node that ran or, before any is on record, to the one that begins."""
    for ran in runs_of(execution):
        if not ran.told.get("source"):
            yield from map(document, ran.items)
    waiting = document(document(execution.get("data")).get("executionData")).get("nodeExecutionStack")
    for entry in map(document, waiting if isinstance(waiting, list) else ()):
        if not entry.get("source"):
            yield from (document(item) for item in _items(entry))


def run(execution: Mapping[str, Any], *, path: str, clean: Clean) -> WebhookRun:
    """`path`: where in the answer its text is."""
    ran = runs_of(execution)
    nodes = tuple(_node(one, ran, clean) for one in ran[:MOST_NODES])
    state = STATES.get(text(execution.get("status")), RunState.RUNNING)
    error = document(_result(execution).get("error"))
    spent_in, spent_out = (sum(pair) for pair in zip(*map(_tokens, ran), strict=True)) if ran else (0, 0)
    usage = Usage(input_tokens=spent_in, output_tokens=spent_out, known=bool(spent_in or spent_out))
    return WebhookRun(
        id=_id(execution),
        state=state,
        nodes=nodes,
        usage=usage,
        failed_node=_failed(execution) if error else "",
        error=clean(said(error)) if error else "",
        answer=_answer(execution, ran, path) if state is RunState.SUCCEEDED else None,
        seconds=_seconds(execution),
    )


def under_way(execution: Mapping[str, Any]) -> WebhookRun:
    """One of which n8n tells no more than that it runs."""
    return WebhookRun(id=_id(execution), state=RunState.RUNNING)


def _items(told: Mapping[str, Any], name: str = "data") -> list[Any]:
    outputs = document(told.get(name)).values()
    branches = (branch for output in outputs if isinstance(output, list) for branch in output)
    flat = (item for branch in branches if isinstance(branch, list) for item in branch)
    return [_without_headers(document(item).get("json")) for item in flat]


def _without_headers(item: Any) -> Any:
    """What a Webhook node gives has the headers of our call, with its credential."""
    if isinstance(item, dict) and "webhookUrl" in item:
        return {name: value for name, value in item.items() if name != "headers"}
    return item


def _answer(execution: Mapping[str, Any], ran: list[Ran], path: str) -> WebhookAnswer | None:
    """What the respond node was given, or the last node gave; None where its text is not where it should be."""
    last = text(_result(execution).get("lastNodeExecuted"))
    answering = [one for one in ran if one.kind == RESPONDS] or [one for one in ran if one.name == last]
    if not answering or not answering[-1].items:
        return None
    try:
        found = answering[-1].items[0]
        return of_document(found, status=200, path=path, size=len(encode(found)))
    except N8nNonsense:
        return None


def _node(one: Ran, ran: list[Ran], clean: Clean) -> Node:
    error = document(one.told.get("error"))
    spent_in, spent_out = _tokens(one)
    return Node(
        id=f"{one.name}#{one.number}" if one.number else one.name,
        name=one.name,
        kind=one.kind,
        seconds=float(amount(one.told.get("executionTime"))) / 1000,
        failed=bool(error) or one.told.get("executionStatus") == "error",
        error=clean(said(error)) if error else None,
        input_tokens=spent_in,
        output_tokens=spent_out,
        model=_model(one),
        input=shortened(_told(_before(one, ran))),
        output=shortened(one.gave),
    )


def _before(one: Ran, ran: list[Ran]) -> list[Any]:
    """What it was asked, as a model's node tells; else what the nodes before it gave: n8n keeps no input of those."""
    if asked := _items(one.told, "inputOverride"):
        return asked
    sources = one.told.get("source")
    given = []
    for source in map(document, sources if isinstance(sources, list) else ()):
        name, number = text(source.get("previousNode")), whole(source.get("previousNodeRun"))
        given += [item for other in ran if (other.name, other.number) == (name, number) for item in other.items]
    return given


def _told(items: list[Any]) -> Any:
    """One item is told as it is."""
    return items[0] if len(items) == 1 else items or None


def _tokens(one: Ran) -> tuple[int, int]:
    """What a model's node says it used, in and out. Its agent's tells the same again, as metadata: not counted."""
    usages = [document(document(item).get("tokenUsage")) for item in one.items]
    return sum(_first(usage, INPUT) for usage in usages), sum(_first(usage, OUTPUT) for usage in usages)


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((whole(usage[name]) for name in names if name in usage), 0)


def _classes(one: Ran) -> list[str]:
    """The categories at whose outputs there is an item: a Text Classifier says it by nothing else."""
    listed = document(one.parameters.get("categories")).get("categories")
    names = [text(document(category).get("category")) for category in (listed if isinstance(listed, list) else ())]
    outputs = document(one.told.get("data")).get("main")
    given = zip([*names, "Other"] if names else (), outputs if isinstance(outputs, list) else (), strict=False)
    return [name for name, items in given if name and isinstance(items, list) and any(map(_is_given_on, items))]


def _is_given_on(item: Any) -> bool:
    """Where it failed and the run went on, its first output has the error instead."""
    return document(document(item).get("json")).keys() != {"error"}


def _model(one: Ran) -> str | None:
    """A name, or what a list of models gives."""
    chosen = one.parameters.get("model")
    return text(document(chosen).get("value")) or text(chosen) or None


def _result(execution: Mapping[str, Any]) -> Mapping[str, Any]:
    return document(document(execution.get("data")).get("resultData"))


def _failed(execution: Mapping[str, Any]) -> str:
    """The error names its node in some versions; it is the last that ran in any."""
    result = _result(execution)
    return text(document(document(result.get("error")).get("node")).get("name")) or text(result.get("lastNodeExecuted"))


def _id(execution: Mapping[str, Any]) -> str:
    return str(execution.get("id", ""))[:100]


def _seconds(execution: Mapping[str, Any]) -> float:
    began, ended = _moment(execution.get("startedAt")), _moment(execution.get("stoppedAt"))
    return 0.0 if began is None or ended is None else max(ended - began, timedelta()).total_seconds()


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
