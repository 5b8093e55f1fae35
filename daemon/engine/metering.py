"""What a question to a workflow costs, as units of work beside it: each run that may cost something is a charge."""

from attrs import evolve

from daemon.domain.cost import ChargeKind, ChargeState, NewCharge, Scopes, Units, attempt_ref
from daemon.domain.workflow import Answer, Workflow
from daemon.engine import costs
from daemon.engine.costs import Refusal, Terms
from daemon.store import ledger
from daemon.store.tx import Tx


def reserve(tx: Tx, name: str, workflow: Workflow, scopes: Scopes, terms: Terms) -> str | Refusal:
    """The name of the charge; or why the workflow may not be asked, and then nothing is held.

    A question that is asked again is another charge: what the earlier run cost is not known yet, nor was it nothing.
    """
    ref = attempt_ref(ChargeKind.WORKFLOW, name, len(ledger.attempts(tx, ChargeKind.WORKFLOW, name)) + 1)
    new = NewCharge(
        ref=ref,
        kind=ChargeKind.WORKFLOW,
        provider=workflow.provider,
        model=workflow.app_id or workflow.id,
        scopes=evolve(scopes, workflow_id=workflow.id),
    )
    reserved = costs.try_reserve(tx, new, terms)
    return reserved if isinstance(reserved, Refusal) else ref


def settle(tx: Tx, name: str, ref: str, workflow: Workflow, answer: Answer) -> None:
    """What the answer cost. One that was looked up is that of an earlier run whose end is open, and nothing ran now.

    Without such a run it is our own, whose connection was lost meanwhile.
    """
    used = Units.of(answer.usage)
    lost = _lost(tx, name, ref, workflow) if answer.recovered else None
    if lost is None:
        costs.settle(tx, ref, used)
    else:
        costs.settle(tx, lost, used)
        costs.release(tx, ref)


def _lost(tx: Tx, name: str, ref: str, workflow: Workflow) -> str | None:
    """The latest earlier run of the workflow that nobody heard the end of."""
    runs = ledger.attempts(tx, ChargeKind.WORKFLOW, name)
    lost = [run.ref for run in runs if run.state is ChargeState.RESERVED and run.scopes.workflow_id == workflow.id]
    return next((earlier for earlier in reversed(lost) if earlier != ref), None)
