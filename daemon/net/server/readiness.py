"""Whether traffic may come: from the moment the store is open until the daemon begins to stop."""

from attrs import define, field


@define
class Readiness:
    """Not ready for as long as there is a reason."""

    _reasons: dict[str, None] = field(factory=lambda: {"starting": None})

    def blocked_by(self, reason: str) -> None:
        self._reasons[reason] = None

    def free_of(self, reason: str) -> None:
        self._reasons.pop(reason, None)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self._reasons)

    @property
    def ready(self) -> bool:
        return not self._reasons
