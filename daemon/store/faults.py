"""What goes wrong underneath SQLite, and what is done about it: pure decisions, carried out by `keeper`."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from daemon.errors import StoreUnavailable


class Fault(StrEnum):
    FULL = "full"  # no room on the disk
    BUSY = "busy"  # another process has the write lock: somebody broke the rule of the one writer
    SYNC = "sync"  # a write or fdatasync failed: the page cache can no longer be trusted
    READ = "read"  # a read failed, or what was read makes no sense: the disk, or a passing fault
    LOCKED_OUT = "locked_out"  # read-only, or cannot be opened
    REPLACED = "replaced"  # the file under our name is no longer the one we have open


class Step(StrEnum):
    PROBE = "probe"  # try a small write each second
    REOPEN = "reopen"  # a fresh connection, then probe
    EXAMINE = "examine"  # a fresh connection and quick_check, then as REOPEN
    GIVE_UP = "give_up"  # ask for a restart


_BY_RESULT = {
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_IOERR: Fault.SYNC,
    sqlite3.SQLITE_CORRUPT: Fault.READ,
    sqlite3.SQLITE_NOTADB: Fault.READ,
    sqlite3.SQLITE_READONLY: Fault.LOCKED_OUT,
    sqlite3.SQLITE_CANTOPEN: Fault.LOCKED_OUT,
    sqlite3.SQLITE_PERM: Fault.LOCKED_OUT,
    sqlite3.SQLITE_AUTH: Fault.LOCKED_OUT,
}
_FAILED_READS = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
PRIMARY = 0xFF  # the low byte of an extended result code is the result code

WINDOW = 60.0  # seconds in which faults of one kind are counted together
SYNC_FAULTS = 2  # after the second failed fdatasync in a window nothing the page cache says is believed
READ_FAULTS = 10  # a file that is found whole, and cannot be read ten times in a minute, is not whole
REOPENINGS = 3  # a file that three fresh connections cannot write is not going to be written by a fourth
SOON = timedelta(seconds=1)
LATER = timedelta(seconds=5)


def fault_of(error: BaseException) -> Fault | None:
    """None where the mistake is in what was asked, not in the machine."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # how a full disk shows where the index over the WAL has to grow
        return Fault.FULL
    if code in _FAILED_READS:
        return Fault.READ
    return _BY_RESULT.get(code & PRIMARY)


def refusal(fault: Fault | None) -> StoreUnavailable:
    """What a caller is told."""
    if fault is None:
        return StoreUnavailable("store.unavailable", retry_after=SOON)
    return StoreUnavailable(f"store.{fault}", retry_after=SOON if fault is Fault.BUSY else LATER)


def next_step(fault: Fault, times: Sequence[float], now: float) -> Step:
    """`times`: when faults of this kind were met, this one included."""
    recent = sum(1 for time in times if now - time <= WINDOW)
    match fault:
        case Fault.FULL | Fault.BUSY:
            return Step.PROBE
        case Fault.SYNC:
            return Step.REOPEN if recent < SYNC_FAULTS else Step.GIVE_UP
        case Fault.READ:
            return Step.EXAMINE if recent < READ_FAULTS else Step.GIVE_UP
        case Fault.LOCKED_OUT:
            return Step.REOPEN if recent <= REOPENINGS else Step.GIVE_UP
        case Fault.REPLACED:
            return Step.GIVE_UP
