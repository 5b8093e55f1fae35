"""Bring the file up to this program's schema, or refuse to touch it."""

import sqlite3
from importlib import resources

from daemon.errors import MustNotOpen


class SchemaTooNew(MustNotOpen):
    """A newer program has written this file."""


def steps() -> list[tuple[int, str]]:
    """`(version, SQL)` of migrations/0001_what_it_does.sql and those after it, in order."""
    files = (resources.files("daemon.store") / "migrations").iterdir()
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in files if file.name.endswith(".sql"))


def latest() -> int:
    """The schema that this program writes."""
    return steps()[-1][0]


def version(db: sqlite3.Connection) -> int:
    """The file's schema; 0 for an empty one."""
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if found > latest():
        raise SchemaTooNew("store.schema_too_new", found=found, known=latest())
    return found


def migrate(db: sqlite3.Connection) -> tuple[int, int]:
    """The schema's version before and after. Each step is one transaction."""
    before = version(db)
    for number, sql in steps():
        if number > before:
            db.executescript(f"BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {number}; COMMIT;")
    return before, latest()
