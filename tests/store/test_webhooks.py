"""Webhooks and the log of their calls in the store: secrets sealed for their rows, filters, sums, retention."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.call_log import CallEntry, CallFilter, CallOutcome, Served, Via
from daemon.domain.webhook import AuthKind, CacheTerms, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.ids import Ids
from daemon.secret import Redactor, Secret
from daemon.store import retention, secrets, webhook_calls, webhooks
from daemon.store.database import Database, open_database
from daemon.store.tx import Tx
from daemon.vault import Corrupt, Vault
from tests.clock import FakeClock

CLOCK = FakeClock()
FULL = Webhook(
    id="w1",
    task_type="ragAI",
    name="RAG",
    url="https://n8n.example.com/webhook/rag-ai",
    method=Method.PUT,
    auth=WebhookAuth(kind=AuthKind.HEADER, name="X-Key", secret=Secret("a header's value")),
    signing_keys=(Secret("whsec_one_of_them"), Secret("whsec_another_one")),
    timeout=timedelta(seconds=12.5),
    retry=RetryTerms(attempts=4, base=timedelta(seconds=2), cap=timedelta(seconds=9), repeat=True),
    cache=CacheTerms(ttl=timedelta(minutes=5), shared=True),
    output="data.0.text",
    at_once=7,
    api=N8nApi(url="https://n8n.example.com", key=Secret("the key of the API"), workflow_id="wf"),
    is_active=True,
    created_at=CLOCK.now(),
    updated_at=CLOCK.now(),
    version=3,
)
BARE = evolve(FULL, id="w2", task_type="other", auth=WebhookAuth(), signing_keys=(), cache=None, api=None)


def vault() -> Vault:
    return Vault(b"k" * 32, Redactor())


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "qiaod.db", FakeClock()) as opened:
        yield opened


async def kept(db: Database, *found: Webhook) -> Vault:
    keys = vault()
    for webhook in found:
        await db.write(webhooks.add, keys, webhook)
    return keys


@pytest.mark.parametrize("webhook", [FULL, BARE], ids=["full", "bare"])
async def test_a_webhook_comes_back_as_it_was(db: Database, webhook: Webhook) -> None:
    keys = await kept(db, webhook)
    assert await db.read(webhooks.get, keys, webhook.id) == webhook
    changed = evolve(webhook, name="another", cache=None, is_active=False, version=4)
    await db.write(webhooks.save, keys, changed)
    assert await db.read(webhooks.get, keys, webhook.id) == changed


async def test_its_secrets_are_sealed_each_for_its_own_place(db: Database) -> None:
    keys = await kept(db, FULL, evolve(FULL, id="w3", is_active=False))

    def raw(tx: Tx) -> bytes:
        row = tx.one("SELECT auth_secret, signing_keys, api_key FROM webhooks WHERE id = 'w1'")
        assert row is not None
        return b"".join(row)

    stored = await db.read(raw)
    told = (FULL.auth.secret, *FULL.signing_keys, FULL.api.key if FULL.api else None)
    assert all(secret is not None and secret.reveal().encode() not in stored for secret in told)

    def swap(tx: Tx) -> None:
        tx.run("UPDATE webhooks SET api_key = (SELECT api_key FROM webhooks WHERE id = 'w3') WHERE id = 'w1'")

    await db.write(swap)
    with pytest.raises(Corrupt):
        await db.read(webhooks.get, keys, "w1")


async def test_each_secret_is_hidden_once_it_was_opened(db: Database) -> None:
    await kept(db, FULL)
    keys = vault()
    await db.read(webhooks.get, keys, "w1")
    words = "a header's value, whsec_one_of_them, whsec_another_one, the key of the API"
    assert keys.redactor.clean(words) == "***, ***, ***, ***"


async def test_a_new_master_key_seals_all_of_them_anew_and_passes_over_what_is_not_there(db: Database) -> None:
    keys = await kept(db, FULL, BARE)
    keys.adopt(b"n" * 32)
    done, failed = await db.write(secrets.reseal, keys, 100)
    assert (done, failed) == (3, set())
    assert await db.read(webhooks.get, Vault(b"n" * 32, Redactor()), "w1") == FULL


async def test_of_one_task_one_is_active_and_it_is_found(db: Database) -> None:
    idle = evolve(FULL, id="w0", is_active=False)
    keys = await kept(db, idle, FULL)
    assert await db.read(webhooks.active_for, keys, "ragAI") == FULL
    assert await db.read(webhooks.active_for, keys, "none") is None
    assert [one.id for one in await db.read(_page, keys, is_active=False)] == ["w0"]
    assert await db.read(webhooks.count, task_type="ragAI") == 2


def _page(tx: Tx, /, keys: Vault, **wanted: Any) -> list[Webhook]:
    asked = {"task_type": None, "is_active": None, "before": None, "limit": 10} | wanted
    return webhooks.page(tx, keys, **asked)


IDS = Ids(CLOCK)


def entry(**changes: Any) -> CallEntry:
    fields: dict[str, Any] = {
        "id": IDS.new(),
        "call_id": "c",
        "webhook_id": "w1",
        "task_type": "ragAI",
        "session_id": "s1",
        "via": Via.API,
        "served": Served.RUN,
        "outcome": CallOutcome.ANSWERED,
        "request": '{"chatInput":"hi"}',
        "response": '"hi"',
        "status": 200,
        "attempts": 1,
        "duration_ms": 10,
        "error": None,
        "detail": None,
        "actor": "key:a",
        "request_id": None,
        "created_at": CLOCK.now(),
    }
    return CallEntry(**(fields | changes))


async def test_a_line_of_the_log_comes_back_as_it_was_and_is_not_written_twice(db: Database) -> None:
    one = entry()
    await db.write(webhook_calls.add, [one])
    await db.write(webhook_calls.add, [one])
    assert await db.read(webhook_calls.page, CallFilter(), before=None, limit=9) == [one]


async def test_every_filter_but_the_one_of_what_is_cached_has_its_index(db: Database) -> None:
    filters = {
        "webhook_calls_task": CallFilter(task_type="t"),
        "webhook_calls_session": CallFilter(session_id="s"),
        "webhook_calls_call": CallFilter(call_id="c"),
        "sqlite_autoindex_webhook_calls_1": CallFilter(since=CLOCK.now()),
    }

    def plan(tx: Tx, wanted: CallFilter) -> str:
        where, values = webhook_calls._where(wanted, None)
        rows = tx.all(f"EXPLAIN QUERY PLAN SELECT * FROM webhook_calls WHERE {where} ORDER BY id DESC LIMIT 9", *values)
        return " ".join(row["detail"] for row in rows)

    for index, wanted in filters.items():
        assert index in await db.read(plan, wanted)


async def test_the_sums_count_by_outcome_and_tell_how_long_the_runs_took(db: Database) -> None:
    runs = [entry(duration_ms=ms) for ms in range(1, 101)]
    rest = [
        entry(served=Served.CACHE, duration_ms=0),
        entry(served=Served.SHARED, outcome=CallOutcome.FAILED),
        entry(outcome=CallOutcome.REFUSED),
        entry(outcome=CallOutcome.UNKNOWN),
        entry(webhook_id="w2"),
        entry(created_at=CLOCK.now() - timedelta(hours=2)),
    ]
    await db.write(webhook_calls.add, runs + rest)
    sums = await db.read(webhook_calls.sums, "w1", since=CLOCK.now() - timedelta(hours=1))
    assert (sums.answered, sums.failed, sums.refused, sums.unknown, sums.without_run) == (101, 1, 1, 1, 1)
    assert (sums.p50_ms, sums.p95_ms) == (50, 95)
    assert sums.success_rate == pytest.approx(101 / 103)


async def test_old_calls_go_and_so_does_what_is_past_the_most(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    ids = Ids(clock)
    old = [entry(id=ids.new()) for _ in range(3)]
    clock.advance(40 * 86_400)
    young = [entry(id=ids.new()) for _ in range(5)]
    await db.write(webhook_calls.add, old + young)

    def prune(tx: Tx) -> int:
        later = Tx(tx.connection, tx.ids, clock.now(), tx.epoch)
        return retention.prune_once(later, retention.Keep(), retention.Cursor()).rows.get("webhook_calls", 0)

    assert await db.write(prune) == 3
    monkeypatch.setattr(webhook_calls, "MOST", 2)
    assert await db.write(prune) == 3
    left = await db.read(webhook_calls.page, CallFilter(), before=None, limit=9)
    assert [one.id for one in left] == [one.id for one in reversed(young[3:])]
