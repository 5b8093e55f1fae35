"""A store looked at without a trace: nothing is written to the file, nor made beside it."""

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from daemon.errors import Conflict
from daemon.store import connect
from daemon.store.lock import NAME


@contextmanager
def examined(path: Path) -> Iterator[sqlite3.Connection]:
    """A backup, or the store of a stopped daemon; Conflict where a daemon has it open.

    What a crash left in the WAL counts: it is read from a copy of both, for SQLite cannot read a WAL without making
    the index over it.
    """
    if held(path.parent):
        raise Conflict("store.in_use", path=path)
    wal = path.with_name(f"{path.name}-wal")
    if not wal.exists() or wal.stat().st_size == 0:
        with closing(connect.for_examining(path)) as db:
            yield db
        return
    with tempfile.TemporaryDirectory(prefix="qiaod-") as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        shutil.copyfile(wal, copy.with_name(wal.name))
        with closing(connect.for_reading(copy)) as db:
            yield db


def held(directory: Path) -> bool:
    """Whether a daemon has the directory now."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
