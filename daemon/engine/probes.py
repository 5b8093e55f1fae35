"""Who waits for the gateway to try our callback address out."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field


@define
class Probes:
    """The waiting ones by their group of accounts."""

    _waiting: dict[str, set[asyncio.Event]] = field(factory=dict, init=False)

    @contextmanager
    def expected(self, group: str) -> Iterator[asyncio.Event]:
        """Set once a control packet has come to the group's callback inside the block."""
        seen = asyncio.Event()
        waiting = self._waiting.setdefault(group, set())
        waiting.add(seen)
        try:
            yield seen
        finally:
            waiting.discard(seen)
            if not waiting:
                self._waiting.pop(group, None)

    def saw(self, group: str | None) -> None:
        for seen in self._waiting.get(group or "", ()):
            seen.set()
