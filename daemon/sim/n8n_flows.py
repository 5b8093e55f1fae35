"""Which webhooks of the simulated n8n are registered now: publishing takes effect a little late (contract 2.2)."""

import re
from collections.abc import Iterator, Mapping

from attrs import define, evolve, field, frozen

from daemon.clock import Clock
from daemon.sim.n8n_script import Flow


@define(eq=False)
class Kept:
    """A workflow as it was last saved, and since and until when its webhook answers."""

    flow: Flow
    since: float | None  # monotonic; None: never
    until: float | None = None

    def answers(self, now: float) -> bool:
        return self.since is not None and self.since <= now and (self.until is None or now < self.until)


@frozen(kw_only=True)
class Match:
    flow: Flow
    params: Mapping[str, str]


@define(eq=False)
class Flows:
    """`delay_s`: from the API's 200 to the webhook's first or last answer."""

    clock: Clock
    delay_s: float = 0.0
    _kept: dict[str, Kept] = field(factory=dict, init=False)

    def __iter__(self) -> Iterator[Flow]:
        return iter([kept.flow for kept in self._kept.values()])

    def save(self, flow: Flow) -> None:
        """In the place of one with its id; its webhook is there, or gone, at once."""
        self._kept[flow.workflow_id] = Kept(flow, self.clock.monotonic() if flow.active else None)

    def find(self, number: str) -> Flow | None:
        kept = self._kept.get(number)
        return kept.flow if kept else None

    def activate(self, number: str) -> Flow:
        kept = self._kept[number]
        if not kept.flow.active:
            kept.flow = evolve(kept.flow, active=True)
            kept.since, kept.until = self.clock.monotonic() + self.delay_s, None
        return kept.flow

    def deactivate(self, number: str) -> Flow:
        kept = self._kept[number]
        if kept.flow.active:
            kept.flow = evolve(kept.flow, active=False)
            kept.until = self.clock.monotonic() + self.delay_s
        return kept.flow

    def taken(self, flow: Flow) -> bool:
        """Does another active one have this path and method?"""
        return any(
            other.active
            and other.workflow_id != flow.workflow_id
            and other.route == flow.route
            and set(other.methods) & set(flow.methods)
            for other in self
        )

    def match(self, path: str, method: str) -> Match | tuple[str, ...]:
        """The workflow that answers; else the methods that this path is registered for, perhaps none."""
        now, others = self.clock.monotonic(), list[str]()
        for kept in self._kept.values():
            found = _matches(kept.flow.route, path) if kept.answers(now) else None
            if found is not None:
                methods = ("GET", "POST") if kept.flow.trigger == "chat" else kept.flow.methods
                if method in methods:
                    return Match(flow=kept.flow, params=found)
                others += methods
        return tuple(dict.fromkeys(others))


def _matches(route: str, path: str) -> dict[str, str] | None:
    pattern = "/".join(
        f"(?P<{part[1:]}>[^/]+)" if part.startswith(":") else re.escape(part) for part in route.split("/")
    )
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None
