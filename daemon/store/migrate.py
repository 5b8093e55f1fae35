"""Bring the file up to this program's schema, or refuse to touch it."""

import sqlite3
from importlib import resources

from daemon.errors import QiaodError


class SchemaTooNew(QiaodError):
    """A newer program has written this file."""


def steps() -> list[tuple[int, str]]:
    """`(version, SQL)` of migrations/0001_what_it_does.sql and those after it, in order."""
    files = (resources.files("daemon.store") / "migrations").iterdir()
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in files if file.name.endswith(".sql"))


def migrate(db: sqlite3.Connection) -> tuple[int, int]:
    """The schema's version before and after. Each step is one transaction."""
    (before,) = db.execute("PRAGMA user_version").fetchone()
    latest = steps()[-1][0]
    if before > latest:
        raise SchemaTooNew("store.schema_too_new", found=before, known=latest)
    for version, sql in steps():
        if version > before:
            db.executescript(f"BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {version}; COMMIT;")
    return before, latest
