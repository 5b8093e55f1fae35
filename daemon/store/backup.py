"""Backups: a whole copy taken while the daemon writes, proved before it is given its name, and the way back."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import structlog
from attrs import frozen

from daemon.clock import Clock, to_ms
from daemon.errors import Invalid, NotFound
from daemon.store import connect
from daemon.store.lock import locked
from daemon.store.migrate import latest

log = structlog.get_logger()

FILE = "qiaod.db"  # in the state directory
COUNTED = ("accounts", "workflows", "keys", "messages")
_STAMP = "%Y%m%dT%H%M%S"
_BLOCK = 1 << 20


@frozen(kw_only=True)
class Report:
    """What is known of one backup; it is whole when there are no problems."""

    path: Path
    bytes: int
    sha256: str
    schema: int
    rows: Mapping[str, int]
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.problems


def make(db_path: Path, target_dir: Path, clock: Clock) -> Report:
    """A verified copy of the database in `target_dir`; the daemon may be writing to it meanwhile."""
    target_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    final = target_dir / f"qiaod-{clock.now().strftime(_STAMP)}.db"
    partial = final.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(connect.for_copying(db_path)) as db:
            before = _counted(db)
            copy(db, partial)
            after = _counted(db)
        report = _examined(partial, final, before, after)
        _write_digest(final, report.sha256)
        partial.rename(final)
        sync(target_dir)
    finally:
        partial.unlink(missing_ok=True)
    log.info("backup.made", path=str(final), bytes=report.bytes, rows=dict(report.rows))
    return report


def verify(path: Path) -> Report:
    """Read all of it: the digest beside it, every page and index, the schema."""
    if not path.is_file():
        raise NotFound("store.backup_missing", path=path)
    digest = _digest(path)
    problems = [] if _said(path) == digest else ["its SHA-256 is not the one beside it"]
    schema, rows = 0, dict[str, int]()
    try:
        with closing(connect.for_examining(path)) as db:
            problems += connect.problems(db, thorough=True)
            (schema,) = db.execute("PRAGMA user_version").fetchone()
            rows = _counted(db)
    except sqlite3.Error as error:
        problems.append(str(error))
    if schema > latest():
        problems.append(f"its schema {schema} is newer than this program's {latest()}")
    return Report(
        path=path, bytes=path.stat().st_size, sha256=digest, schema=schema, rows=rows, problems=tuple(problems)
    )


def restore(path: Path, state_dir: Path, clock: Clock) -> Report:
    """Put `path` in the place of the database, which is moved aside. Refused while a daemon holds the directory."""
    with locked(state_dir):
        return put_back(path, state_dir / FILE, clock, aside="replaced")


def put_back(path: Path, db_path: Path, clock: Clock, *, aside: str) -> Report:
    """As `restore`, by whoever holds the directory."""
    report = verify(path)
    if not report.whole:
        raise Invalid("store.backup_bad", path=path, reason="; ".join(report.problems))
    fresh = db_path.with_suffix(".restoring")
    shutil.copyfile(path, fresh)
    fresh.chmod(0o600)
    _quieten(fresh, clock)
    _sync_file(fresh)
    set_aside(db_path, clock, aside)
    fresh.rename(db_path)
    sync(db_path.parent)
    log.warning("store.restored", backup=str(path), rows=dict(report.rows))
    return report


def newest_whole(backups: Path) -> Path | None:
    """The newest backup that verifies."""
    ours = backups.glob("qiaod-*.db") if backups.is_dir() else ()
    found = sorted((path for path in ours if _taken(path) is not None), reverse=True)
    for path in found:
        report = verify(path)
        if report.whole:
            return path
        log.error("backup.not_whole", path=str(path), problems=report.problems)
    return None


def set_aside(db_path: Path, clock: Clock, name: str) -> Path:
    """Move the database and what belongs to it into a directory beside it; nothing is ever deleted."""
    stamp = f"{name}-{clock.now().strftime(_STAMP)}"
    tried = (db_path.parent / (stamp + ("" if n == 0 else f"-{n}")) for n in range(1000))
    directory = next(path for path in tried if not path.exists())
    directory.mkdir(mode=0o700)
    for suffix in ("-wal", "-shm", ""):
        part = db_path.with_name(db_path.name + suffix)
        if part.exists():
            part.rename(directory / part.name)
    sync(directory)
    sync(db_path.parent)
    return directory


def thin_out(target_dir: Path, *, hourly: int, daily: int, weekly: int) -> list[Path]:
    """Delete the backups that `kept` does not keep."""
    taken = {path: moment for path in target_dir.glob("qiaod-*.db") if (moment := _taken(path)) is not None}
    keep = kept(taken.values(), hourly=hourly, daily=daily, weekly=weekly)
    dropped = sorted(path for path, moment in taken.items() if moment not in keep)
    for path in dropped:
        path.unlink()
        _digest_path(path).unlink(missing_ok=True)
    return dropped


def kept(taken: Iterable[datetime], *, hourly: int, daily: int, weekly: int) -> set[datetime]:
    """The newest of each of the last `hourly` hours, `daily` days and `weekly` weeks that have any, and the newest."""
    newest_first = sorted(taken, reverse=True)
    keep = set(newest_first[:1])
    for most, form in ((hourly, "%Y%m%d%H"), (daily, "%Y%m%d"), (weekly, "%G%V")):
        spans = dict[str, datetime]()
        for moment in newest_first:
            spans.setdefault(moment.strftime(form), moment)
        keep.update(list(spans.values())[:most])
    return keep


def _taken(path: Path) -> datetime | None:
    """When, by its name; None for a file that somebody else put there, which is not ours to delete."""
    try:
        return datetime.strptime(path.stem, f"qiaod-{_STAMP}").replace(tzinfo=UTC)
    except ValueError:
        return None


def copy(db: sqlite3.Connection, target: Path) -> None:
    """A consistent copy in one go: copying by steps would begin anew at each commit and never end."""
    target.touch(mode=0o600)  # VACUUM INTO takes an empty file as it is, mode and all
    db.execute("VACUUM INTO ?", (str(target),))
    _sync_file(target)


def sync(directory: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quieten(path: Path, clock: Clock) -> None:
    """What waited when the backup was taken may have been done since: nothing may go out a second time."""
    now_ms = to_ms(clock.now())
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "UPDATE sends SET state = 'unknown', error = 'store.restored', ended_ms = ?"
            " WHERE state IN ('queued', 'waiting', 'sending')",
            (now_ms,),
        )
        db.execute("UPDATE messages SET standing = 'kept', reason = 'store.restored' WHERE standing = 'pending'")
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'campaigns'").fetchone():  # an older one has none
            db.execute(
                "UPDATE campaigns SET state = 'paused', reason = 'store.restored'"
                " WHERE state IN ('scheduled', 'running')"
            )
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('restored_ms', ?)", (str(now_ms),))
        db.execute("COMMIT")


def _examined(partial: Path, final: Path, before: Mapping[str, int], after: Mapping[str, int]) -> Report:
    with closing(connect.for_examining(partial)) as db:
        problems = connect.problems(db, thorough=True)
        rows = _counted(db)
        (schema,) = db.execute("PRAGMA user_version").fetchone()
    for table, count in rows.items():  # rows may come or go meanwhile, seldom both
        if not min(before[table], after[table]) <= count <= max(before[table], after[table]):
            problems += (f"{table}: {count} rows, not {before[table]} to {after[table]}",)
    if problems:
        raise Invalid("store.backup_bad", path=partial, reason="; ".join(problems))
    return Report(path=final, bytes=partial.stat().st_size, sha256=_digest(partial), schema=schema, rows=rows)


def _counted(db: sqlite3.Connection) -> dict[str, int]:
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}  # noqa: S608


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _write_digest(path: Path, digest: str) -> None:
    """As `sha256sum -c` reads it."""
    beside = _digest_path(path)
    beside.write_text(f"{digest}  {path.name}\n", "ascii")
    _sync_file(beside)


def _said(path: Path) -> str | None:
    try:
        return _digest_path(path).read_text("ascii").partition(" ")[0]
    except (OSError, UnicodeDecodeError):
        return None


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
