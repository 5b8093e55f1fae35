"""Leave a failing service alone for a while, then ask it one thing to see whether it is back.

        ┌──────────── the probe, or any late answer, succeeded ────────────┐
        ▼                                                                  │
      closed ── 5 failures in a row, or half of 10 in 30 s ──▶ open ── time is over ──▶ half open
        ▲                                                      ▲                           │
        └── reset() ── held open: by hand, or credential       └──────── it failed ────────┘

Only what is the service's fault counts: timeouts, lost connections, 5xx. An answer that we do not like, a 4xx for
one, shows that the service is there: it is a success here. It never sleeps: `before` says "now" or "in so long".
"""

from collections import deque
from datetime import timedelta
from enum import StrEnum
from random import Random

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.limits.bucket import NOTHING, span

IN_A_ROW = 5
SHARE = 0.5  # of the results in the window …
LEAST = 10  # … once there are so many
WINDOW = 30  # seconds, counted in whole ones, so that it takes 30 numbers whatever the rate
FIRST_OPEN = 5.0  # seconds; doubled each time the probe fails, and drawn from the upper half, so that many do not
LONGEST_OPEN = 60.0  # … ask again in step
_DOUBLINGS = 10  # beyond it the longest is reached anyway, and a float overflows after 1,000
LOOK_AGAIN = timedelta(seconds=1)  # for those who wait on another's probe: most answer sooner than they time out
LOOK_AGAIN_HELD = timedelta(minutes=1)  # held open: it ends when somebody says so
PROBE_LIMIT = timedelta(minutes=5)  # the longest call there is; a probe not heard of by then will not be
MOST_BREAKERS = 1_000


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Why(StrEnum):
    """What opened it."""

    FAILURES = "failures"
    FAILURE_RATE = "failure_rate"
    PROBE_FAILED = "probe_failed"
    BY_HAND = "by_hand"  # no probe, until `reset`
    CREDENTIAL_REJECTED = "credential_rejected"  # no probe either: it would be rejected again


HOLDS = frozenset({Why.BY_HAND, Why.CREDENTIAL_REJECTED})


@frozen(kw_only=True)
class Standing:
    """A breaker as the status page shows it."""

    state: State
    why: Why | None  # None while closed
    open_for: timedelta | None  # until it may be asked; None where it is held, or may be asked now
    in_a_row: int
    results: int  # in the window
    failures: int


@define
class _Second:
    """The results of one second."""

    number: int
    results: int = 0
    failures: int = 0


@define
class Breaker:
    """Of one service and one credential of ours there."""

    clock: Clock
    random: Random
    probe_limit: timedelta = PROBE_LIMIT
    why: Why | None = field(default=None, init=False)
    _closed: bool = field(default=True, init=False)
    _until: float = field(default=0, init=False)  # open until then, monotonic
    _probe_until: float = field(default=0, init=False)  # somebody probes until then
    _opened: int = field(default=0, init=False)  # times in a row
    _in_a_row: int = field(default=0, init=False)
    _window: deque[_Second] = field(factory=deque, init=False)

    @property
    def state(self) -> State:
        if self._closed:
            return State.CLOSED
        over = self.why not in HOLDS and self.clock.monotonic() >= self._until
        return State.HALF_OPEN if over else State.OPEN

    def before(self) -> timedelta:
        """Nothing: go, and say how it went. Else how long until it is worth asking again.

        Half open, the first who asks is the probe.
        """
        if self._closed:
            return NOTHING
        if self.why in HOLDS:
            return LOOK_AGAIN_HELD
        now = self.clock.monotonic()
        if now < self._until:
            return span(self._until - now)
        if now < self._probe_until:
            return min(span(self._probe_until - now), LOOK_AGAIN)
        self._probe_until = now + self.probe_limit.total_seconds()
        return NOTHING

    def succeeded(self) -> bool:
        """Whether that closed it. While it is open, what was asked before is no news."""
        if self._closed:
            self._count(failed=False)
            return False
        if self.state is State.OPEN:
            return False
        self._close()
        return True

    def failed(self) -> bool:
        """Whether that opened it, or opened it again."""
        if self._closed:
            self._count(failed=True)
            why = self._too_much()
            if why is not None:
                self._open(why)
            return why is not None
        if self.state is State.OPEN:
            return False
        self._open(Why.PROBE_FAILED)
        return True

    def abandoned(self) -> None:
        """The call ended without saying anything of the service, cancelled for one: another may be the probe."""
        self._probe_until = 0

    def hold(self, why: Why) -> None:
        """Open, and no probe, until `reset`."""
        self._closed = False
        self.why = why

    def reset(self) -> None:
        """Closed as if new: by hand, or because the credential was replaced."""
        self._close()

    def standing(self) -> Standing:
        self._drop_old()
        state = self.state
        timed = state is State.OPEN and self.why not in HOLDS
        return Standing(
            state=state,
            why=self.why,
            open_for=span(self._until - self.clock.monotonic()) if timed else None,
            in_a_row=self._in_a_row,
            results=sum(second.results for second in self._window),
            failures=sum(second.failures for second in self._window),
        )

    def _count(self, *, failed: bool) -> None:
        self._drop_old()
        number = int(self.clock.monotonic())
        if not self._window or self._window[-1].number != number:
            self._window.append(_Second(number))
        self._window[-1].results += 1
        self._window[-1].failures += failed
        self._in_a_row = self._in_a_row + 1 if failed else 0

    def _drop_old(self) -> None:
        oldest = int(self.clock.monotonic()) - WINDOW
        while self._window and self._window[0].number <= oldest:
            self._window.popleft()

    def _too_much(self) -> Why | None:
        if self._in_a_row >= IN_A_ROW:
            return Why.FAILURES
        results = sum(second.results for second in self._window)
        failures = sum(second.failures for second in self._window)
        return Why.FAILURE_RATE if results >= LEAST and failures >= SHARE * results else None

    def _open(self, why: Why) -> None:
        longest = min(LONGEST_OPEN, FIRST_OPEN * 2 ** min(self._opened, _DOUBLINGS))
        self._until = self.clock.monotonic() + self.random.uniform(0.5, 1) * longest
        self._closed, self.why = False, why
        self._opened += 1
        self._probe_until = 0

    def _close(self) -> None:
        self._closed, self.why = True, None
        self._opened = self._in_a_row = 0
        self._probe_until = 0
        self._window.clear()


@define
class Breakers:
    """The breaker of each service and credential, made when first asked for."""

    clock: Clock
    random: Random
    probe_limit: timedelta = PROBE_LIMIT
    most: int = MOST_BREAKERS
    _breakers: dict[tuple[str, str], Breaker] = field(factory=dict, init=False)

    def of(self, service: str, credential: str) -> Breaker:
        """`credential` is its id, never itself."""
        key = (service, credential)
        breaker = self._breakers.get(key)
        if breaker is None:
            if len(self._breakers) >= self.most:
                self._forget_one()
            breaker = self._breakers[key] = Breaker(self.clock, self.random, self.probe_limit)
        return breaker

    def forget(self, service: str, credential: str) -> None:
        """The credential is gone."""
        self._breakers.pop((service, credential), None)

    def standings(self) -> dict[tuple[str, str], Standing]:
        return {key: breaker.standing() for key, breaker in self._breakers.items()}

    def _forget_one(self) -> None:
        """A closed one where there is one: an open one that is forgotten asks a dead service five times more."""
        closed = (key for key, breaker in self._breakers.items() if breaker.state is State.CLOSED)
        del self._breakers[next(closed, next(iter(self._breakers)))]
