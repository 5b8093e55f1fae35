"""What a run of a workflow is held at: found out from its last runs, and remembered for some of those that follow."""

from daemon.domain.cost import Units
from daemon.engine.estimates import MOST_KNOWN, Estimate, Estimates

USED = Units(points_micro=7)


def looked_up(estimates: Estimates, runs: int) -> int:
    """Of so many runs."""
    return sum(estimates.take("w") is None for _ in range(runs))


def test_a_workflow_that_nobody_knows_is_looked_up() -> None:
    assert Estimates().take("w") is None


def test_an_estimate_of_a_hundred_runs_stands_for_ten() -> None:
    estimates = Estimates()
    estimates.keep("w", Estimate(USED, 100))
    assert [estimates.take("w") for _ in range(11)] == [USED] * 10 + [None]


def test_each_of_the_first_runs_counts_for_the_next() -> None:
    estimates = Estimates()
    estimates.keep("w", Estimate(USED, 9))
    assert looked_up(estimates, 3) == 3
    estimates.keep("w", Estimate(USED, 10))
    assert looked_up(estimates, 2) == 1


def test_who_comes_while_it_is_looked_up_goes_by_what_was_known() -> None:
    estimates = Estimates()
    estimates.keep("w", Estimate(USED, 100))
    assert looked_up(estimates, 110) == 10  # nobody has told yet what was found


def test_workflows_without_end_take_no_room_without_end() -> None:
    estimates = Estimates()
    for number in range(MOST_KNOWN):
        estimates.keep(str(number), Estimate(USED, 100))
    assert estimates.take("0") == USED
    estimates.keep("one more", Estimate(USED, 100))
    assert estimates.take("0") is None
    assert estimates.take("one more") == USED
