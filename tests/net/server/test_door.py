"""Bounds of a key (where, which accounts, for how long), lockouts that outlive a restart, refusals in few rows."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.domain.access import SYSTEM, Actor, Role, within
from daemon.engine.access import KeyText, read_key
from daemon.engine.key_units import Terms
from daemon.errors import Conflict, Forbidden, RateLimited, Unauthenticated
from daemon.net.server.app import in_order
from daemon.net.server.auth import Caller, Door
from daemon.net.server.call import Call
from daemon.net.server.routes import Open, Routes
from daemon.secret import Secret
from daemon.store import keys, lockouts
from tests.clock import FakeClock
from tests.net.server.served import Served, serving_routes

HOME, AWAY = "192.0.2.1", "198.51.100.1"


def caller(address: str, text: str) -> Caller:
    return Caller(address=address, uid=None, authorization=f"Bearer {text}")


def wrong(text: Secret) -> str:
    told = read_key(text.reveal())
    assert told is not None
    return KeyText(told.id, "x" * 43).written().reveal()


async def guess(door: Door, clock: FakeClock, text: Secret, times: int, *, address: str = AWAY) -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            await door.admit(caller(address, wrong(text)), Role.VIEWER, {})
        clock.advance(1)


async def audited(api: Served) -> list[Any]:
    return await api.db.read(lambda tx: tx.all("SELECT * FROM audit WHERE outcome = 'refused' ORDER BY seq"))


async def test_a_key_bound_to_networks_works_only_there(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        made = await api.post("/api/v1/keys", {"name": "x", "role": "viewer", "networks": ["192.0.2.0/24"]})
        text = made.json["key"]
        assert await api.door.admit(caller(HOME, text), Role.VIEWER, {}) is not None
        assert await api.door.admit(caller("::ffff:192.0.2.9", text), Role.VIEWER, {}) is not None
        with pytest.raises(Forbidden, match="address"):
            await api.door.admit(caller(AWAY, text), Role.VIEWER, {})
        away = await api.get("/api/v1/status", role=None, headers={"Authorization": f"Bearer {text}"})
        assert (away.status, away.code) == (403, "auth.network")
        await api.door.book.settle()
        (row,) = await audited(api)
        assert (row["action"], row["target"], row["source"]) == ("call.refused", "GET /api/v1/status", "127.0.0.1")
        for networks in (["192.0.2.1/24"], ["here"]):
            refused = await api.post("/api/v1/keys", {"name": "x", "role": "viewer", "networks": networks})
            assert (refused.status, refused.code) == (400, "key.bad_network")


def test_the_unix_socket_counts_as_loopback() -> None:
    assert within("unix", ("127.0.0.0/8",))
    assert not within("unix", ("192.0.2.0/24",))
    assert not within("no address", ("0.0.0.0/0", "::/0"))


async def test_both_secrets_work_until_the_overlap_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        key, old = await api.access.create(name="x", role=Role.VIEWER, expires_at=None, by=SYSTEM)
        _, new = await api.access.rotate(key.id, overlap=timedelta(hours=1), by=SYSTEM)
        for text in (old, new):
            assert (await api.access.authenticate(text.reveal(), address=HOME)).id == key.id
        clock.advance(3601)
        await api.access.authenticate(new.reveal(), address=HOME)
        with pytest.raises(Unauthenticated):
            await api.access.authenticate(old.reveal(), address=HOME)


async def test_a_key_is_given_only_accounts_that_there_are(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        refused = await api.post("/api/v1/keys", {"name": "x", "role": "viewer", "accounts": ["nobody"]})
        assert (refused.status, refused.code) == (400, "key.no_account")


async def test_a_change_says_everything_and_the_audit_log_what_was_before(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        made = (await api.post("/api/v1/keys", {"name": "x", "role": "viewer"})).json
        path = f"/api/v1/keys/{made['id']}"
        body: dict[str, Any] = {"name": "x", "role": "operator", "networks": [], "accounts": None, "expires_at": None}
        assert (await api.call("PUT", path, json={"name": "x", "role": "operator"})).status == 400
        assert (await api.call("PUT", path, json=body, headers={"If-Match": '"9"'})).status == 412
        changed = await api.call("PUT", path, json=body, headers={"If-Match": '"1"'})
        assert (changed.status, changed.json["role"], changed.json["version"]) == (200, "operator", 2)
        row = await api.db.read(lambda tx: tx.one("SELECT detail FROM audit WHERE action = 'key.changed'"))
        assert row is not None
        assert row["detail"] == '{"role":{"before":"viewer","after":"operator"}}'


async def test_the_last_admin_of_everything_stays_one_for_ever(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        soon = clock.now() + timedelta(days=1)
        key, _ = await api.access.create(name="x", role=Role.ADMIN, expires_at=None, by=SYSTEM)
        await api.access.create(name="y", role=Role.ADMIN, expires_at=soon, by=SYSTEM)
        for role, expires_at in ((Role.OPERATOR, None), (Role.ADMIN, soon)):
            terms = Terms(name="x", role=role, expires_at=expires_at, networks=(), accounts=None)
            with pytest.raises(Conflict):
                await api.access.change(key.id, terms, version=None, by=SYSTEM)
        with pytest.raises(Conflict):
            await api.access.revoke(key.id, by=SYSTEM)
        await api.access.create(name="z", role=Role.ADMIN, expires_at=None, by=SYSTEM)
        await api.access.revoke(key.id, by=SYSTEM)


async def test_a_lockout_outlives_a_restart_and_so_does_trust(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        _, text = await api.access.create(name="x", role=Role.VIEWER, expires_at=None, by=SYSTEM)
        await api.door.admit(caller(HOME, text.reveal()), Role.VIEWER, {})
        await guess(api.door, clock, text, 10)
        await api.door.book.settle()
        after = Door.standard(type(api.access)(api.db, api.access.pepper), {}, clock, api.door.pressure)
        after.restore(await api.db.read(lockouts.load, 10), await api.db.read(keys.places, 10))
        with pytest.raises(RateLimited):
            await after.admit(caller("203.0.113.5", text.reveal()), Role.VIEWER, {})
        assert await after.admit(caller(HOME, text.reveal()), Role.VIEWER, {}) is not None
        with pytest.raises(RateLimited):  # where it is trusted, a wrong secret is told nothing either
            await after.admit(caller(HOME, wrong(text)), Role.VIEWER, {})
        clock.advance(301)
        assert await after.admit(caller("203.0.113.5", text.reveal()), Role.VIEWER, {}) is not None
        await after.book.look()
        ended = await api.db.read(lambda tx: tx.value("SELECT target FROM audit WHERE action = 'lockout.ended'"))
        assert ended.startswith("key:")


async def test_a_key_with_networks_of_its_own_is_never_locked_out_there(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        _, text = await api.access.create(
            name="x", role=Role.VIEWER, expires_at=None, networks=("192.0.2.0/24",), by=SYSTEM
        )
        await guess(api.door, clock, text, 10, address="192.0.2.77")
        assert await api.door.admit(caller(HOME, text.reveal()), Role.VIEWER, {}) is not None


async def test_an_attack_leaves_a_row_a_ban_and_not_one_a_wrong_key(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        _, text = await api.access.create(name="x", role=Role.VIEWER, expires_at=None, by=SYSTEM)
        before = await api.db.read(lambda tx: tx.value("SELECT count(*) FROM audit"))
        await guess(api.door, clock, text, 10)
        for _ in range(50):
            with pytest.raises(RateLimited):
                await api.door.admit(caller(AWAY, wrong(text)), Role.VIEWER, {})
        await api.door.book.look()
        (row,) = await audited(api)
        assert (row["action"], row["actor"], row["role"]) == ("lockout.begun", f"address:{AWAY}", "none")
        assert await api.db.read(lambda tx: tx.value("SELECT count(*) FROM audit")) == before + 1


async def test_refusals_are_told_at_once_and_then_counted(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for _ in range(5):
            assert (await api.get("/api/v1/keys", role=Role.VIEWER)).status == 403
        await api.door.book.settle()
        assert len(await audited(api)) == 1
        await api.door.book.look()
        await api.door.book.look()
        first, more = await audited(api)
        assert (first["target"], first["role"]) == ("GET /api/v1/keys", "viewer")
        assert '"more":4' in more["detail"]


async def test_however_many_kinds_of_refusals_there_are_they_are_few_rows(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for number in range(1000):
            api.door.book.refused(Actor(id=f"address:{number}", role=None), "call.refused", "x", {})
        await api.door.book.look()
        rows = await audited(api)
        assert len(rows) == 101
        assert '"more":900' in rows[-1]["detail"]


async def test_a_uid_without_a_role_is_refused_and_noted(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        refused = await api.get("/api/v1/status", role=None, local=True)
        assert (refused.status, refused.code) == (403, "auth.uid")
        await api.door.book.settle()
        (row,) = await audited(api)
        assert (row["actor"].startswith("uid:"), row["source"]) == (True, "unix")


async def test_an_expired_key_is_noted_once(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        await api.access.create(name="x", role=Role.VIEWER, expires_at=clock.now() + timedelta(hours=1), by=SYSTEM)
        clock.advance(3601)
        await api.door.book.look()
        await api.door.book.look()
        assert await api.db.read(lambda tx: tx.value("SELECT count(*) FROM audit WHERE action = 'key.expired'")) == 1


async def anybody(_: Call) -> None:
    return None


async def test_a_limited_key_cannot_do_what_concerns_every_account(tmp_path: Path) -> None:
    general = Routes("General")
    general.get("/general", role=Role.VIEWER, summary="", whole=True)(anybody)
    async with serving_routes(tmp_path, general) as api:
        await api.db.write(
            lambda tx: tx.run(
                """INSERT INTO accounts (id, app_id, name, product, base_url, token, callback_group, state, policy,
                                         created_ms, updated_ms, version)
                   VALUES ('a', 'a', 'a', 'hosted', '', x'', '', 'online', '{}', 0, 0, 1)"""
            )
        )
        _, text = await api.access.create(
            name="x", role=Role.ADMIN, expires_at=None, accounts=frozenset({"a"}), by=SYSTEM
        )
        for path in ("/general", "/api/v1/keys"):
            refused = await api.get(path, role=None, headers={"Authorization": f"Bearer {text.reveal()}"})
            assert (refused.status, refused.code) == (403, "auth.scope")


def test_nothing_is_served_while_a_route_does_not_say_who_may_call_it() -> None:
    table = Routes("Bad")
    table.get("/bad", role=Open.PUBLIC, summary="")(anybody)
    object.__setattr__(table.routes[0], "who", None)
    with pytest.raises(TypeError, match="who may call"):
        in_order([table])


async def test_what_people_change_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        made = [await api.post("/api/v1/keys", {"name": "x", "role": "viewer"}) for _ in range(31)]
        assert [answer.status for answer in made] == [201] * 30 + [429]
        assert made[0].headers["RateLimit-Policy"] == '"write";q=30;w=3'
        assert (await api.get("/api/v1/keys")).status == 200
