"""What a workflow is told in a trial, and what the trial shows of its run. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from daemon.codec import encode_text
from daemon.domain.node_types import node_type
from daemon.domain.workflow import Answer, Memory, Node, Provider, Question, Role, Said, Workflow
from daemon.domain.workflow_test import Trial, TrialLine, TrialRun, TrialStep
from daemon.engine.pauses import Resume
from daemon.engine.questions import alone

MOST_STEPS = 200
MOST_SHOWN = 60_000  # characters of one run, all its nodes together
LONGEST = 4_000  # characters of one node's input or output
LEAST = 100  # of them, when the run's are used up
HISTORY = 20  # lines that a workflow is told where we remember: as many as a new account's
MORE = "…"
SPEECH = frozenset({"start", "intent", "llm", "agent", "answer", "end"})  # what these take in and say is mostly words
HEARD = ("query", "input", "question", "text")
SPOKEN = ("text", "class", "answer", "output")


def question(
    trial: Trial, workflow: Workflow, line: TrialLine, *, resume: Resume | None, request_id: str | None
) -> Question:
    """`line` is what was said last, and names the run. `resume`: it has answered all of the trial's pause."""
    said = Said(role=Role.USER, text=line.text)
    chat, resumes, messages = None, None, alone(workflow, said, _earlier(trial.lines))
    if resume is not None and trial.pause is not None:
        chat, resumes = trial.pause.chat, trial.pause.record
        messages = (Said(role=Role.USER, text=resume.content),)
    elif workflow.memory is Memory.SERVICE:
        chat = trial.chat
    return Question(
        turn_id=line.id,
        conversation=chat,
        user=f"{trial.id}_{trial.chat[-6:]}",  # n8n's own memory goes by it: what was cleared is to be forgotten there
        messages=messages,
        variables={**workflow.variables, **trial.variables},
        request_id=request_id,
        resumes=resumes,
    )


def _earlier(lines: Iterable[TrialLine]) -> list[Said]:
    """What failed was never said to anybody."""
    said = [line for line in lines if line.role is Role.USER or (line.run is not None and line.run.success)]
    return [Said(role=line.role, text=line.text) for line in said[-HISTORY:]]


def answered(workflow: Workflow, asked: str, answer: Answer, *, seconds: float) -> TrialRun:
    return TrialRun(
        success=True,
        duration_ms=round(seconds * 1000),
        needs_person=answer.needs_person,
        steps=steps(workflow.provider, answer.nodes, asked),
        usage=answer.usage,
    )


def failed(workflow: Workflow, asked: str, error: str, nodes: Iterable[Node], *, seconds: float) -> TrialRun:
    return TrialRun(
        success=False,
        duration_ms=round(seconds * 1000),
        error=error,
        steps=steps(workflow.provider, nodes, asked),
    )


def steps(provider: Provider, nodes: Iterable[Node], asked: str) -> tuple[TrialStep, ...]:
    """Each node before those within it. `asked` is what a beginning takes in that says nothing of it itself."""
    made: list[TrialStep] = []
    room = MOST_SHOWN
    for node in _flat(nodes):
        if len(made) == MOST_STEPS:
            break
        most = max(min(LONGEST, room // 2), LEAST)
        step = _step(provider, node, asked, most)
        room -= len(step.input) + len(step.output)
        made.append(step)
    return tuple(made)


def _flat(nodes: Iterable[Node]) -> Iterator[Node]:
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children[::-1])


def _step(provider: Provider, node: Node, asked: str, most: int) -> TrialStep:
    kind = node_type(provider, node.kind)
    taken, made = _words(kind, node.input, HEARD), _words(kind, node.output, SPOKEN)
    if kind == "start":
        taken = taken or asked
    return TrialStep(
        id=node.id,
        type=kind,
        input=_cut(taken, most),
        output=_cut(node.error or made if node.failed else made, most),
        duration_ms=round(node.seconds * 1000),
        success=not node.failed,
    )


def _words(kind: str, value: Any, names: tuple[str, ...]) -> str:
    """A text as it is, of an object what it is mostly about, and anything else as JSON."""
    if isinstance(value, dict):
        texts = [value[name] for name in names if isinstance(value.get(name), str)]
        if kind in SPEECH and texts:
            return str(texts[0])
        if len(value) == 1:
            value = next(iter(value.values()))
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_text(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}{MORE}"
