"""What the whole daemon adds to a completion that it passes on to a model, and how many it passes on a second.

A model that takes 100 ms is asked through the daemon and straight, by 1, 50 and 200 callers who each ask again as soon
as they are answered, and began spread over one answer's time; then one that answers at once, by 64. The daemon is a
process on one core, load and model are two on the other. On its way each completion is admitted by its key, and its
cost is held and settled, both durable.
"""

from collections.abc import Iterator

from bench.asks import Answers, added
from bench.models import Scene, scene
from bench.processes import LOAD
from bench.report import PAIRS, Figure, figure_of, main, measured, pin

ANSWER_S = 0.1
CALLERS = (1, 50, 200)
AT_ONCE = 64  # for the highest rate
SECONDS = 0.3
RATE_SECONDS = 0.5


def run() -> Iterator[Figure]:
    pin(LOAD)
    with scene() as both:
        for way, stream in (("plain", False), ("stream", True)):
            both.play(delay_s=ANSWER_S)
            _pair(both, 50, stream=stream)  # warms up
            for callers in CALLERS:
                pairs = [_pair(both, callers, stream=stream) for _ in range(PAIRS)]
                for name, share in (("p50", 0.5), ("p99", 0.99)):
                    samples = added(pairs, share)
                    yield measured("proxy", f"{way}.{callers}.added.{name}", unit="ms", samples=samples, goal=None)
            both.play()
            rates = [both.pair(stream=stream, callers=AT_ONCE, seconds=RATE_SECONDS) for _ in range(PAIRS)]
            taken = [(ours.rate, straight.rate) for ours, straight in rates]
            yield figure_of("proxy", f"{way}.rps", unit="1/s", pairs=taken, baseline="straight", goal=None)


def _pair(both: Scene, callers: int, *, stream: bool) -> tuple[Answers, Answers]:
    return both.pair(stream=stream, callers=callers, seconds=SECONDS, spread=ANSWER_S)


if __name__ == "__main__":
    main(run)
