"""How often one person or one room may be written to, and how long after another one was: contract of GeWe, 16."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.limits.bucket import GRAIN, NOTHING, span
from daemon.limits.keyed import KeyedBuckets

ROOM_SUFFIX = "@chatroom"  # as daemon.domain.message has it, which this may not import
_BETWEEN = "/"  # of account and peer in a bucket's key: no account's id has one


@frozen
class Last:
    """The last sends of an account. Times are monotonic."""

    peer: str
    other_from: float  # from then on somebody else may be written to
    room: str  # the last room
    room_from: float  # from then on another one may be


@define
class Addressees:
    """The gaps hold up an account only while it turns to somebody else."""

    people: KeyedBuckets
    rooms: KeyedBuckets
    switch: timedelta
    between_rooms: tuple[timedelta, timedelta]  # the shortest and the longest, drawn anew for each
    clock: Clock
    random: Random
    _last: dict[str, Last] = field(factory=dict, init=False)

    def wait_for(self, account: str, peer: str) -> timedelta:
        """How long until `peer` may be written to, as far as only the addressee is concerned."""
        return max(self._buckets(peer).wait_for(_key(account, peer)), self._gap(account, peer))

    def take(self, account: str, peer: str) -> None:
        """It is written to now: ask `wait_for` before."""
        self._buckets(peer).take(_key(account, peer))
        self._note(account, peer)

    def level(self, account: str, peer: str) -> float:
        return self._buckets(peer).level(_key(account, peer))

    def level_name(self, account: str, peer: str) -> str:
        """What its level is stored under."""
        return _key(account, peer)

    def levels(self) -> dict[str, float]:
        return self.people.levels() | self.rooms.levels()

    def restore(self, levels: Mapping[str, float]) -> None:
        """Go on after a restart. To whom an account wrote last is not known, so each pauses as after another room."""
        rooms = {name: level for name, level in levels.items() if name.endswith(ROOM_SUFFIX)}
        self.rooms.restore(rooms)
        self.people.restore({name: level for name, level in levels.items() if name not in rooms})
        for account in {name.partition(_BETWEEN)[0] for name in levels}:
            self._note(account, ROOM_SUFFIX)

    def adopt(self, other: "Addressees") -> None:
        """Go on at the rates of `other`, from the levels that are."""
        for ours, theirs in ((self.people, other.people), (self.rooms, other.rooms)):
            ours.rate, ours.burst = theirs.rate, theirs.burst
        self.switch, self.between_rooms = other.switch, other.between_rooms

    def _buckets(self, peer: str) -> KeyedBuckets:
        return self.rooms if peer.endswith(ROOM_SUFFIX) else self.people

    def _gap(self, account: str, peer: str) -> timedelta:
        last = self._last.get(account)
        if last is None or last.peer == peer:
            return NOTHING
        other_room = peer.endswith(ROOM_SUFFIX) and last.room != peer
        left = max(last.other_from, last.room_from if other_room else 0) - self.clock.monotonic()
        return span(left) if left > GRAIN else NOTHING

    def _note(self, account: str, peer: str) -> None:
        now = self.clock.monotonic()
        if len(self._last) >= self.people.most_keys:
            self._last = {name: last for name, last in self._last.items() if last.room_from > now}
        before, other_from = self._last.get(account), now + self.switch.total_seconds()
        if peer.endswith(ROOM_SUFFIX):
            low, high = (edge.total_seconds() for edge in self.between_rooms)
            room, room_from = peer, now + self.random.uniform(low, high)
        else:
            room, room_from = (before.room, before.room_from) if before else ("", now)
        self._last[account] = Last(peer, other_from, room, room_from)


def _key(account: str, peer: str) -> str:
    return f"{account}{_BETWEEN}{peer}"
