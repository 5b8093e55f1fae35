"""Whether traffic may come: from the moment the store is open until the daemon begins to stop."""

import asyncio

from attrs import define, field


@define
class Readiness:
    """Not ready for as long as there is a reason."""

    stopping: asyncio.Event = field(factory=asyncio.Event)  # for answers that would last: streams end with it
    _reasons: dict[str, None] = field(factory=lambda: {"starting": None})

    def blocked_by(self, reason: str) -> None:
        self._reasons[reason] = None

    def free_of(self, reason: str) -> None:
        self._reasons.pop(reason, None)

    def begin_stop(self) -> None:
        self.blocked_by("stopping")
        self.stopping.set()

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self._reasons)

    @property
    def ready(self) -> bool:
        return not self._reasons
