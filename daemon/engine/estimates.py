"""What the next run of a workflow will use at most, by its last ones: found out now and then, and remembered."""

from attrs import define, field, frozen

from daemon.domain.cost import Units

STANDS = 10  # an estimate stands for a tenth as many runs as it was made from: the first runs count at once
MOST_KNOWN = 1000  # workflows


@frozen
class Estimate:
    units: Units
    runs: int  # that it was made from


@define
class _Known:
    estimate: Estimate
    taken: int = 0


@define
class Estimates:
    """Asked before each run; told what was found. One that is ten runs old is as good: it is of a hundred."""

    _known: dict[str, _Known] = field(factory=dict, init=False)

    def take(self, workflow_id: str) -> Units | None:
        """None: it is to be looked up for this run; those that come meanwhile are estimated as before."""
        known = self._known.get(workflow_id)
        if known is None:
            return None
        known.taken += 1
        if known.taken > known.estimate.runs // STANDS:
            known.taken = 0
            return None
        return known.estimate.units

    def keep(self, workflow_id: str, estimate: Estimate) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[workflow_id] = _Known(estimate)
