"""Jobs are due by the wall clock, which somebody may set."""

from datetime import timedelta
from pathlib import Path

from daemon.engine.clockwatch import ClockWatch
from daemon.engine.jobs import Done
from tests.engine.test_jobs import HOUR, Script, at_work, lane

BACK, FORWARD = -4 * 3600, 2 * 3600


async def test_a_job_that_waits_when_the_clock_is_set_back_waits_no_longer_for_it(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        watch = ClockWatch(bench.clock, bench.jobs.clock_moved)
        watch.look()
        job = await bench.add(due_at=bench.clock.now() + timedelta(seconds=10))
        bench.clock.jump_wall(BACK)
        watch.look()
        marker = await bench.add()  # claimed by the look that follows the clock, or by one after it
        assert (await script.end_next(Done())).id == marker
        bench.pass_time(9)
        assert script.started.empty()
        bench.pass_time(2)
        assert (await script.end_next(Done())).id == job
        assert watch.jumps == 1


async def test_a_job_that_is_due_while_the_clock_is_set_forward_starts_at_once(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        watch = ClockWatch(bench.clock, bench.jobs.clock_moved)
        watch.look()
        job = await bench.add(due_at=bench.clock.now() + HOUR)
        bench.clock.jump_wall(FORWARD)
        watch.look()
        assert (await script.end_next(Done())).id == job
