"""SQLite connections as this store wants them: each pragma stands here, with its reason."""

import sqlite3
from pathlib import Path

BUSY = 0.5  # seconds: nobody else may write, so waiting long would only hide that somebody does
STATEMENTS = 512  # prepared and kept: more than the store has texts of
AUTOCHECKPOINT = 4000  # pages, 16 MB: a bound for the busy hour; the rest is done when nobody waits
TIGHT = 50  # pages, where there is no room for more
WAL_LIMIT = 32 * 1024 * 1024  # bytes the WAL file is cut back to: where shedding begins
CACHE = 16 * 1024  # KiB for the writer; readers have SQLite's own 2 MB


def for_writing(path: Path) -> sqlite3.Connection:
    """The one connection that writes and checkpoints.

    No memory map: a file cut short under it would end the process with SIGBUS, where a read returns an error.
    """
    db = _opened(str(path))
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect only while the file is empty
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # NORMAL lost acknowledged rows in 13 of 100 power cuts, FULL none
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute(f"PRAGMA cache_size = -{CACHE}")
    db.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT}")
    db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    return db


def for_reading(path: Path) -> sqlite3.Connection:
    """Cannot write, and never checkpoints: two that do may corrupt the file (SQLite before 3.51.3)."""
    db = for_copying(path)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def for_copying(path: Path) -> sqlite3.Connection:
    """As `for_reading`; VACUUM INTO writes elsewhere, which `query_only` would take for writing."""
    return _opened(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def for_examining(path: Path) -> sqlite3.Connection:
    """A file that nobody has open, such as a backup: no locks, no files made beside it."""
    return _opened(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _opened(database: str, *, uri: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(database, timeout=BUSY, isolation_level=None, cached_statements=STATEMENTS, uri=uri)
    db.row_factory = sqlite3.Row
    return db


def save_room(db: sqlite3.Connection, *, on: bool) -> None:
    """On a full disk: the WAL into the database and its room to others, and then checkpoints all the time."""
    db.execute(f"PRAGMA wal_autocheckpoint = {TIGHT if on else AUTOCHECKPOINT}")
    if on:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def problems(db: sqlite3.Connection, *, thorough: bool = False) -> tuple[str, ...]:
    """What SQLite finds wrong with the file; the thorough way also compares every index with its table."""
    check = "integrity_check" if thorough else "quick_check"
    found = tuple(str(row[0]) for row in db.execute(f"PRAGMA {check}(10)"))
    return () if found == ("ok",) else found
