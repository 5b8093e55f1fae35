"""The units of work of trials: each reads the trial anew, changes it, and leaves its row in the audit log."""

from datetime import datetime
from typing import Any

from attrs import evolve

from daemon.codec import encode_text
from daemon.domain.access import Actor, Role
from daemon.domain.workflow import Answer, Question, Workflow
from daemon.domain.workflow import Role as Speaker
from daemon.domain.workflow_test import LIVES, Trial, TrialLine, TrialRun
from daemon.engine import metering, pauses
from daemon.engine.pauses import Abandon, AskNext
from daemon.errors import Conflict, Invalid, NotFound, Problem
from daemon.store import audit, workflow_tests
from daemon.store.tx import Tx
from daemon.texts import render

MOST_VARIABLES = 32_000  # characters of them as JSON
MOST_LISTED = 100
MOST_TOLD = 4_000_000  # characters of a list
SAID_BY_US = TrialRun(success=True, duration_ms=0)  # no workflow ran


def create(tx: Tx, workflow: Workflow, variables: dict[str, Any], *, most: int, by: Actor) -> Trial:
    count, silent = workflow_tests.longest_silent(tx, by.id, after=tx.now - LIVES)
    if count >= most:
        raise Conflict("workflow_test.too_many", most=most, oldest=silent)
    trial = Trial(
        id=f"test_{tx.new_id()[-12:]}",  # the part of it that is chance
        owner=by.id,
        workflow_id=workflow.id,
        workflow_name=workflow.name,
        variables=_bounded(variables),
        chat=tx.new_id(),
        created_at=tx.now,
        active_at=tx.now,
    )
    workflow_tests.add(tx, trial)
    _audit(tx, by, "created", trial)
    return trial


def known(tx: Tx, trial_id: str, *, by: Actor) -> Trial:
    trial = workflow_tests.get(tx, trial_id)
    if trial is None or trial.over(tx.now) or _whose(by) not in (None, trial.owner):
        raise NotFound("workflow_test.not_found", id=trial_id)
    return trial


def latest(tx: Tx, *, by: Actor) -> list[Trial]:
    return workflow_tests.latest(tx, owner=_whose(by), after=tx.now - LIVES, limit=MOST_LISTED, room=MOST_TOLD)


def set_variables(tx: Tx, trial_id: str, variables: dict[str, Any], *, by: Actor) -> Trial:
    trial = known(tx, trial_id, by=by)
    changed = evolve(trial, variables=_bounded({**trial.variables, **variables}), active_at=tx.now)
    workflow_tests.save(tx, changed)
    _audit(tx, by, "changed", trial)
    return changed


def clear(tx: Tx, trial_id: str, *, by: Actor) -> Trial:
    trial = known(tx, trial_id, by=by)
    cleared = evolve(trial, variables={}, chat=tx.new_id(), pause=None, lines=(), active_at=tx.now)
    workflow_tests.unsay(tx, trial_id)
    workflow_tests.save(tx, cleared)
    _audit(tx, by, "cleared", trial)
    return cleared


def remove(tx: Tx, trial_id: str, *, by: Actor) -> None:
    trial = known(tx, trial_id, by=by)
    workflow_tests.remove(tx, trial_id)
    _audit(tx, by, "removed", trial)


def prompted(tx: Tx, trial_id: str, message: str, step: AskNext | Abandon, *, by: Actor) -> Trial:
    """A reply that does not end the workflow's question: the next part of it, or nothing more. No workflow is asked."""
    trial = known(tx, trial_id, by=by)
    lines = (_line(tx, Speaker.USER, message), _line(tx, Speaker.ASSISTANT, step.text, SAID_BY_US))
    if isinstance(step, AskNext):
        return _told(tx, evolve(trial, pause=step.pause), lines)
    # A paused chat would take whatever is said next for the answer.
    return _told(tx, evolve(trial, pause=None, chat=tx.new_id()), lines)


def asked(tx: Tx, trial_id: str, message: str, *, by: Actor) -> tuple[Trial, TrialLine]:
    """The trial as it was before the message, and the message in it."""
    trial = known(tx, trial_id, by=by)
    if trial.pause is not None and trial.pause.expires_at <= tx.now:
        trial = evolve(trial, pause=None, chat=tx.new_id())
    line = _line(tx, Speaker.USER, message)
    _told(tx, trial, (line,))
    _audit(tx, by, "asked", trial)
    return trial, line


def answered(
    tx: Tx,
    before: Trial,
    workflow: Workflow,
    put: Question,
    answer: Answer | None,
    run: TrialRun,
    language: str,
    *,
    by: Actor,
) -> Trial:
    """What came of the run, where the trial was not cleared since. After a failure what the workflow asked back still
    waits for its answer."""
    trial = known(tx, before.id, by=by)
    if trial.chat != before.chat:
        return trial
    if answer is None:
        return _told(tx, trial, (_line(tx, Speaker.ASSISTANT, "", run),))
    run = evolve(run, cost_micro=metering.worth(tx, workflow, answer))
    lines = [_line(tx, Speaker.ASSISTANT, answer.text, run)]
    chat, pause = put.conversation or answer.chat, None
    if answer.pause is not None and chat:
        pause = pauses.begun(
            answer.pause,
            conversation=trial.id,
            workflow_id=workflow.id,
            chat=chat,
            record=put.resumes or answer.record,
            speaker=put.user,
            now=tx.now,
        )
    elif answer.pause is not None:
        hint = render("workflow.pause_needs_memory", language, {"workflow": workflow.name})
        lines.append(_line(tx, Speaker.SYSTEM, hint))
    return _told(tx, evolve(trial, pause=pause), tuple(lines))


def expire(tx: Tx) -> tuple[int, datetime | None]:
    """How many were over; and the last word of the one that is next, if there is one."""
    return workflow_tests.expire(tx, until=tx.now - LIVES), workflow_tests.least_active(tx)


def _told(tx: Tx, trial: Trial, lines: tuple[TrialLine, ...]) -> Trial:
    workflow_tests.save(tx, evolve(trial, active_at=tx.now))
    workflow_tests.say(tx, trial.id, lines)
    told = workflow_tests.get(tx, trial.id)
    assert told is not None
    return told


def _line(tx: Tx, role: Speaker, text: str, run: TrialRun | None = None) -> TrialLine:
    return TrialLine(id=tx.new_id(), role=role, text=text, at=tx.now, run=run)


def _whose(by: Actor) -> str | None:
    """Whose trials the caller may see; None: everybody's."""
    return None if by.role is Role.ADMIN and by.accounts is None else by.id


def _bounded(variables: dict[str, Any]) -> dict[str, Any]:
    if len(encode_text(variables)) > MOST_VARIABLES:
        raise Invalid(problems=[Problem("variables", f"at most {MOST_VARIABLES} characters")])
    return variables


def _audit(tx: Tx, by: Actor, verb: str, trial: Trial) -> None:
    audit.record(tx, by, f"workflow_test.{verb}", f"workflow_test:{trial.id}", detail={"workflow": trial.workflow_id})
