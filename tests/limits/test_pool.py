"""The pool never gives out more seats than it has, loses none, and lets waiting keys take turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import RateLimited, Unavailable
from daemon.limits.pool import Pool


@asynccontextmanager
async def holding(pool: Pool, *keys: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Callers who hold their seat until cancelled, all arrived."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hold(pool, key)) for key in keys]
        await settle()
        yield tasks
        for task in tasks:
            task.cancel()


async def hold(pool: Pool, key: str) -> None:
    async with pool.seat(key):
        await asyncio.Event().wait()


async def settle() -> None:
    """Let everybody who can move do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def served(pool: Pool, keys: str) -> str:
    """The order in which waiting callers got their seats; the pool is full until all have queued up."""
    order: list[str] = []

    async def visit(key: str) -> None:
        async with pool.seat(key):
            order.append(key)

    async with asyncio.TaskGroup() as group, holding(pool, *["full"] * pool.seats):
        for key in keys:
            group.create_task(visit(key))
        await settle()
    return "".join(order)


async def test_only_so_many_hold_a_seat() -> None:
    pool = Pool(seats=2, queue=10)
    async with holding(pool, "a", "a", "b", "c"):
        assert (pool.in_flight, pool.waiting) == (2, 2)
    assert (pool.in_flight, pool.waiting) == (0, 0)


async def test_waiting_keys_take_turns_and_each_keeps_its_order() -> None:
    assert await served(Pool(seats=1, queue=10), "aaaabbc") == "abcabaa"


async def test_a_caller_beyond_the_queue_is_told_to_come_back() -> None:
    pool = Pool(seats=1, queue=1)
    async with holding(pool, "a", "a"):
        with pytest.raises(RateLimited) as refused:
            async with pool.seat("b"):
                pass
    assert (refused.value.code, refused.value.retry_after) == ("pool.full", pool.retry_after)
    assert "queue is full" in str(refused.value)


async def test_who_gives_up_waiting_leaves_the_queue_to_others() -> None:
    pool = Pool(seats=1, queue=1)
    async with holding(pool, "a", "b") as (_, waiter):
        waiter.cancel()
        await settle()
        assert pool.waiting == 0
        async with holding(pool, "c"):
            assert pool.waiting == 1


async def test_a_seat_given_in_the_moment_of_cancelling_goes_to_the_next() -> None:
    pool = Pool(seats=1, queue=5)
    async with holding(pool, "a", "b", "c") as (holder, waiter, _):
        holder.cancel()
        await asyncio.sleep(0)  # the holder has left, the waiter has its seat and does not know
        waiter.cancel()
        await settle()
        assert (pool.in_flight, pool.waiting) == (1, 0)
    assert pool.in_flight == 0


async def test_a_caller_cancelled_just_before_its_turn_is_passed_over() -> None:
    pool = Pool(seats=1, queue=5)
    async with holding(pool, "a", "b", "c") as (holder, waiter, _):
        holder.cancel()
        waiter.cancel()
        await settle()
        assert (pool.in_flight, pool.waiting) == (1, 0)


async def test_a_failing_holder_gives_its_seat_back() -> None:
    pool = Pool(seats=1, queue=0)
    with pytest.raises(ZeroDivisionError):
        async with pool.seat("a"):
            raise ZeroDivisionError
    assert pool.in_flight == 0


async def test_more_seats_are_given_out_at_once_and_fewer_as_holders_leave() -> None:
    pool = Pool(seats=1, queue=10)
    async with holding(pool, *"abcde") as callers:
        pool.resize(4)
        await settle()
        assert (pool.in_flight, pool.waiting) == (4, 1)
        pool.resize(2)
        for caller in callers[:2]:
            caller.cancel()
        await settle()
        assert (pool.in_flight, pool.waiting) == (2, 1)
        callers[2].cancel()
        await settle()
        assert (pool.in_flight, pool.waiting) == (2, 0)


async def test_closing_refuses_who_waits_and_who_comes_and_leaves_holders_alone() -> None:
    pool = Pool(seats=1, queue=10)
    async with holding(pool, "a"):
        waiters = [asyncio.ensure_future(hold(pool, key)) for key in "bc"]
        await settle()
        waiters[1].cancel()
        pool.close()
        refused, cancelled = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(refused, Unavailable)
        assert refused.code == "pool.closed"
        assert isinstance(cancelled, asyncio.CancelledError)
        assert (pool.in_flight, pool.waiting) == (1, 0)
        with pytest.raises(Unavailable):
            async with pool.seat("d"):
                pass
    assert pool.in_flight == 0


@pytest.mark.parametrize("seats", [0, -1])
def test_a_pool_without_seats_is_refused(seats: int) -> None:
    with pytest.raises(ValueError, match="seats"):
        Pool(seats=seats, queue=1)
    with pytest.raises(ValueError, match="seats"):
        Pool(seats=1, queue=1).resize(seats)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 12), st.booleans())
def test_no_seat_is_lost_or_given_twice_under_random_cancelling(
    seed: int, seats: int, queue: int, closes: bool
) -> None:
    asyncio.run(storm(Random(seed), Pool(seats=seats, queue=queue), closes=closes))


async def storm(random: Random, pool: Pool, *, closes: bool) -> None:
    inside = 0

    async def visit(key: str, turns: int) -> None:
        nonlocal inside
        async with pool.seat(key):
            inside += 1
            assert inside <= pool.in_flight  # less while a seat is on its way to a waiter
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                inside -= 1

    async def guarded(key: str, turns: int) -> None:
        with suppress(RateLimited, Unavailable):
            await visit(key, turns)

    visits: list[asyncio.Task[None]] = []
    for step in range(150):
        visits.append(asyncio.ensure_future(guarded(random.choice("abc"), random.randint(0, 3))))
        if random.random() < 0.5:
            random.choice(visits).cancel()
        if random.random() < 0.1:
            pool.resize(random.randint(1, 5))
        if closes and step == 100:
            pool.close()
        if random.random() < 0.4:
            await asyncio.sleep(0)
        assert pool.waiting <= pool.queue
    await asyncio.wait(visits)
    assert (pool.in_flight, pool.waiting, pool._lanes, list(pool._turns)) == (0, 0, {}, [])
    assert all(visit.cancelled() or visit.exception() is None for visit in visits)
