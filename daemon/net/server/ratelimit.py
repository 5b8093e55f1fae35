"""How often each caller may call, by class, and how the answer says so: draft-ietf-httpapi-ratelimit-headers-10."""

import math
from collections.abc import Mapping
from datetime import timedelta

from attrs import frozen

from daemon.clock import Clock
from daemon.domain.access import Actor, Role
from daemon.errors import RateLimited
from daemon.limits.bucket import GRAIN
from daemon.limits.keyed import KeyedBuckets

STRANGERS = "address"  # calls with no key or a wrong one, by address
LOCAL = "uid"  # callers on the Unix socket
WRITES = "write"  # what operators and admins change
OWN = "key"  # keys with a limit of their own

PER_SECOND: Mapping[str, tuple[float, float]] = {  # class: (rate, burst)
    Role.VIEWER: (20, 40),
    Role.AUDITOR: (20, 40),
    Role.OPERATOR: (20, 40),
    Role.ADMIN: (20, 40),
    Role.AGENT: (5, 10),
    WRITES: (10, 30),
    STRANGERS: (10, 20),
    LOCAL: (200, 400),
    OWN: (1, 2),  # of what one key may call in a second, see `share_of`
}


def class_of(actor: Actor, *, unsafe: bool) -> str:
    """Which limit holds for a call. What people change counts by itself: looking never waits for it."""
    if actor.id.startswith("uid:"):
        return LOCAL
    if actor.rate_limit is not None:
        return OWN
    if unsafe and actor.role in (Role.OPERATOR, Role.ADMIN):
        return WRITES
    return actor.role or STRANGERS


def share_of(actor: Actor) -> float:
    """What one call takes of the actor's bucket: that of a key with a limit of its own holds seconds, not calls."""
    return 1 if actor.rate_limit is None else 1 / actor.rate_limit


@frozen
class RateLimits:
    """One table of buckets a class."""

    tables: Mapping[str, KeyedBuckets]

    @classmethod
    def standard(cls, clock: Clock) -> "RateLimits":
        return cls({name: KeyedBuckets(rate, burst, clock) for name, (rate, burst) in PER_SECOND.items()})

    def take(self, name: str, key: str, share: float = 1) -> None:
        """Raises RateLimited where there is no `share` left in the caller's bucket."""
        wait = self.tables[name].take(key, share)
        if wait:
            raise RateLimited("rate.api", retry_after=wait)

    def headers(self, name: str, key: str, share: float = 1) -> dict[str, str]:
        table = self.tables[name]
        window = math.ceil(table.burst / table.rate)
        left = max(0, math.floor((table.level(key) + GRAIN) / share))
        wait: timedelta = table.wait_for(key, min((left + 1) * share, table.burst))
        return {
            "RateLimit-Policy": f'"{name}";q={round(table.burst / share)};w={window}',
            "RateLimit": f'"{name}";r={left};t={math.ceil(wait.total_seconds())}',
        }
