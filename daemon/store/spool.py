"""Where callbacks go while the database cannot commit but the disk can: lines appended to a file, durable on return.

A line is `LENGTH CRC RECORD\\n`, the first two as eight hexadecimal digits; the sum is CRC-32 as zlib has it. What a
crash tore off at the end, or a bad disk garbled in between, is skipped and counted.
"""

import asyncio
import errno
import os
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
from attrs import define, field

from daemon.errors import StoreUnavailable
from daemon.store.backup import sync
from daemon.store.faults import LATER, Fault, refusal

log = structlog.get_logger()

_HEAD = 18  # bytes before the record


@define(eq=False)
class Entry:
    """One record on its way to the disk."""

    line: bytes
    done: bool = False
    error: Exception | None = None


@define(eq=False)
class Spool:
    """One file of at most `cap` bytes, written on a thread of its own: everything that waits shares one fdatasync."""

    path: Path
    cap: int
    _line: deque[Entry] = field(factory=deque, init=False)
    _thread: ThreadPoolExecutor = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def append(self, record: bytes) -> None:
        """Return once `record` is durable; raise StoreUnavailable where it is not."""
        entry = Entry(framed(record))
        self._line.append(entry)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._flush, entry)

    async def drain(self, take: Callable[[bytes], Awaitable[None]]) -> int:
        """Hand every record to `take`, in order, until none is left; one that fails leaves all for the next time."""
        handed = 0
        while self.pending():
            for record in self.replay():
                await take(record)
                handed += 1
            self.clear()
        return handed

    def pending(self) -> bool:
        return self.path.exists() or self._aside.exists()

    def replay(self) -> Iterator[bytes]:
        """What was spooled before this call; what is appended meanwhile goes to a new file."""
        if not self._aside.exists():
            if not self.path.exists():
                return
            self.path.rename(self._aside)
            sync(self.path.parent)
        yield from records(self._aside.read_bytes())

    def clear(self) -> None:
        """Everything that `replay` gave is safe elsewhere."""
        self._aside.unlink(missing_ok=True)
        sync(self.path.parent)

    def close(self) -> None:
        self._thread.shutdown()

    @property
    def _aside(self) -> Path:
        return self.path.with_name(self.path.name + ".replaying")

    def _flush(self, entry: Entry) -> None:
        """On the thread: write whatever waits, unless an earlier turn has taken this entry along."""
        if not entry.done:
            entries = [self._line.popleft() for _ in range(len(self._line))]
            try:
                self._write(entries)
            except OSError as error:
                log.error("spool.failed", error=str(error))
                fault = Fault.FULL if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else Fault.SYNC
                _end([each for each in entries if each.error is None], refusal(fault))
            _end(entries, None)
        if entry.error is not None:
            raise entry.error

    def _write(self, entries: list[Entry]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            text = self._fitting(entries, size)
            try:
                _write_all(descriptor, text)
                os.fdatasync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)  # nobody was told that any of it is safe
                raise
        finally:
            os.close(descriptor)
        if made:
            sync(self.path.parent)

    def _fitting(self, entries: list[Entry], size: int) -> bytes:
        """The lines that the cap allows; the others are told no."""
        fitting = list[bytes]()
        for entry in entries:
            size += len(entry.line)
            if size > self.cap:
                size -= len(entry.line)
                entry.error = StoreUnavailable("store.spool_full", retry_after=LATER, cap=self.cap)
            else:
                fitting.append(entry.line)
        return b"".join(fitting)


def framed(record: bytes) -> bytes:
    return b"%08x %08x %b\n" % (len(record), zlib.crc32(record), record)


def records(text: bytes) -> Iterator[bytes]:
    """Every whole record in `text`; after a broken one, it goes on at the next line."""
    at, broken = 0, 0
    while at < len(text):
        record = _record(text, at)
        if record is None:
            broken += 1
            at = text.find(b"\n", at) + 1 or len(text)
        else:
            yield record
            at += _HEAD + len(record) + 1
    if broken:
        log.warning("spool.broken_lines", count=broken)


def _record(text: bytes, at: int) -> bytes | None:
    try:
        length, crc = int(text[at : at + 8], 16), int(text[at + 9 : at + 17], 16)
    except ValueError:
        return None
    record, end = text[at + _HEAD : at + _HEAD + length], at + _HEAD + length
    whole = len(record) == length and text[end : end + 1] == b"\n" and zlib.crc32(record) == crc
    return record if whole else None


def _write_all(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _end(entries: list[Entry], error: Exception | None) -> None:
    for entry in entries:
        entry.done = True
        entry.error = entry.error or error
