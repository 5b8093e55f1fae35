"""Tasks done by n8n through the daemon: answers from its cache, and what it adds to a call that goes out.

Cached answers are held against the smallest server that answers with the same bytes. For calls a simulated n8n that
takes 40 ms, as a small workflow does, is asked through the daemon and straight, by 1, 10 and 50 callers who each ask
again as soon as they are answered, and began spread over one answer's time. n8n shares its core with the load.
"""

from collections.abc import Iterator

from bench.asks import Answers, Party, added, keys_of, party
from bench.models import play
from bench.processes import LOAD, Daemon, daemon, server
from bench.report import PAIRS, Figure, figure_of, main, measured, pin

ANSWER_S = 0.04
CALLERS = (1, 10, 50)
AT_ONCE = 64  # for answers from the cache
SECONDS = 0.4
RATE_SECONDS = 1.0
PATH = "/api/ai/webhook/"
TASK = {"chatInput": "多久可以退货？", "sessionId": "s1"}
SETTINGS = """
[n8n]
in_flight = 100
[targets]
allow = ["127.0.0.1:*"]
"""


def run() -> Iterator[Figure]:
    pin(LOAD)
    with (
        server("daemon", "sim", "n8n", "--port", "0", core=LOAD) as n8n,
        server("bench.bare", "plain") as bare,
        daemon(settings=SETTINGS) as bridge,
    ):
        keys = keys_of(bridge)
        cached, called = _task(bridge, n8n, keys, "cached"), _task(bridge, n8n, keys, "called")
        pairs = [(_rate(cached), _rate(party(bare, keys, _body("cached")))) for _ in range(PAIRS + 1)]
        yield figure_of("n8n", "cached.rps", unit="1/s", pairs=pairs[1:], baseline="bare aiohttp", goal=">=0.4")
        play(n8n, {"delay_s": ANSWER_S})
        straight = party(f"{n8n}/webhook/rag-ai", keys, _body("called"))
        for callers in CALLERS:
            taken = [(_called(called, callers), _called(straight, callers)) for _ in range(PAIRS + 1)]
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                samples = added(taken[1:], share)
                yield measured("n8n", f"{callers}.added.{name}", unit="ms", samples=samples, goal=None)


def _rate(who: Party) -> float:
    return who.answers(at_once=AT_ONCE, seconds=RATE_SECONDS).rate


def _called(who: Party, callers: int) -> Answers:
    return who.answers(at_once=callers, seconds=SECONDS, spread=ANSWER_S)


def _task(bridge: Daemon, n8n: str, keys: list[str], task_type: str) -> Party:
    """A webhook of that type, and the callers of its task."""
    webhook = {"task_type": task_type, "url": f"{n8n}/webhook/rag-ai", "at_once": 100}
    cache = {"ttl_seconds": 3600} if task_type == "cached" else None
    bridge.call("POST", "/api/v1/webhooks", {**webhook, "cache": cache})
    return party(bridge.url + PATH, keys, _body(task_type))


def _body(task_type: str) -> dict[str, str]:
    return {"task_type": task_type, **TASK}


if __name__ == "__main__":
    main(run)
