"""Reads what a torture run left behind: the load's list, the neighbours' ledgers, and the store."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from daemon.codec import parse
from daemon.store import connect
from tests.torture.history import Acked, Asked, History, Job, Message, Pace, Received, Sent, Turn

SOON = 10.0  # seconds
ACKED, GEWE, FASTGPT = "acked.jsonl", "gewe.jsonl", "fastgpt.jsonl"

_MESSAGES = """
SELECT m.id, a.app_id AS app, m.wechat_id, m.conversation_id AS conversation, m.standing, m.reason, m.turn_id AS turn
  FROM messages m JOIN accounts a ON a.id = m.account_id ORDER BY m.id
"""
_TURNS = "SELECT id, conversation_id AS conversation, state, question FROM turns ORDER BY id"
_SENDS = """
SELECT s.id, a.app_id AS app, s.peer AS 'to', s.text, s.state, s.batch, s.turn_id AS turn, s.wechat_id
  FROM sends s JOIN accounts a ON a.id = s.account_id ORDER BY s.id
"""
_JOBS = """
SELECT lane, unique_key AS serves, state, due_ms <= $1 AS due FROM jobs WHERE state IN ('ready', 'running', 'dead')
"""


def read(folder: Path, database: Path, *, shift: float = 0.0, pace: Pace | None = None) -> History:
    """The history of a run whose daemon has stopped. `shift`: seconds that its wall clock was ahead of ours."""
    with closing(connect.for_reading(database)) as db:
        return History(
            acked=[Acked(app=line["app"], wechat_id=line["wechat_id"]) for line in lines(folder / ACKED)],
            asked=list(_asked(requests(folder / FASTGPT))),
            received=list(_received(requests(folder / GEWE))),
            messages=[Message(**row) for row in _rows(db, _MESSAGES)],
            turns=[Turn(**row) for row in _rows(db, _TURNS)],
            sends=[Sent(**row) for row in _rows(db, _SENDS)],
            jobs=[Job(**{**row, "due": bool(row["due"])}) for row in _rows(db, _JOBS, _soon(shift))],
            damage=connect.problems(db, thorough=True),
            pace=pace,
        )


def work_left(database: Path, *, shift: float = 0.0) -> int:
    """How many jobs are due or running, while the daemon has the file: read only, and never a checkpoint."""
    with closing(connect.for_reading(database)) as db:
        return sum(1 for row in _rows(db, _JOBS, _soon(shift)) if row["due"] and row["state"] != "dead")


def lines(path: Path) -> list[dict[str, Any]]:
    return [parse(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def requests(ledger: Path) -> list[dict[str, Any]]:
    """Each request once, in the order of arrival, with how it ended."""
    found: dict[int, dict[str, Any]] = {}
    for line in lines(ledger):
        if line["event"] == "received":
            found[line["seq"]] = line
        else:
            ended = {"outcome": line["outcome"], "status": line["status"], "ids": line["ids"]}
            found[line["seq"]] = {**found[line["seq"]], **ended}
    return list(found.values())


def _received(entries: Iterable[dict[str, Any]]) -> Iterator[Received]:
    """What the gateway gave an id has reached WeChat, whatever became of the answer."""
    for entry in entries:
        if entry["path"].endswith("/message/postText") and "newMsgId" in entry["ids"]:
            body = entry["body"]
            yield Received(
                app=body["appId"],
                to=body["toWxid"],
                text=body["content"],
                wechat_id=str(entry["ids"]["newMsgId"]),
                at=entry["monotonic"],
                lost=entry["outcome"] == "dropped",
            )


def _asked(entries: Iterable[dict[str, Any]]) -> Iterator[Asked]:
    for entry in entries:
        if entry["path"].endswith("/chat/completions") and isinstance(entry["body"], dict):
            yield Asked(text=entry["body"]["messages"][-1]["content"])


def _soon(shift: float) -> int:
    """What is due up to then counts as due: a retry and a turn at the limiter come within seconds."""
    return int((time.time() + shift + SOON) * 1000)


def _rows(db: sqlite3.Connection, sql: str, *values: object) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(sql, values)]
