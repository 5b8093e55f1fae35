"""How soon the first word of a stream comes through the daemon, and how many chunks pass through 50 streams at once.

For the first word a model thinks for 50 ms and then says a word every 5 ms, to ten callers. For the chunks it says them
as fast as it can write them one by one, in long answers. Both in turn with the model asked straight.
"""

from collections.abc import Iterator

from bench.asks import Answers, first_word
from bench.models import ANSWER, scene
from bench.processes import LOAD
from bench.report import PAIRS, Figure, figure_of, main, measured, pin

THINKS_S = 0.05
PAUSE_S = 0.005
WORDS = 20
WHOLE_S = THINKS_S + WORDS * PAUSE_S
CALLERS = 10  # who begin spread over one answer's time
SECONDS = 1.0
STREAMS = 50
LONG = 400  # chunks of a long answer
AT_ONCE_S = 0.00001  # no pause, and yet each chunk is written by itself


def run() -> Iterator[Figure]:
    pin(LOAD)
    with scene() as both:
        both.play(delay_s=THINKS_S, chunk_delay_s=PAUSE_S, chunks=WORDS)
        pairs = [both.pair(stream=True, callers=CALLERS, seconds=SECONDS, spread=WHOLE_S) for _ in range(PAIRS + 1)]
        later = [first_word(ours) - first_word(straight) for ours, straight in pairs[1:]]
        yield measured("stream", "first word added", unit="ms", samples=later, goal="<=3")
        both.play(answer=ANSWER * 4, chunk_delay_s=AT_ONCE_S, chunks=LONG)
        both.pair(stream=True, callers=STREAMS, seconds=0)
        pairs = [both.pair(stream=True, callers=STREAMS, seconds=SECONDS) for _ in range(PAIRS)]
        rates = [(_chunks(ours), _chunks(straight)) for ours, straight in pairs]
        yield figure_of("stream", "chunks", unit="1/s", pairs=rates, baseline="straight", goal=">=0.4")


def _chunks(answers: Answers) -> float:
    return answers.words / answers.seconds


if __name__ == "__main__":
    main(run)
