"""Faults on demand: which of them befall a request is decided here, in pure code; `gate` carries them out."""

import random
from collections.abc import Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from attrs import define, field, frozen

from daemon.codec import unstructure
from daemon.errors import Invalid, Problem
from daemon.sim.bell import Bell

NGINX_504 = (
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
    "<center><h1>504 Gateway Time-out</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
NONSENSE = "\x00\x01{]<not json>\xff"


class Kind(StrEnum):
    LATENCY = "latency"  # `seconds`, or between `seconds` and `up_to`; then the request goes on
    STATUS = "status"  # an HTTP status with `body`; the request has no effect
    GATEWAY = "gateway"  # nginx's 504 page; the request has its effect unless `effect` is false
    ERROR = "error"  # the service's own refusal called `name`; see /_sim/faults for the names
    DROP = "drop"  # read whole, then cut without an answer
    HALF = "half"  # half of the answer, then cut
    RESET = "reset"  # the connection is reset before the body is read
    HANG = "hang"  # accepted, never answered
    NONSENSE = "nonsense"  # HTTP 200 with a body nobody can read


@frozen(kw_only=True)
class Fault:
    """`times` requests (all, when None) whose path matches, each with this `chance`, suffer it."""

    kind: Kind
    path: str = "*"
    times: int | None = None
    chance: float = 1.0
    seconds: float = 0.0
    up_to: float | None = None
    name: str = ""
    message: str = ""  # of an error: its text, in place of the usual one
    status: int = 500
    body: str = ""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(factory=dict)
    effect: bool = True  # of drop, half and gateway: did the request do its work before the cut?


@define(eq=False)
class Standing:
    """A fault in force."""

    id: int
    fault: Fault
    left: int | None
    hit: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "hit": self.hit, "left": self.left, **unstructure(self.fault)}


@define(eq=False)
class Faults:
    random: random.Random
    names: tuple[str, ...] = ()  # the errors this simulator knows
    changed: Bell = field(factory=Bell, init=False)  # rung at removals: those that hang look again
    _standing: list[Standing] = field(factory=list, init=False)
    _last: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Standing]:
        return iter(tuple(self._standing))

    def add(self, fault: Fault) -> int:
        """Put it in force; its number is for `remove`."""
        if fault.kind is Kind.ERROR and fault.name not in self.names:
            known = ", ".join(self.names)
            raise Invalid(problems=[Problem("name", f"one of {known}, not {fault.name!r}")])
        self._last += 1
        self._standing.append(Standing(self._last, fault, fault.times))
        return self._last

    def remove(self, number: int) -> bool:
        before = len(self._standing)
        self._standing = [s for s in self._standing if s.id != number]
        self.changed.ring()
        return len(self._standing) < before

    def clear(self) -> None:
        self._standing.clear()
        self.changed.ring()

    def stands(self, number: int) -> bool:
        return any(s.id == number for s in self._standing)

    def befall(self, path: str) -> tuple[float, "Standing | None"]:
        """What this request suffers: seconds of latency, and at most one fault that decides its answer."""
        if not self._standing:
            return 0.0, None
        seconds, decisive = 0.0, None
        for standing in tuple(self._standing):
            latency = standing.fault.kind is Kind.LATENCY
            if (latency or decisive is None) and self._strikes(standing, path):
                seconds += self._latency(standing.fault) if latency else 0.0
                decisive = decisive if latency else standing
        return seconds, decisive

    def _strikes(self, standing: Standing, path: str) -> bool:
        fault = standing.fault
        if standing.left == 0 or not fnmatchcase(path, fault.path):
            return False
        if fault.chance < 1.0 and self.random.random() >= fault.chance:
            return False
        standing.hit += 1
        if standing.left is not None:
            standing.left -= 1
        return True

    def _latency(self, fault: Fault) -> float:
        return fault.seconds if fault.up_to is None else self.random.uniform(fault.seconds, fault.up_to)
