"""What a simulator received and what it did about it, in order: the witness that tests and history checkers ask."""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from attrs import define, field

from daemon.clock import Clock, rfc3339
from daemon.codec import encode, parse
from daemon.errors import Invalid
from daemon.sim.bell import Bell

CAP = 200_000  # entries; at ~1 kB each this stays below 256 MB, the other bound
MAX_BYTES = 256 * 1024 * 1024  # of bodies kept


class Outcome(StrEnum):
    PENDING = "pending"
    ANSWERED = "answered"
    DROPPED = "dropped"  # read whole, then cut without an answer
    ABORTED = "aborted"  # cut before it was read, in mid-answer, or the client went away


@define(eq=False, kw_only=True)
class Entry:
    """One request. `ids` are those the simulator gave or was told: newMsgId, chatId, …"""

    seq: int
    at: str
    monotonic: float
    path: str
    raw: bytes
    outcome: Outcome = Outcome.PENDING
    status: int | None = None
    ended: float | None = None
    ids: dict[str, Any] = field(factory=dict)

    @property
    def body(self) -> Any:
        """The JSON document received; the text where it was none."""
        try:
            return parse(self.raw) if self.raw else None
        except Invalid:
            return self.raw.decode(errors="replace")

    def as_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "monotonic": self.monotonic,
            "path": self.path,
            "body": self.body,
            "outcome": self.outcome,
            "status": self.status,
            "ended": self.ended,
            "ids": self.ids,
        }


@define(eq=False)
class Ledger:
    """Bounded by number and by bytes; `file` gets one line when a request has come and one when it has ended."""

    clock: Clock
    cap: int = CAP
    file: Path | None = None
    max_bytes: int = MAX_BYTES
    _entries: deque[Entry] = field(factory=deque, init=False)
    _bytes: int = field(default=0, init=False)
    _seq: int = field(default=0, init=False)
    _bell: Bell = field(factory=Bell, init=False)
    _out: BinaryIO | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        if self.file is not None:
            self._out = self.file.open("ab", buffering=0)  # unbuffered: each line outlives a kill of this process
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def received(self, path: str, raw: bytes) -> Entry:
        self._seq += 1
        now = self.clock
        entry = Entry(seq=self._seq, at=rfc3339(now.now()), monotonic=now.monotonic(), path=path, raw=raw)
        self._entries.append(entry)
        self._bytes += len(raw)
        while len(self._entries) > self.cap or self._bytes > self.max_bytes:
            self._bytes -= len(self._entries.popleft().raw)
        self._write({"event": "received", **entry.as_json()} if self._out else None)
        self._bell.ring()
        return entry

    def ended(self, entry: Entry, outcome: Outcome, status: int | None = None) -> None:
        """The first word counts: what was cut stays cut."""
        if entry.outcome is not Outcome.PENDING:
            return
        entry.outcome, entry.status, entry.ended = outcome, status, self.clock.monotonic()
        line = {"event": "ended", "seq": entry.seq, "outcome": outcome, "status": status, "ids": entry.ids}
        self._write({**line, "monotonic": entry.ended} if self._out else None)
        self._bell.ring()

    def after(self, seq: int, limit: int) -> list[Entry]:
        """At most `limit` entries that came after number `seq`, oldest first."""
        first = self._entries[0].seq if self._entries else 1
        start = max(0, seq + 1 - first)  # numbers have no gaps
        return list(islice(self._entries, start, start + limit))

    def of(self, path: str) -> list[Entry]:
        """Those whose path matches, such as `*/message/postText`."""
        return [entry for entry in self._entries if fnmatchcase(entry.path, path)]

    async def wait_for(self, path: str, number: int = 1, *, timeout: float = 5.0, ended: bool = False) -> list[Entry]:
        """Those of `path` once there are `number` of them (`ended`: and their outcome is known)."""

        def found() -> list[Entry]:
            return [e for e in self.of(path) if not ended or e.outcome is not Outcome.PENDING]

        await self._bell.until(lambda: len(found()) >= number, timeout=timeout)
        return found()

    def _write(self, line: dict[str, Any] | None) -> None:
        if line is not None and self._out is not None:
            self._out.write(encode(line) + b"\n")
