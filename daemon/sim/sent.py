"""What simulated contacts have received: what the sends of a simulated GeWe led to."""

import random
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from daemon.clock import Clock, to_ms
from daemon.sim.bell import Bell
from daemon.sim.pictures import Seen

CAP = 200_000  # messages kept, oldest forgotten first
FIRST_ID = 1 << 62  # far above 2^53, so that a reader through doubles is found out
ID_BITS = 20  # of a millisecond's ids: a simulator started later never repeats those of an earlier one
STEP = 1 << 15  # between two ids, at most

_QUOTED = re.compile(r"<refermsg>.*?<svrid>(\d+)</svrid>", re.DOTALL)


@frozen(kw_only=True)
class Sent:
    app_id: str
    to: str
    kind: str  # the method: postText, …
    text: str  # of a text; else what describes it
    ats: str
    msg_id: int
    new_msg_id: int
    create_time: int
    monotonic: float
    fields: Mapping[str, Any] = field(factory=dict)  # all that was asked for
    seen: Seen | None = None  # the medium, where GeWe fetched it
    media_key: str = ""  # finds its bytes among the simulator's media

    @property
    def quoted(self) -> int | None:
        """The newMsgId of the message this one answers."""
        found = _QUOTED.search(self.text) if self.kind == "postAppMsg" else None
        return int(found[1]) if found else None


@define(eq=False)
class Sends:
    clock: Clock
    random: random.Random
    cap: int = CAP
    bell: Bell = field(factory=Bell, init=False)
    _all: deque[Sent] = field(factory=deque, init=False)
    _by_to: dict[str, deque[Sent]] = field(factory=dict, init=False)
    _by_id: dict[int, Sent] = field(factory=dict, init=False)
    _revoked: set[int] = field(factory=set, init=False)
    _last_id: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last_id = FIRST_ID + (to_ms(self.clock.now()) << ID_BITS)

    def new_id(self) -> int:
        """Never given twice, and never a multiple that survives rounding to a double."""
        self._last_id = (self._last_id + self.random.randint(1, STEP) + 1) | 1
        return self._last_id

    def __iter__(self) -> Iterator[Sent]:
        return iter(tuple(self._all))

    def add(self, sent: Sent, *, reaches: bool = True) -> None:
        """`reaches`: a silent account's sends are known to GeWe and seen by nobody."""
        self._by_id[sent.new_msg_id] = sent
        if reaches:
            self._by_to.setdefault(sent.to, deque()).append(sent)
        self._all.append(sent)
        if len(self._all) > self.cap:
            self._forget(self._all.popleft())
        self.bell.ring()

    def received(self, to: str) -> list[Sent]:
        """In order; what was revoked is no longer there."""
        return [sent for sent in self._by_to.get(to, ()) if sent.new_msg_id not in self._revoked]

    def count(self, to: str) -> int:
        """How many `received` has, without making the list while nothing was ever revoked."""
        return len(self.received(to)) if self._revoked else len(self._by_to.get(to, ()))

    def find(self, new_msg_id: int) -> Sent | None:
        return None if new_msg_id in self._revoked else self._by_id.get(new_msg_id)

    def revoke(self, sent: Sent) -> None:
        self._revoked.add(sent.new_msg_id)

    def _forget(self, sent: Sent) -> None:
        self._by_id.pop(sent.new_msg_id, None)
        self._revoked.discard(sent.new_msg_id)
        of_contact = self._by_to.get(sent.to)
        if of_contact and of_contact[0] is sent:
            of_contact.popleft()
            if not of_contact:
                del self._by_to[sent.to]
