"""What a question to a workflow costs, as units of work beside it: each run that may cost something is a charge."""

from attrs import evolve, frozen

from daemon.domain.cost import ONE_ACT, Charge, ChargeKind, ChargeState, NewCharge, Scopes, Units, attempt_ref, cost_of
from daemon.domain.workflow import Answer, Provider, Workflow
from daemon.engine import costs
from daemon.engine.costs import Refusal, Terms
from daemon.engine.estimates import Estimate
from daemon.store import ledger, prices
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Begun:
    ref: str  # the name of its charge
    unheard: bool  # the workflow was asked before, and may have run: nobody heard the end of it
    found: Estimate | None  # what it was estimated at, where that was looked up


def reserve(
    tx: Tx, name: str, workflow: Workflow, scopes: Scopes, terms: Terms, estimate: Units | None = None
) -> Begun | Refusal:
    """What is held; or why the workflow may not be asked, and then nothing is. `estimate` None: it is looked up.

    A question that is asked again is another charge: what the earlier run cost is not known yet, nor was it nothing.
    """
    runs, found = ledger.attempts(tx, ChargeKind.WORKFLOW, name), None
    if workflow.provider is Provider.N8N:
        estimate = ONE_ACT
    if estimate is None:
        found = costs.estimate(tx, workflow.id, terms)
        estimate = found.units
    new = NewCharge(
        ref=attempt_ref(ChargeKind.WORKFLOW, name, len(runs) + 1),
        kind=ChargeKind.WORKFLOW,
        provider=workflow.provider,
        model=workflow.billed,
        scopes=evolve(scopes, workflow_id=workflow.id),
        estimate=estimate,
    )
    reserved = costs.try_reserve(tx, new, terms)
    if isinstance(reserved, Refusal):
        return reserved
    return Begun(ref=new.ref, unheard=bool(_open(runs, workflow)), found=found)


def settle(tx: Tx, name: str, ref: str, workflow: Workflow, answer: Answer) -> None:
    """What the answer cost. One that was looked up is that of an earlier run whose end is open, and nothing ran now.

    Without such a run it is our own, whose connection was lost meanwhile.
    """
    used = _used(workflow, answer)
    lost = _lost(tx, name, ref, workflow) if answer.recovered else None
    if lost is None:
        costs.settle(tx, ref, used)
    else:
        costs.settle(tx, lost, used)
        costs.release(tx, ref)


def worth(tx: Tx, workflow: Workflow, answer: Answer) -> int | None:
    """What an answer costs at today's prices, in millionths; None where use or price is unknown. Nothing is charged."""
    used, price = _used(workflow, answer), prices.valid(tx, provider=workflow.provider, model=workflow.billed)
    return None if used is None or price is None else cost_of(used, price)


def _used(workflow: Workflow, answer: Answer) -> Units | None:
    """A run of n8n is paid for by itself; what its models cost is known only where it says so."""
    used = Units.of(answer.usage)
    return evolve(used or Units(), acts=1) if workflow.provider is Provider.N8N else used


def _open(runs: list[Charge], workflow: Workflow) -> list[str]:
    """Those of the workflow that nobody heard the end of, oldest first."""
    return [run.ref for run in runs if run.state is ChargeState.RESERVED and run.scopes.workflow_id == workflow.id]


def _lost(tx: Tx, name: str, ref: str, workflow: Workflow) -> str | None:
    """The latest earlier run of the workflow that nobody heard the end of."""
    runs = ledger.attempts(tx, ChargeKind.WORKFLOW, name)
    return next((earlier for earlier in reversed(_open(runs, workflow)) if earlier != ref), None)
