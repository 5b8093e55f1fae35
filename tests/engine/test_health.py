"""A service's health is asked for by somebody and told to everybody who asks within half a minute."""

import asyncio
from collections.abc import Sequence
from functools import partial

from attrs import define, field

from daemon.domain.checkup import CheckOutcome, CheckStep, Finding, first_failure, in_order
from daemon.engine.health import Health, Probe
from tests.clock import FakeClock

STEPS = (CheckStep.CONNECT, CheckStep.TOKEN, CheckStep.LOGIN)
WELL = tuple(Finding(step=step, found=CheckOutcome.OK) for step in STEPS)
OFFLINE = Finding(step=CheckStep.LOGIN, found=CheckOutcome.FAILED, code="gewe.check_login", detail="微信已离线")


@define
class Asked:
    """Accounts by name and what is found of them; counts how often they are asked."""

    findings: dict[str, tuple[Finding, ...]]
    times: int = field(default=0, init=False)

    async def probes(self) -> Sequence[Probe]:
        return [Probe(id=name, name=name, ask=partial(self.ask, name)) for name in self.findings]

    async def ask(self, name: str) -> tuple[Finding, ...]:
        self.times += 1
        await asyncio.sleep(0)
        return self.findings[name]


async def test_who_asks_within_half_a_minute_gets_the_same_answer() -> None:
    clock, asked = FakeClock(), Asked({"a": WELL})
    health = Health("GeWe", clock, asked.probes)
    first = await health()
    clock.advance(29)
    assert await health() is first
    clock.advance(2)
    assert await health() is not first
    assert asked.times == 2


async def test_many_who_ask_at_once_cost_one_question() -> None:
    asked = Asked({"a": WELL})
    health = Health("GeWe", FakeClock(), asked.probes)
    answers = await asyncio.gather(*(health() for _ in range(20)))
    assert asked.times == 1
    assert len({id(answer) for answer in answers}) == 1


async def test_a_fresh_answer_is_asked_for_anew() -> None:
    clock, asked = FakeClock(), Asked({"a": WELL})
    health = Health("GeWe", clock, asked.probes)
    await health()
    clock.advance(1)
    await health(fresh=True)
    assert asked.times == 2


async def test_one_part_that_fails_makes_the_service_unwell_and_says_why() -> None:
    asked = Asked({"a": WELL, "b": tuple(in_order(STEPS, OFFLINE))})
    found = await Health("GeWe", FakeClock(), asked.probes)()
    assert (found.healthy, found.code) == (False, "health.unwell")
    assert [(part.id, part.healthy, part.code, part.detail) for part in found.parts] == [
        ("a", True, "", ""),
        ("b", False, "gewe.check_login", "微信已离线"),
    ]


async def test_a_service_without_parts_is_not_set_up() -> None:
    found = await Health("FastGPT", FakeClock(), Asked({}).probes)()
    assert (found.healthy, found.code) == (False, "health.nothing_set_up")


def test_steps_before_a_failure_are_well_and_those_after_it_were_not_tried() -> None:
    refused = Finding(step=CheckStep.TOKEN, found=CheckOutcome.FAILED, code="gewe.check_token")
    findings = in_order(STEPS, refused)
    assert [finding.found for finding in findings] == [CheckOutcome.OK, CheckOutcome.FAILED, CheckOutcome.SKIPPED]
    assert first_failure(tuple(findings)) == refused
    assert first_failure(WELL) is None
