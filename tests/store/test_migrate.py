"""Migrations: every older file becomes what a fresh one is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.store import connect, migrate, opening
from daemon.store.database import open_database
from tests.clock import FakeClock

LATEST = migrate.latest()


def at_version(path: Path, version: int) -> None:
    """A file as the program of that schema left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for number, sql in migrate.steps():
            if number <= version:
                db.executescript(f"BEGIN; {sql}; PRAGMA user_version = {number}; COMMIT;")


def schema(path: Path) -> set[tuple[str, str, str]]:
    """Everything in it by kind, name and definition, comments and white space aside."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").fetchall()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in found}


@pytest.mark.parametrize("version", range(LATEST + 1))
async def test_a_file_of_each_older_schema_becomes_what_a_fresh_one_is(tmp_path: Path, version: int) -> None:
    old, fresh = tmp_path / "old" / "qiaod.db", tmp_path / "fresh" / "qiaod.db"
    old.parent.mkdir()
    at_version(old, version)
    for path in (old, fresh):
        async with open_database(path, FakeClock()) as db:
            assert await db.read(lambda tx: tx.value("PRAGMA user_version")) == LATEST
    assert schema(old) == schema(fresh)


def test_a_file_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    path, backups = tmp_path / "qiaod.db", tmp_path / "backups"
    at_version(path, LATEST)
    before = schema(path)
    one_more = [*migrate.steps(), (LATEST + 1, "CREATE TABLE novelties (id TEXT PRIMARY KEY) STRICT")]
    with closing(connect.for_writing(path)) as db:
        opening.upgrade(db, backups, one_more)
        opening.upgrade(db, backups, one_more)
        assert db.execute("PRAGMA user_version").fetchone()[0] == LATEST + 1
    assert ("table", "novelties") in {(kind, name) for kind, name, _ in schema(path)}
    assert [kept.name for kept in backups.iterdir()] == [f"before-schema-{LATEST + 1}.db"]
    assert schema(next(backups.iterdir())) == before


def test_a_step_that_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.db"
    at_version(path, LATEST)
    before = schema(path)
    broken = [*migrate.steps(), (LATEST + 1, "CREATE TABLE novelties (id TEXT); INSERT INTO nowhere VALUES (1)")]
    with closing(connect.for_writing(path)) as db, pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate.migrate(db, broken)
    assert schema(path) == before


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrate.steps()] == list(range(1, LATEST + 1))


def test_no_step_ends_the_transaction_it_is_run_in() -> None:
    for _, sql in migrate.steps():
        words = {line.split()[0].upper().rstrip(";") for line in sql.splitlines() if line.strip()}
        assert not words & {"BEGIN", "COMMIT", "END", "ROLLBACK", "VACUUM", "PRAGMA"}
