"""Idempotency-Key: done once, told again."""

import asyncio
from datetime import timedelta
from pathlib import Path

from daemon.domain.access import Role
from daemon.store import idempotency
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx
from tests.net.server import zoo
from tests.net.server.served import Answer, Served, serving_routes
from tests.net.server.test_routes import JONAH, cages

DAY = timedelta(days=1)


async def take_in(api: Served, name: str = "Jonah", *, key: str = "k-1", role: Role = Role.ADMIN) -> Answer:
    return await api.post("/zoo", JONAH | {"name": name}, role=role, headers={"Idempotency-Key": key})


async def test_the_first_answer_is_given_again(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        first, second = await take_in(api), await take_in(api)
        assert api.app[zoo.FED] == ["Jonah"]
        assert (second.status, second.body, second.headers["ETag"]) == (first.status, first.body, first.headers["ETag"])
        assert second.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]


async def test_another_request_under_the_same_key_is_a_conflict(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        await take_in(api)
        refused = await take_in(api, "Ahab")
        assert (refused.status, refused.code) == (409, "idempotency.other_request")


async def test_two_callers_may_use_the_same_key(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        await take_in(api)
        assert (await take_in(api, "Ahab", role=Role.OPERATOR)).status == 201


async def test_while_the_first_call_runs_the_second_is_a_conflict(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        first = asyncio.create_task(take_in(api, "Slow"))
        async with asyncio.timeout(5):
            while not api.app[zoo.FED]:
                await api.get("/healthz")
        refused = await take_in(api, "Slow")
        api.app[zoo.GATE].set()
        assert (refused.status, refused.code) == (409, "idempotency.running")
        assert (await first).status == 201
        assert (await take_in(api, "Slow")).headers["Idempotency-Replayed"] == "true"


async def test_what_was_refused_may_be_tried_again_under_the_same_key(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        assert (await take_in(api, "Nobody")).status == 404
        assert (await take_in(api, "Jonah")).status == 201


async def test_what_may_have_happened_is_not_done_again(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        for name, status in (("Kraken", 504), ("Bug", 500)):
            first, second = await take_in(api, name, key=name), await take_in(api, name, key=name)
            assert first.status == status
            assert (second.status, second.code) == (409, "idempotency.uncertain")
        assert api.app[zoo.FED] == ["Kraken", "Bug"]


async def test_an_answer_with_a_secret_is_neither_stored_nor_given_again(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        new, headers = {"name": "x", "role": "viewer"}, {"Idempotency-Key": "once"}
        first = await api.post("/api/v1/keys", new, headers=headers)
        second = await api.post("/api/v1/keys", new, headers=headers)
        assert (first.status, second.status, second.code) == (201, 409, "idempotency.secret_answer")
        secret = first.json["key"].encode()
    assert all(secret[14:] not in path.read_bytes() for path in tmp_path.glob("db*"))


async def test_a_key_that_is_no_key_is_refused(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        for key in ("", "x" * 256, "schlüssel"):
            refused = await take_in(api, key=key)
            assert refused.status == 400
            assert refused.json["errors"][0]["field"] == "Idempotency-Key"


def begin(tx: Tx, key: str = "k") -> idempotency.Seen | None:
    return idempotency.begin(tx, actor="a", key=key, fingerprint=b"f", keep=DAY)


def finish(tx: Tx) -> None:
    idempotency.finish(tx, actor="a", key="k", status=201, body=b"{}", headers={"ETag": '"1"'})


def test_a_call_that_an_older_process_left_running_is_free_again() -> None:
    tx = open_tx(epoch=1)
    assert begin(tx) is None
    younger = Tx(tx.connection, tx.ids, tx.now, epoch=2)
    assert begin(younger) is None
    assert begin(younger) is not None


def test_a_late_answer_of_an_older_process_is_dropped() -> None:
    tx = open_tx(epoch=1)
    begin(tx)
    younger = Tx(tx.connection, tx.ids, tx.now, epoch=2)
    begin(younger)
    finish(tx)
    idempotency.release(tx, actor="a", key="k")
    seen = begin(younger)
    assert seen is not None
    assert seen.status is None


def test_an_answer_is_kept_for_a_day_across_restarts() -> None:
    clock = FakeClock()
    tx = open_tx(clock, epoch=1)
    begin(tx)
    finish(tx)
    clock.advance(DAY.total_seconds())
    seen = begin(Tx(tx.connection, tx.ids, clock.now(), epoch=2))
    assert seen == idempotency.Seen(fingerprint=b"f", status=201, body=b"{}", headers={"ETag": '"1"'})
    clock.advance(0.001)
    assert begin(Tx(tx.connection, tx.ids, clock.now(), epoch=2)) is None
