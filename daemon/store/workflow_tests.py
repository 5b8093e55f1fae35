"""The tables `workflow_tests` and `workflow_test_lines`: trials of workflows, and what was said in them."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, parse, recall
from daemon.domain.pause import OpenPause
from daemon.domain.workflow import Role
from daemon.domain.workflow_test import MOST_KEPT, MOST_LINES, Trial, TrialLine, TrialRun
from daemon.store.tx import Tx


def add(tx: Tx, trial: Trial) -> None:
    tx.run(
        """
        INSERT INTO workflow_tests (id, owner, workflow_id, workflow_name, variables, chat, created_ms, active_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        trial.id,
        trial.owner,
        trial.workflow_id,
        trial.workflow_name,
        encode_text(trial.variables),
        trial.chat,
        to_ms(trial.created_at),
        to_ms(trial.active_at),
    )


def get(tx: Tx, trial_id: str) -> Trial | None:
    """Also one whose time is over."""
    row = tx.one("SELECT * FROM workflow_tests WHERE id = $1", trial_id)
    return None if row is None else _trial(tx, row)


def save(tx: Tx, trial: Trial) -> None:
    """All but its lines."""
    tx.run(
        "UPDATE workflow_tests SET variables = $2, chat = $3, pause = $4, active_ms = $5 WHERE id = $1",
        trial.id,
        encode_text(trial.variables),
        trial.chat,
        None if trial.pause is None else encode_text(trial.pause),
        to_ms(trial.active_at),
    )


def say(tx: Tx, trial_id: str, lines: Iterable[TrialLine]) -> None:
    """The latest lines that fit are kept, the last of all in any case."""
    for line in lines:
        run = None if line.run is None else encode_text(line.run)
        tx.run(
            """
            INSERT INTO workflow_test_lines (id, test_id, role, text, run, size, at_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            line.id,
            trial_id,
            line.role,
            line.text,
            run,
            len(line.text) + len(run or ""),
            to_ms(line.at),
        )
    tx.run(
        """
        DELETE FROM workflow_test_lines WHERE id IN (
            SELECT id FROM (
                SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS place, SUM(size) OVER (ORDER BY id DESC) AS total
                  FROM workflow_test_lines WHERE test_id = $1) AS told
             WHERE place > 1 AND (place > $2 OR total > $3))
        """,
        trial_id,
        MOST_LINES,
        MOST_KEPT,
    )


def unsay(tx: Tx, trial_id: str) -> None:
    """All that was said in it."""
    tx.run("DELETE FROM workflow_test_lines WHERE test_id = $1", trial_id)


def remove(tx: Tx, trial_id: str) -> None:
    tx.run("DELETE FROM workflow_tests WHERE id = $1", trial_id)


def latest(tx: Tx, *, owner: str | None, after: datetime, limit: int, room: int) -> list[Trial]:
    """Those that had a word since `after`, the latest first, as many as have `room` characters together; the first in
    any case. `owner` None: everybody's."""
    rows = tx.all(
        """
        SELECT * FROM workflow_tests WHERE active_ms > $1 AND ($2 IS NULL OR owner = $2)
         ORDER BY active_ms DESC, id DESC LIMIT $3
        """,
        to_ms(after),
        owner,
        limit,
    )
    found: list[Trial] = []
    for row in rows:
        room -= int(tx.value("SELECT COALESCE(SUM(size), 0) FROM workflow_test_lines WHERE test_id = $1", row["id"]))
        if room < 0 and found:
            break
        found.append(_trial(tx, row))
    return found


def longest_silent(tx: Tx, owner: str, *, after: datetime) -> tuple[int, str | None]:
    """How many of the owner's had a word since `after`, and which of them is silent for longest."""
    rows = tx.all(
        "SELECT id FROM workflow_tests WHERE owner = $1 AND active_ms > $2 ORDER BY active_ms, id",
        owner,
        to_ms(after),
    )
    return len(rows), rows[0]["id"] if rows else None


def expire(tx: Tx, *, until: datetime) -> int:
    """Remove those that had no word since `until`; how many there were."""
    return tx.run("DELETE FROM workflow_tests WHERE active_ms <= $1", to_ms(until))


def least_active(tx: Tx) -> datetime | None:
    """When the one that is silent for longest had its last word."""
    at_ms = tx.value("SELECT MIN(active_ms) FROM workflow_tests")
    return None if at_ms is None else from_ms(at_ms)


def _trial(tx: Tx, row: sqlite3.Row) -> Trial:
    lines = tx.all("SELECT * FROM workflow_test_lines WHERE test_id = $1 ORDER BY id", row["id"])
    return Trial(
        id=row["id"],
        owner=row["owner"],
        workflow_id=row["workflow_id"],
        workflow_name=row["workflow_name"],
        variables=parse(row["variables"]),
        chat=row["chat"],
        pause=None if row["pause"] is None else recall(row["pause"], OpenPause),
        lines=tuple(map(_line, lines)),
        created_at=from_ms(row["created_ms"]),
        active_at=from_ms(row["active_ms"]),
    )


def _line(row: sqlite3.Row) -> TrialLine:
    return TrialLine(
        id=row["id"],
        role=Role(row["role"]),
        text=row["text"],
        at=from_ms(row["at_ms"]),
        run=None if row["run"] is None else recall(row["run"], TrialRun),
    )
