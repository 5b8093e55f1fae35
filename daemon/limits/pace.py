"""How fast WeChat messages may leave: the limits of the account, of all together and of the addressee, and a pause.

What one send needs is taken together or not at all, so that an account held up by one limit uses up none of another.
"""

from collections.abc import Mapping
from datetime import timedelta
from random import Random

from attrs import define, field

from daemon.clock import Clock
from daemon.limits.addressees import Addressees
from daemon.limits.bucket import GRAIN, NOTHING, Bucket, span
from daemon.limits.keyed import KeyedBuckets

OVERALL = "*"  # the key of the bucket of all accounts among the levels; no account has it for an id


@define
class Pace:
    """The pause is drawn anew after each send and holds up its own account only."""

    accounts: KeyedBuckets
    overall: Bucket
    pause: tuple[timedelta, timedelta]  # the shortest and the longest between two sends of one account
    clock: Clock
    random: Random
    addressees: Addressees
    _paused_until: dict[str, float] = field(factory=dict, init=False)

    def take(self, account: str, peer: str) -> timedelta:
        """Nothing: this account may write to `peer` now. Else how long until it may be worth asking again."""
        wait = self.wait_to(account, peer)
        if not wait:
            self.accounts.take(account)
            self.overall.take()
            self.addressees.take(account, peer)
            self._pause(account)
        return wait

    def wait_to(self, account: str, peer: str) -> timedelta:
        """How long until this account may write to `peer`; nothing is taken."""
        return max(self.wait_for(account), self.addressees.wait_for(account, peer))

    def wait_for(self, account: str) -> timedelta:
        """How long until it may write to somebody, whoever that is."""
        return max(self.accounts.wait_for(account), self.overall.wait_for(), self._pause_left(account))

    def adopt(self, other: "Pace") -> None:
        """Go on at the rates of `other`, from the levels that are."""
        self.accounts.rate, self.accounts.burst = other.accounts.rate, other.accounts.burst
        self.overall.rate, self.overall.burst = other.overall.rate, other.overall.burst
        self.pause = other.pause
        self.addressees.adopt(other.addressees)

    def level(self, account: str) -> float:
        """What the account's bucket holds: stored with each send, in the same transaction."""
        return self.accounts.level(account)

    def levels(self) -> dict[str, float]:
        """Every level that is worth storing, that of all accounts together under `OVERALL`."""
        return self.accounts.levels() | {OVERALL: self.overall.level()}

    def restore(self, levels: Mapping[str, float]) -> None:
        """Go on after a restart from the stored levels; when each last sent is not known, so each pauses first."""
        self.accounts.restore({account: level for account, level in levels.items() if account != OVERALL})
        if OVERALL in levels:
            self.overall.restore(levels[OVERALL])
        for account in self.accounts.levels():
            self._pause(account)

    def _pause_left(self, account: str) -> timedelta:
        left = self._paused_until.get(account, 0) - self.clock.monotonic()
        return span(left) if left > GRAIN else NOTHING

    def _pause(self, account: str) -> None:
        now = self.clock.monotonic()
        if len(self._paused_until) >= self.accounts.most_keys:
            self._paused_until = {name: until for name, until in self._paused_until.items() if until > now}
        shortest, longest = self.pause
        self._paused_until[account] = now + self.random.uniform(shortest.total_seconds(), longest.total_seconds())
