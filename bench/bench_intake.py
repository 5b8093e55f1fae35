"""GeWe's callbacks at a whole daemon: how many a second, 64 at once, and how soon one is answered at half that rate.

Each is a text of about 1 KB with an id of its own. People write four half sentences in a row, 10,000 people to 256
accounts (what one account may have answered is limited). When a callback is answered it is decoded, deduped, and
committed with the job of its turn: the first half sentence adds the job, those that follow within the account's window
of a minute put it off. No turn runs meanwhile, and nobody is asked. What was stored is counted at the end.

The daemon is held against the smallest servers that answer the same body, see `bare`: one keeps nothing, the other
commits each request by itself. All three are processes on the same core; while one is measured the others are idle.
"""

import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from bench import load
from bench.load import Callbacks
from bench.processes import LOAD, Daemon, daemon, server
from bench.report import PAIRS, Figure, figure_of, main, measured, pin

AT_ONCE = 64
ACCOUNTS = 256
PEOPLE = 40  # of each account
PARTS = 4
SECONDS = 2
PACED_SECONDS = 3.0
PACED_RUNS = 3
PATH = "/api/v1/integrations/gewe/accounts"


STORED = """
    SELECT (SELECT count(*) FROM messages WHERE standing = 'pending'),
           (SELECT count(*) FROM jobs WHERE state = 'ready'),
           (SELECT count(*) FROM conversations)
"""


def run() -> Iterator[Figure]:
    pin(LOAD)
    series = count(1)

    def rate(url: str, seconds: int) -> float:
        return load.closed(url, _some(next(series)), seconds=seconds, connections=AT_ONCE)

    with daemon() as bridge, server("bench.bare", "plain") as plain, server("bench.bare", "commit") as commit:
        url = prepare(bridge, ACCOUNTS)
        rate(url, SECONDS), rate(plain, 1), rate(commit, 1)
        taken = [(rate(url, SECONDS), rate(plain, 1), rate(commit, 1)) for _ in range(PAIRS)]
        baseline = f"bare aiohttp ({load.client()})"
        ours = [(mine, bare) for mine, bare, _ in taken]
        yield figure_of("intake", "rps", unit="1/s", pairs=ours, baseline=baseline, goal=">=0.35")
        ours = [(mine, each) for mine, _, each in taken]
        yield figure_of("intake", "rps", unit="1/s", pairs=ours, baseline="a commit each", goal=">=4")
        half = statistics.median(mine for mine, _, _ in taken) / 2
        late = [_p99(url, _some(next(series)), half) for _ in range(PACED_RUNS)]
        yield measured("intake", f"p99 at {half:.0f}/s", unit="ms", samples=late, goal="<=25")
        _check(bridge.state / "qiaod.db", least=int(sum(mine for mine, _, _ in taken) * SECONDS))


def prepare(bridge: Daemon, accounts: int, *, gateway: str = "http://127.0.0.1:9", **policy: float) -> str:
    """Accounts that one workflow answers, and the address of their callback."""
    nobody = "http://127.0.0.1:9"  # the port of discard: no check could pass
    workflow = {"name": "bench", "base_url": nobody, "key": "fastgpt-bench", "check": False}
    workflow_id = bridge.call("POST", "/api/v1/workflows", workflow)["id"]
    answering = {"merge_window_seconds": 60, "merge_most_seconds": 300} | policy
    url = ""
    for number in range(accounts):
        account = {
            "app_id": load.APP.format(number),
            "wxid": "wxid_bot000000000001",
            "name": f"bench {number}",
            "token": "bench-token",
            "base_url": gateway,
            "workflow_id": workflow_id,
            "policy": answering,
        }
        told = bridge.call("POST", PATH, account)["callback_url"]  # the first one's: they share a token
        url = url or bridge.url + told
    return url


def _some(series: int) -> Callbacks:
    return Callbacks(accounts=ACCOUNTS, people=PEOPLE, parts=PARTS, series=series)


def _p99(url: str, callbacks: Callbacks, rate: float) -> float:
    took = load.paced(url, callbacks, seconds=PACED_SECONDS, connections=AT_ONCE, rate=rate)
    return sorted(took)[int(len(took) * 0.99)] * 1000


def _check(path: Path, *, least: int) -> None:
    """Raises where what was acknowledged is not there: then the figures say nothing."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        pending, waiting, conversations = db.execute(STORED).fetchone()
    if pending < least or waiting != conversations:
        raise RuntimeError(f"{pending} pending messages of {least}, {waiting} jobs for {conversations} conversations")


if __name__ == "__main__":
    main(run)
