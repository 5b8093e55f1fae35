"""A job that is ready again the moment its attempt ended may be claimed by the very commit that ended it."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from structlog.testing import capture_logs

from daemon.domain.job import Job, JobState
from daemon.engine.jobs import Done, Result, Snooze
from daemon.sim.bell import Bell
from tests.engine.test_jobs import at_work, lane, soon

JOBS, ROUNDS = 20, 20


async def test_its_next_attempt_is_as_orderly_as_any(tmp_path: Path) -> None:
    rounds, bell = Counter[str](), Bell()

    async def again(job: Job) -> Result:
        rounds[job.id] += 1
        bell.ring()
        return Snooze(timedelta()) if rounds[job.id] < ROUNDS else Done()

    with capture_logs() as logs:
        async with at_work(tmp_path, lane(again, slots=JOBS)) as bench:
            ids = [await bench.add() for _ in range(JOBS)]
            await soon(bell.until(lambda: rounds.total() == JOBS * ROUNDS, timeout=20))
            states = [(await bench.settled(job_id)).state for job_id in ids]
    assert set(states) == {JobState.DONE}
    assert [line for line in logs if line["log_level"] == "error"] == []
