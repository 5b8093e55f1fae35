"""Who is told how the calls of the services went."""

from typing import Protocol

from attrs import define


class Meter(Protocol):
    """Told how each call of a service went; `error` is the code of what went wrong."""

    def took(self, service: str, seconds: float, error: str | None) -> None: ...


@define
class Unmetered:
    def took(self, service: str, seconds: float, error: str | None) -> None:
        """Nobody counts."""
