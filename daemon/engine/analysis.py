"""Intent and sentiment: a workflow of the user's is asked for one strict result; what does not fit is asked for again.

What is asked, and whether the answer fits, is pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from attrs import define, frozen

from daemon.codec import encode_text, parse
from daemon.domain.access import Actor
from daemon.domain.cost import Scopes, key_of
from daemon.domain.workflow import Answer, Memory, Question, Role, Said, Usage, Workflow
from daemon.engine.asking import Answered, Asking, Inquiry
from daemon.errors import Invalid, RemoteNonsense
from daemon.secret import Redactor
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

SENTIMENTS = ("positive", "neutral", "negative")
MOST_REASON = 1_000  # characters kept
MOST_SHOWN = 200  # characters of an answer that does not fit, in the error
MOST_READ = 20_000  # characters of an answer that are looked through
MOST_TRIES = 50  # places in an answer where an object may begin
LONGEST_LABEL = 200


@frozen(kw_only=True)
class Verdict:
    label: str
    confidence: float  # 0 to 1
    reason: str


@frozen(kw_only=True)
class Analysed:
    verdict: Verdict
    workflow_id: str
    degraded: bool  # a fallback answered
    asked: int  # once, or twice
    usage: Usage
    seconds: float


@frozen
class Unfit:
    """Why an answer is no result, as the workflow is told."""

    why: str


def wording(task: str, text: str, labels: Sequence[str], context: str) -> str:
    """What the workflow is asked."""
    choice = f"one of {encode_text(list(labels))}" if labels else "a short name of your choosing"
    lines = [
        f"Task: tell the {task} of the text below. Answer with one JSON object and nothing else:",
        '{"label": ' + choice + ', "confidence": a number from 0 to 1, "reason": one short sentence}',
        *([f"Context: {context}"] if context else []),
        f"Text: {encode_text(text)}",
    ]
    return "\n".join(lines)


def wording_again(first: str, unfit: Unfit) -> str:
    return f"{first}\n\nThe answer before did not fit: {unfit.why}. Answer again, with the JSON object alone."


def read(answer: str, labels: Sequence[str]) -> Verdict | Unfit:
    """The one object in the answer, whatever stands around it, if it is a result."""
    found = _objects(answer)
    if len(found) != 1:
        return Unfit("there is no JSON object in it" if not found else "there is more than one JSON object in it")
    label, confidence, reason = (found[0].get(name) for name in ("label", "confidence", "reason"))
    if not isinstance(label, str) or not 0 < len(label.strip()) <= LONGEST_LABEL:
        return Unfit("label is not a text")
    meant = _meant(label.strip(), labels)
    if meant is None:
        return Unfit(f"label is not one of {encode_text(list(labels))}")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        return Unfit("confidence is not a number from 0 to 1")
    if not isinstance(reason, str):
        return Unfit("reason is not a text")
    return Verdict(label=meant, confidence=float(confidence), reason=reason.strip()[:MOST_REASON])


def _meant(label: str, labels: Sequence[str]) -> str | None:
    """As the caller spells it."""
    if not labels:
        return label
    return next((known for known in labels if known.casefold() == label.casefold()), None)


def _objects(answer: str) -> list[Mapping[str, Any]]:
    """The objects that stand in it, not those within them: fences and prose around them do not matter."""
    found: list[Mapping[str, Any]] = []
    answer, place = answer[:MOST_READ], 0
    for _ in range(MOST_TRIES):
        place = answer.find("{", place)
        if place < 0:
            break
        end = _closing(answer, place)
        value = _parsed(answer[place:end]) if end else None
        if isinstance(value, dict):
            found.append(value)
            place = end
        else:
            place += 1
    return found


def _closing(answer: str, start: int) -> int:
    """Behind the brace that closes the one at `start`; 0 where none does."""
    depth, quoted, escaped = 0, False, False
    for place in range(start, len(answer)):
        letter = answer[place]
        if quoted:
            quoted, escaped = escaped or letter != '"', not escaped and letter == "\\"
            continue
        quoted = letter == '"'
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return place + 1
    return 0


def _parsed(text: str) -> object:
    try:
        return parse(text)
    except Invalid:
        return None


def added(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        embedding_tokens=one.embedding_tokens + other.embedding_tokens,
        points_micro=one.points_micro + other.points_micro,
        known=one.known and other.known,
    )


@define
class Analysis:
    db: Database
    asking: Asking
    redactor: Redactor  # what a workflow said may be shown, but no secret in it

    async def analyze_intent(
        self, workflow_id: str, text: str, *, labels: Sequence[str], context: str, by: Actor
    ) -> Analysed:
        return await self._analysed("intent", workflow_id, text, labels=labels, context=context, by=by)

    async def analyze_sentiment(self, workflow_id: str, text: str, *, labels: Sequence[str], by: Actor) -> Analysed:
        return await self._analysed("sentiment", workflow_id, text, labels=labels or SENTIMENTS, context="", by=by)

    async def _analysed(
        self, task: str, workflow_id: str, text: str, *, labels: Sequence[str], context: str, by: Actor
    ) -> Analysed:
        began = self.db.clock.monotonic()
        wanted = wording(task, text, labels, context)
        first = await self._answer(workflow_id, wanted, task=task, by=by)
        last, verdict, usage, asked = first, read(first.answer.text, labels), first.answer.usage, 1
        if isinstance(verdict, Unfit):
            last = await self._answer(workflow_id, wording_again(wanted, verdict), task=task, by=by)
            verdict, usage, asked = read(last.answer.text, labels), added(usage, last.answer.usage), 2
        if isinstance(verdict, Unfit):
            log.warning("analysis.unfit", task=task, workflow=workflow_id, why=verdict.why)
            raise RemoteNonsense(
                "analysis.unfit", service=last.workflow.provider, detail=self._shown(last.answer), why=verdict.why
            )
        return Analysed(
            verdict=verdict,
            workflow_id=last.workflow.id,
            degraded=not last.first,
            asked=asked,
            usage=usage,
            seconds=self.db.clock.monotonic() - began,
        )

    async def _answer(self, workflow_id: str, wanted: str, *, task: str, by: Actor) -> Answered:
        name = await self.db.write(_name)

        def told(workflow: Workflow) -> Question:
            return Question(
                turn_id=name,
                conversation=name if workflow.memory is Memory.SERVICE else None,
                user=by.id,
                messages=(Said(role=Role.USER, text=wanted),),
                variables={**workflow.variables, "task": task},
                request_id=by.request_id,
            )

        now = self.db.clock.now()
        return await self.asking.answer(
            Inquiry(
                name=name,
                workflow_id=workflow_id,
                seat=by.id,
                last=True,
                started=now,
                question=told,
                scopes=Scopes(key_id=key_of(by.id)),
            )
        )

    def _shown(self, answer: Answer) -> str:
        text = self.redactor.clean(answer.text)
        return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _name(tx: Tx) -> str:
    return tx.new_id()
