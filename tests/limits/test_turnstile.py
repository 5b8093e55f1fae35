"""One at a time for each key, in the order they came, but for those who go ahead."""

import asyncio
from random import Random

import pytest

from daemon.limits.turnstile import Turnstile


async def soon() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def pass_through(gate: Turnstile, name: str, passed: list[str], *, ahead: bool = False) -> None:
    async with gate.turn("a", ahead=ahead):
        passed.append(name)
        await asyncio.sleep(0)


async def test_those_who_wait_go_in_order_and_who_goes_ahead_goes_first() -> None:
    gate, passed = Turnstile(), list[str]()
    async with asyncio.TaskGroup() as group, gate.turn("a"):
        for name in ("first", "second"):
            group.create_task(pass_through(gate, name, passed))
        await soon()
        group.create_task(pass_through(gate, "reply", passed, ahead=True))
        await soon()
        assert passed == []
    assert passed == ["reply", "first", "second"]


async def test_another_key_does_not_wait() -> None:
    gate = Turnstile()
    async with gate.turn("a"):
        with pytest.raises(TimeoutError):
            async with gate.turn("a", patience=0.0):
                raise AssertionError
        async with gate.turn("b", patience=0.0):
            entered = True
    assert entered


async def test_who_loses_patience_leaves_the_line_to_those_behind() -> None:
    gate, passed = Turnstile(), list[str]()
    async with asyncio.TaskGroup() as group, gate.turn("a"):
        with pytest.raises(TimeoutError):
            async with gate.turn("a", patience=0.01):
                passed.append("impatient")
        group.create_task(pass_through(gate, "next", passed))
        await soon()
    assert passed == ["next"]


async def test_who_is_cancelled_as_the_turn_comes_hands_it_on() -> None:
    gate, passed = Turnstile(), list[str]()
    async with asyncio.TaskGroup() as group:
        async with gate.turn("a"):
            doomed = group.create_task(pass_through(gate, "doomed", passed))
            group.create_task(pass_through(gate, "next", passed))
            await soon()
        doomed.cancel()  # it has the turn, and does not know yet
    assert passed == ["next"]


@pytest.mark.parametrize("seed", range(5))
async def test_never_two_at_once_and_nobody_is_forgotten(seed: int) -> None:
    gate, random, inside = Turnstile(), Random(seed), list[str]()

    async def one() -> None:
        key = random.choice("ab")
        async with gate.turn(key, ahead=random.random() < 0.3, patience=random.choice([None, 0.0, 0.001])):
            assert key not in inside
            inside.append(key)
            try:
                for _ in range(random.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                inside.remove(key)

    tasks = [asyncio.create_task(one()) for _ in range(200)]
    await soon()
    for task in random.sample(tasks, 40):
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends if end is not None} <= {TimeoutError, asyncio.CancelledError}
    async with asyncio.timeout(1), gate.turn("a"), gate.turn("b"):  # nobody holds it for ever
        pass
