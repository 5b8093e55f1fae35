"""Identifiers of our own: UUIDv7 (RFC 9562) as text, each greater than the one before it."""

import uuid
from random import Random

from attrs import define, field

from daemon.clock import Clock, to_ms

_COUNTER_BITS = 12  # `rand_a` used as a counter, RFC 9562 section 6.2 method 1


@define
class Ids:
    """Makes ids that sort in the order they were made, also when the wall clock steps back.

    Not safe between threads: the store's writer has one of its own, and so may others.
    """

    clock: Clock
    random: Random = field(factory=Random)  # seeded by the system: ids are to differ, they are no secrets
    _last: int = field(default=0, init=False)  # milliseconds << 12 | counter

    def new(self) -> str:
        self._last = max(self._last + 1, to_ms(self.clock.now()) << _COUNTER_BITS)
        milliseconds, counter = self._last >> _COUNTER_BITS, self._last & 0xFFF
        low = (0b10 << 62) | self.random.getrandbits(62)
        text = f"{milliseconds:012x}7{counter:03x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def continue_after(self, identifier: str) -> None:
        """Never make an id below `identifier`: said at start with the greatest stored one."""
        number = uuid.UUID(identifier).int
        self._last = max(self._last, (number >> 80 << _COUNTER_BITS) | ((number >> 64) & 0xFFF))


def least_at(milliseconds: int) -> str:
    """Below every id made from then on, and above none of those made before: ids begin with their time."""
    digits = f"{max(0, milliseconds):012x}"
    return f"{digits[:8]}-{digits[8:]}"
