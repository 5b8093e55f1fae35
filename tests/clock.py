"""A clock in the test's hands."""

from datetime import UTC, datetime, timedelta

from attrs import define


@define
class FakeClock:
    """Stands still until told to move; wall and monotonic time move apart on request."""

    wall: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    elapsed: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Time passes, for both clocks."""
        self.wall += timedelta(seconds=seconds)
        self.elapsed += seconds

    def jump_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += timedelta(seconds=seconds)
