"""Bring the file up to this program's schema, or refuse to touch it."""

import sqlite3
from collections.abc import Sequence
from importlib import resources

from daemon.errors import MustNotOpen

Step = tuple[int, str]  # the version it leads to, and its SQL


class SchemaTooNew(MustNotOpen):
    """A newer program has written this file."""


def steps() -> list[Step]:
    """migrations/0001_what_it_does.sql and those after it, in order."""
    files = (resources.files("daemon.store") / "migrations").iterdir()
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in files if file.name.endswith(".sql"))


def latest() -> int:
    """The schema that this program writes."""
    return steps()[-1][0]


def missing(db: sqlite3.Connection, known: Sequence[Step]) -> tuple[int, list[Step]]:
    """The file's version, 0 for an empty one, and the steps it lacks."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    newest = known[-1][0]
    if found > newest:
        raise SchemaTooNew("store.schema_too_new", found=found, known=newest)
    return found, [(number, sql) for number, sql in known if number > found]


def migrate(db: sqlite3.Connection, known: Sequence[Step] | None = None) -> tuple[int, int]:
    """The schema's version before and after. Each step is one transaction."""
    known = steps() if known is None else known
    before, lacking = missing(db, known)
    for number, sql in lacking:
        db.executescript(f"BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {number}; COMMIT;")
    return before, known[-1][0]
