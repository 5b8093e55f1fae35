"""Calls of n8n's webhooks: repeated only where that does no harm, within seats, breaker and time; one run for many."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from daemon.domain.call_log import CallEntry, CallFilter, CallOutcome, Served
from daemon.domain.cost import ChargeKind, ChargeState
from daemon.domain.quota import Measure, QuotaScope
from daemon.domain.webhook import RetryTerms
from daemon.domain.webhook_call import WebhookAnswer
from daemon.engine.ai_webhooks import Done
from daemon.errors import (
    N8nCut,
    N8nLimited,
    N8nNonsense,
    N8nRan,
    N8nRefused,
    N8nTimeoutError,
    N8nUnauthorized,
    N8nUnreachable,
    N8nWebhookError,
    QuotaExceeded,
    Unavailable,
)
from daemon.store import ledger
from tests.engine.calling import ANN, CACHED, TASK, USUAL, Bench, bench
from tests.engine.charging import add_quota

MAY_HAVE_RUN = (N8nTimeoutError, N8nCut, N8nRan, N8nNonsense)


def failure(kind: type[N8nWebhookError]) -> N8nWebhookError:
    return kind("n8n.failed", service="n8n", detail="as the test wants it")


def limited(seconds: float) -> N8nLimited:
    return N8nLimited("n8n.limited", service="n8n", retry_after=timedelta(seconds=seconds))


async def rows(b: Bench) -> list[CallEntry]:
    found, _ = await b.desk.calls(CallFilter(), before=None, limit=500)
    return found


async def call(b: Bench) -> Done:
    return await b.desk.call(TASK, by=ANN)


async def test_what_surely_did_not_run_is_asked_again_by_the_same_id_after_a_drawn_wait(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.outcomes.extend([failure(N8nUnreachable), failure(N8nUnreachable)])
        task = asyncio.create_task(call(b))
        for asked in (1, 2):
            await b.waits()
            assert len(b.wire.asked) == asked
            b.advance(60)  # more than any wait that could be drawn
        done = await task
        assert (done.attempts, done.answer.text) == (3, "hi")
        assert len({request.call_id for request in b.wire.asked}) == 1
        (row,) = await rows(b)
        assert (row.outcome, row.attempts, row.call_id) == (CallOutcome.ANSWERED, 3, done.call_id)


async def test_the_last_of_its_attempts_is_the_end(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(attempts=2))
        b.wire.usual = failure(N8nUnreachable)
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(60)
        with pytest.raises(N8nUnreachable):
            await task
        assert len(b.wire.asked) == 2


@pytest.mark.parametrize("kind", MAY_HAVE_RUN)
async def test_what_may_have_run_is_never_repeated(tmp_path: Path, kind: type[N8nWebhookError]) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(attempts=5))
        b.wire.outcomes.append(failure(kind))
        task = asyncio.create_task(call(b))
        await b.until(lambda: task.done() or len(b.timers) > 0)  # it would wait for another attempt
        b.advance(60)
        with pytest.raises(kind):
            await task
        assert len(b.wire.asked) == 1


@pytest.mark.parametrize("kind", MAY_HAVE_RUN)
async def test_it_is_repeated_where_the_workflow_can_tell_calls_apart(
    tmp_path: Path, kind: type[N8nWebhookError]
) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(repeat=True))
        b.wire.outcomes.append(failure(kind))
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(60)
        assert (await task).attempts == 2
        assert len({request.call_id for request in b.wire.asked}) == 1


async def test_a_refusal_is_not_repeated(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.outcomes.append(failure(N8nRefused))
        with pytest.raises(N8nRefused):
            await call(b)
        assert len(b.wire.asked) == 1


def not_registered() -> N8nRefused:
    return N8nRefused("n8n.not_registered", service="n8n")


async def test_a_webhook_that_was_just_published_has_half_a_second_to_be_known(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.outcomes.append(not_registered())
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(0.51)
        assert (await task).attempts == 2
        assert len({request.call_id for request in b.wire.asked}) == 1


async def test_what_is_not_registered_after_that_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.usual = not_registered()
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(0.51)
        with pytest.raises(N8nRefused):
            await task
        (row,) = await rows(b)
        assert (len(b.wire.asked), row.attempts, row.error) == (2, 2, "n8n.not_registered")


async def test_who_wants_one_attempt_or_tries_a_webhook_out_is_told_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(attempts=1))
        tried = await b.hook(task_type="tried")
        b.wire.usual = not_registered()
        with pytest.raises(N8nRefused):
            await call(b)
        assert (await b.desk.test(tried.id, TASK, dry=False, by=ANN)).error is not None
        assert len(b.wire.asked) == 2


async def test_a_wait_that_n8n_asks_for_is_honoured(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.outcomes.append(limited(20))
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(19.9)
        await asyncio.sleep(0)
        assert len(b.wire.asked) == 1
        b.advance(0.2)
        assert (await task).attempts == 2


async def test_no_attempt_begins_past_the_time_of_all_of_them(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(timeout=timedelta(seconds=10), retry=RetryTerms(attempts=3))
        b.wire.outcomes.append(limited(31))
        with pytest.raises(N8nLimited):
            await call(b)
        assert len(b.wire.asked) == 1


async def test_retries_that_are_spent_let_no_more_be_made(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        while b.runs.budget.spend():
            pass
        b.wire.outcomes.append(failure(N8nUnreachable))
        with pytest.raises(N8nUnreachable):
            await call(b)
        assert len(b.wire.asked) == 1


async def test_a_webhook_that_fails_and_fails_is_left_alone_and_asked_again_by_one_probe(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(attempts=1))
        b.wire.usual = failure(N8nTimeoutError)
        for _ in range(5):
            with pytest.raises(N8nTimeoutError):
                await call(b)
        with pytest.raises(Unavailable) as barred:
            await call(b)
        assert barred.value.code == "ai_webhook.breaker_open"
        assert len(b.wire.asked) == 5
        b.clock.advance(60)
        b.wire.outcomes.append(WebhookAnswer(text="back", data="back"))
        assert (await call(b)).answer.text == "back"
        assert [row.outcome for row in await rows(b)][:2] == [CallOutcome.ANSWERED, CallOutcome.REFUSED]


async def test_a_workflow_that_says_no_to_many_goes_on_being_asked(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(retry=RetryTerms(attempts=1))
        said_no = failure(N8nRan)
        said_no.is_fault = False
        b.wire.usual = said_no
        for _ in range(12):
            with pytest.raises(N8nRan):
                await call(b)
        assert len(b.wire.asked) == 12


async def test_a_new_credential_is_a_new_chance(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook()
        b.wire.outcomes.append(failure(N8nUnauthorized))
        with pytest.raises(N8nUnauthorized):
            await call(b)
        with pytest.raises(Unavailable):
            await call(b)
        await b.desk.change(webhook.id, evolve(USUAL, name="with the right one"), version=None, by=ANN)
        assert (await call(b)).answer.text == "hi"


async def test_no_more_calls_are_under_way_than_a_webhook_takes_and_who_waits_keeps_nobody_else(tmp_path: Path) -> None:
    async with bench(tmp_path, seats=3) as b:
        await b.hook(at_once=2)
        await b.hook(task_type="other")
        b.wire.gate.clear()
        slow = [asyncio.create_task(call(b)) for _ in range(6)]
        await b.until(lambda: len(b.wire.asked) == 2)
        other = asyncio.create_task(b.desk.call(evolve(TASK, task_type="other"), by=ANN))
        await b.until(lambda: len(b.wire.asked) == 3)
        assert b.wire.asked[-1].task_type == "other"
        b.wire.gate.set()
        await asyncio.gather(other, *slow)
        assert b.wire.most == 3


async def test_a_hundred_equal_calls_at_once_are_one_run(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        b.wire.gate.clear()
        tasks = [asyncio.create_task(call(b)) for _ in range(100)]
        await b.until(lambda: len(b.wire.asked) == 1 and b.desk.cache.counts(webhook.id).shared == 99)
        b.wire.gate.set()
        done = await asyncio.gather(*tasks)
        assert len(b.wire.asked) == 1
        assert len({one.call_id for one in done}) == 100
        assert sorted(one.served for one in done) == [Served.RUN] + [Served.SHARED] * 99
        assert len(await rows(b)) == 100


async def test_the_first_caller_may_leave_and_the_others_get_the_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        b.wire.gate.clear()
        first = asyncio.create_task(call(b))
        await b.until(lambda: len(b.wire.asked) == 1)
        others = [asyncio.create_task(call(b)) for _ in range(5)]
        await b.until(lambda: b.desk.cache.counts(webhook.id).shared == 5)
        first.cancel()
        b.wire.gate.set()
        done = await asyncio.gather(*others)
        assert {one.answer.text for one in done} == {"hi"}
        assert len(b.wire.asked) == 1
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await call(b)).served is Served.CACHE


async def test_what_the_first_fails_with_all_are_told_and_the_next_asks_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        b.wire.outcomes.append(failure(N8nRan))
        b.wire.gate.clear()
        tasks = [asyncio.create_task(call(b)) for _ in range(4)]
        await b.until(lambda: b.desk.cache.counts(webhook.id).shared == 3)
        b.wire.gate.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, N8nRan) for one in told)
        assert (await call(b)).served is Served.RUN
        assert len(b.wire.asked) == 2
        outcomes = [row.outcome for row in await rows(b)]
        assert sorted(outcomes) == [CallOutcome.ANSWERED] + [CallOutcome.FAILED] * 4


async def test_a_quota_of_the_first_caller_is_not_the_others(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        await b.desk.registry.active_for("ragAI")
        await b.db.write(add_quota, 0, scope=QuotaScope.KEY, scope_id="ann", measure=Measure.CALLS)
        first = asyncio.create_task(call(b))
        await b.until(lambda: b.desk.cache.counts(webhook.id).misses == 1)
        bob = await b.desk.call(TASK, by=evolve(ANN, id="key:bob"))
        assert (bob.served, b.desk.cache.counts(webhook.id).shared) == (Served.RUN, 1)
        with pytest.raises(QuotaExceeded):
            await first


async def test_a_quota_that_is_used_up_is_found_out_once_and_keeps_nobody_else_from_an_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        await b.desk.registry.active_for("ragAI")
        await b.db.write(add_quota, 0, scope=QuotaScope.KEY, scope_id="ann", measure=Measure.CALLS)
        first = [asyncio.create_task(call(b)) for _ in range(300)]
        await b.until(lambda: b.desk.cache.counts(webhook.id).shared == 299)
        told = await asyncio.gather(*first, b.desk.call(TASK, by=evolve(ANN, id="key:bob")), return_exceptions=True)
        assert [type(one) for one in told] == [QuotaExceeded] * 300 + [Done]
        assert b.desk.cache.counts(webhook.id).misses == 2


async def test_of_two_answers_the_one_asked_for_later_is_kept_whichever_comes_last(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(cache=CACHED)
        b.wire.gate.clear()
        slow = asyncio.create_task(call(b))
        await b.until(lambda: len(b.wire.asked) == 1)
        held, b.wire.gate = b.wire.gate, asyncio.Event()
        b.wire.gate.set()
        b.wire.outcomes.append(WebhookAnswer(text="newer", data="newer"))
        assert (await b.desk.call(evolve(TASK, fresh=True), by=ANN)).answer.text == "newer"
        held.set()
        assert (await slow).answer.text == "hi"
        kept = await call(b)
        assert (kept.answer.text, kept.served) == ("newer", Served.CACHE)


async def test_an_answer_that_passed_the_cache_by_is_not_kept_where_that_was_cleared_meanwhile(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(cache=CACHED)
        b.wire.gate.clear()
        fresh = asyncio.create_task(b.desk.call(evolve(TASK, fresh=True), by=ANN))
        await b.until(lambda: len(b.wire.asked) == 1)
        await b.desk.clear_cache(webhook.id, by=ANN)
        b.wire.gate.set()
        assert (await fresh).answer.text == "hi"
        assert (await call(b)).served is Served.RUN


async def test_an_answer_holds_as_long_as_it_may(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook(cache=CACHED)
        await call(b)
        b.clock.advance(59.9)
        assert (await call(b)).served is Served.CACHE
        b.clock.advance(0.2)
        assert (await call(b)).served is Served.RUN


async def test_each_attempt_that_goes_out_is_a_charge_and_only_what_may_have_run_costs(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.outcomes.extend([failure(N8nUnreachable), failure(N8nRan)])
        task = asyncio.create_task(call(b))
        await b.waits()
        b.advance(60)
        with pytest.raises(N8nRan):
            await task
        name = b.wire.asked[0].call_id
        charges = await b.db.read(ledger.attempts, ChargeKind.WORKFLOW, name)
        assert [(one.state, one.units.acts) for one in charges] == [
            (ChargeState.RELEASED, 1),
            (ChargeState.SETTLED, 1),
        ]
        assert charges[0].scopes.key_id == "ann"


async def test_a_call_that_is_cut_off_is_in_the_log_as_unknown(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.hook()
        b.wire.gate.clear()
        task = asyncio.create_task(call(b))
        await b.until(lambda: len(b.wire.asked) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (row,) = await rows(b)
        assert (row.outcome, row.error) == (CallOutcome.UNKNOWN, "ai_webhook.cut_off")
        assert b.runs.pool.in_flight == 0
