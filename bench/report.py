"""What a bench says, and how it is measured fairly: the contract of every module `bench/bench_NAME.py`.

A bench module has `run()`, which yields a `Figure` for each thing it measured, and ends with

    if __name__ == "__main__":
        main(run)

so that `python -m bench.bench_NAME [--json]` runs it alone and `python -m bench.run [--json]` runs it with the others.
Yield a figure as soon as it is known: what was said before a bench ran out of its 60 seconds is kept. For example

    def run() -> Iterator[Figure]:
        yield compare(
            "intake", "rps", unit="1/s", ours=our_rate, baseline="bare aiohttp", theirs=bare_rate, goal=">=0.35"
        )
        yield measured("intake", "p99", unit="ms", samples=[…], goal="<=25")
        yield left_out("rules", "celery", because="celery is not installed")

`ours` and `theirs` take nothing and return one number in `unit`: a plain function that does one whole run (an async
one starts its own loop, `uvloop.run(…)`). `compare` calls them in turn after one pair that is not counted; a bench
that takes its pairs itself hands them to `figure_of`. A goal is `>=` or `<=` and a number: it speaks of the ratio
where there is a baseline, else of the value. A goal that is missed is reported and no failure; a bench that raises is.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

from attrs import asdict, frozen

PAIRS = 5  # the fewest that BENCH asks for: an odd number, so that the median is one of them

P = ParamSpec("P")
T = TypeVar("T")


@frozen(kw_only=True)
class Figure:
    """One line of the report. `min` and `max` are of the value; the ratio is the median of the pairs' ratios."""

    bench: str
    metric: str
    value: float | None = None
    unit: str = ""
    baseline: str | None = None
    baseline_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None
    runs: int = 0
    min: float | None = None
    max: float | None = None
    left_out: str | None = None  # why there is no figure

    def line(self) -> str:
        """As one JSON object on one line."""
        if self.left_out is not None:
            return json.dumps({"bench": self.bench, "metric": self.metric, "left_out": self.left_out})
        known = asdict(self, filter=lambda attribute, _: attribute.name != "left_out")
        return json.dumps({name: _short(v) if isinstance(v, float) else v for name, v in known.items()})


def compare(
    bench: str,
    metric: str,
    *,
    unit: str,
    ours: Callable[[], float],
    baseline: str,
    theirs: Callable[[], float],
    goal: str,
    pairs: int = PAIRS,
) -> Figure:
    """Ours and the baseline, in turn, `pairs` times after a warm-up."""
    ours(), theirs()
    taken = [(ours(), theirs()) for _ in range(pairs)]
    return figure_of(bench, metric, unit=unit, pairs=taken, baseline=baseline, goal=goal)


def figure_of(
    bench: str, metric: str, *, unit: str, pairs: Sequence[tuple[float, float]], baseline: str, goal: str | None
) -> Figure:
    """The figure of pairs (ours, baseline) that were measured in turn."""
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    values = [ours for ours, _ in pairs]
    return Figure(
        bench=bench,
        metric=metric,
        value=statistics.median(values),
        unit=unit,
        baseline=baseline,
        baseline_value=statistics.median(theirs for _, theirs in pairs),
        ratio=ratio,
        goal=goal,
        met=None if goal is None else meets(ratio, goal),
        runs=len(values),
        min=min(values),
        max=max(values),
    )


def measured(bench: str, metric: str, *, unit: str, samples: Sequence[float], goal: str | None) -> Figure:
    """A figure that stands alone: its goal, where it has one, speaks of the value."""
    value = statistics.median(samples)
    return Figure(
        bench=bench,
        metric=metric,
        value=value,
        unit=unit,
        goal=goal,
        met=None if goal is None else meets(value, goal),
        runs=len(samples),
        min=min(samples),
        max=max(samples),
    )


def left_out(bench: str, metric: str, *, because: str) -> Figure:
    """Said in place of a figure that cannot be had here."""
    return Figure(bench=bench, metric=metric, left_out=because)


def meets(number: float, goal: str) -> bool:
    sign, bound = goal[:2], float(goal[2:])
    if sign not in {">=", "<="}:
        raise ValueError(f"a goal is >= or <= and a number, not {goal!r}")
    return number >= bound if sign == ">=" else number <= bound


def pin(core: int, pid: int = 0) -> None:
    """Keep a process (0: this one) to one core. Where two play, the load takes core 0 and the server core 1.

    What is given a pid must have no threads yet: pin a child right after it was started.
    """
    os.sched_setaffinity(pid, range(os.cpu_count() or 1))  # a child of a pinned process knows only that core
    cores = sorted(os.sched_getaffinity(pid))
    os.sched_setaffinity(pid, {cores[core % len(cores)]})


def apart(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns, done in a fresh interpreter, so that no run inherits the memory of another.

    `work` is a function at the top of its module.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


def main(run: Callable[[], Iterable[Figure]]) -> None:
    """The command line of one bench."""
    say = printer(sys.argv[1:])
    for figure in run():
        say(figure)


def printer(argv: Sequence[str]) -> Callable[[Figure], None]:
    """How figures are shown, as the command line has it: one JSON object a line, or the rows of a table."""
    options = argparse.ArgumentParser(description="Measure, and hold the figures against their goals.")
    options.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    if options.parse_args(argv).json:
        return lambda figure: print(figure.line(), flush=True)
    print(f"{'bench':<14} {'metric':<18} {'value':>14} {'baseline':>32} {'ratio':>8}  {'goal':<10} range", flush=True)
    return lambda figure: print(_row(figure), flush=True)


def _row(figure: Figure) -> str:
    head = f"{figure.bench:<14} {figure.metric:<18}"
    if figure.left_out is not None:
        return f"{head} left out: {figure.left_out}"
    against = "" if figure.baseline is None else f"{figure.baseline} {_text(figure.baseline_value)}"
    verdict = f"{figure.goal} {'met' if figure.met else 'MISSED'}" if figure.goal else ""
    return (
        f"{head} {f'{_text(figure.value)} {figure.unit}':>14} {against:>32} {_text(figure.ratio):>8}  {verdict:<10} "
        f"{_text(figure.min)}..{_text(figure.max)} in {figure.runs}"
    )


def _text(number: float | None) -> str:
    return "" if number is None else f"{_short(number):,}"


def _short(number: float) -> float:
    """Four digits say all that a bench knows."""
    short = float(f"{number:.4g}")
    return int(short) if short.is_integer() else short
