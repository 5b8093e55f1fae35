"""Before the daemon may use its file: whose it is, whether it is whole, which schema it has, and its new epoch."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import structlog
from attrs import frozen

from daemon.clock import Clock
from daemon.errors import CannotOpen, MustNotOpen
from daemon.ids import Ids
from daemon.store import backup, connect, meta
from daemon.store.faults import PRIMARY, Fault, fault_of
from daemon.store.identity import Identity, cannot_open, own
from daemon.store.migrate import Step, migrate, missing, steps
from daemon.store.tx import Tx

log = structlog.get_logger()

MARK = "corrupt"  # a file of this name says that the last process found the database damaged
OLDEST = (3, 37, 0)  # STRICT tables
_BLOCK = 1 << 20


@frozen
class Opened:
    epoch: int
    greatest_id: str | None
    identity: Identity
    clean: bool  # the process before closed it


class Damaged(CannotOpen):
    """The file is there, and is not what SQLite wrote."""


def prepare(path: Path, backups: Path, clock: Clock) -> Opened:
    """Everything between the lock and the first use; the caller holds the lock on the directory."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise MustNotOpen("store.sqlite_too_old", found=sqlite3.sqlite_version, least=".".join(map(str, OLDEST)))
    log.info("store.opening", path=str(path), sqlite=sqlite3.sqlite_version)
    own(path)
    try:
        return _begin(path, backups, clock)
    except Damaged as error:
        log.error("store.suspect", path=str(path), error=str(error))
    _readable(path)
    if found := damage(path, connect.for_writing):
        log.critical("store.damaged", path=str(path), problems=found)
        _recover(path, backups, clock)
    return _begin(path, backups, clock)


def damage(path: Path, connecting: Callable[[Path], sqlite3.Connection]) -> tuple[str, ...]:
    """What two fresh connections, one after the other, find wrong with the file; nothing where they disagree.

    A failed read once looked like a malformed file that was whole: one look is not enough to replace it by a backup.
    A disk that cannot be read at all is an error and no finding.
    """
    return _look(path, connecting) and _look(path, connecting)


def _readable(path: Path) -> None:
    """Every byte of it, without SQLite, which takes some failed reads for a malformed file."""
    for part in (path, path.with_name(path.name + "-wal")):
        try:
            with part.open("rb", buffering=0) as file:
                at = 0
                while block := os.pread(file.fileno(), _BLOCK, at):
                    at += len(block)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_open(part, error) from error


def _look(path: Path, connecting: Callable[[Path], sqlite3.Connection]) -> tuple[str, ...]:
    try:
        with closing(connecting(path)) as db:
            return connect.problems(db, thorough=True)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & PRIMARY in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return (str(error),)
        raise CannotOpen("store.cannot_open", path=path, reason=str(error)) from error


def mark(path: Path) -> None:
    """Have the next start set the file aside and restore a backup."""
    (path.parent / MARK).touch(mode=0o600)
    backup.sync(path.parent)


def marked(path: Path) -> bool:
    return (path.parent / MARK).exists()


def _recover(path: Path, backups: Path, clock: Clock) -> None:
    """The damaged files are kept beside the restored ones; without a backup that verifies, nothing is touched."""
    newest = backup.newest_whole(backups)
    if newest is None:
        raise MustNotOpen("store.no_backup", path=path, backups=backups)
    backup.put_back(newest, path, clock, aside="corrupt")
    (path.parent / MARK).unlink(missing_ok=True)
    backup.sync(path.parent)


def _begin(path: Path, backups: Path, clock: Clock) -> Opened:
    try:
        with closing(connect.for_writing(path)) as db:
            tx = Tx(db, Ids(clock), clock.now())
            known = steps()
            _check(tx, path, known)
            upgrade(db, backups, known)
            db.execute("BEGIN IMMEDIATE")
            clean = meta.closed_cleanly(tx)
            opened = Opened(meta.next_epoch(tx), meta.greatest_id(tx), Identity.of(path), clean)
            db.execute("COMMIT")
            return opened
    except sqlite3.Error as error:
        kind = Damaged if fault_of(error) is Fault.READ else CannotOpen
        raise kind("store.cannot_open", path=path, reason=str(error)) from error


def _check(tx: Tx, path: Path, known: Sequence[Step]) -> None:
    """A file that was not closed is looked at first: 0.15 s for 200 MB. One that was found damaged, thoroughly."""
    suspect, (version, _) = marked(path), missing(tx.connection, known)
    if version == 0 or (meta.closed_cleanly(tx) and not suspect):
        return
    if found := connect.problems(tx.connection, thorough=suspect):
        raise Damaged("store.cannot_open", path=path, reason="; ".join(found))
    (path.parent / MARK).unlink(missing_ok=True)


def upgrade(db: sqlite3.Connection, backups: Path, known: Sequence[Step]) -> None:
    """Migrate, after a copy of what was there."""
    before, lacking = missing(db, known)
    if before and lacking:
        backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = backups / f"before-schema-{known[-1][0]}.db"
        kept.unlink(missing_ok=True)
        backup.copy(db, kept)
        backup.sync(backups)
        log.info("store.copied", path=str(kept), schema=before)
    if lacking:
        _, after = migrate(db, known)
        log.info("store.migrated", before=before, after=after)
