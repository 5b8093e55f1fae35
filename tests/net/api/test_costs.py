"""Costs, quotas and prices through the API."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from daemon.domain.access import SYSTEM, Role
from daemon.domain.cost import Scopes
from daemon.engine import costs
from daemon.engine.costs import USUAL
from daemon.engine.prices import Prices
from daemon.engine.quotas import Quotas
from daemon.net.api import services
from daemon.net.api.costs import routes as cost_routes
from daemon.net.api.costs_csv import lines
from daemon.net.api.prices import routes as price_routes
from daemon.net.api.quotas import routes as quota_routes
from daemon.net.server.call import Call
from daemon.net.server.routes import Routes
from daemon.store.database import Database
from daemon.store.tx import Tx
from tests.engine.charging import charge, points
from tests.net.server.served import Served, serving_routes

DAILY = {"name": "AI, daily", "period": "day", "measure": "points", "cap_micro": 5_000_000}
PRICE = {"provider": "fastgpt", "point_micro": 15_000}

spending = Routes("Spending")


@spending.post("/spend", role=Role.OPERATOR, summary="Reserve a point for each account")
async def spend(call: Call) -> None:
    await call.service(services.DATABASE).write(costs.reserve, charge("spent", points(9_000_000)), USUAL)


def given(db: Database) -> dict[Any, Any]:
    return {
        services.DATABASE: db,
        services.CURRENCY: "CNY",
        services.PRICES: Prices(db),
        services.QUOTAS: Quotas(db, "Asia/Shanghai"),
    }


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    tables = (cost_routes, quota_routes, price_routes, spending)
    async with serving_routes(folder, *tables, services=given) as api:
        yield api


def spent(tx: Tx, /, ref: str, used: int, **scopes: str) -> None:
    costs.reserve(tx, charge(ref, points(used), scopes=Scopes(**scopes)), USUAL)
    assert costs.settle(tx, ref, points(used))


async def test_a_quota_is_added_shown_with_what_is_left_changed_and_removed(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        added = await api.post("/api/v1/quotas", DAILY)
        assert added.status == 201
        path = added.headers["Location"]
        assert added.json["time_zone"] == "Asia/Shanghai"
        await api.db.write(spent, "1", 2_000_000)
        (window,) = (await api.get(path)).json["windows"]
        assert (window["used_micro"], window["left_micro"], window["reserved_micro"]) == (2_000_000, 3_000_000, 0)
        changed = await api.call("PUT", path, json={"name": "x", "cap_micro": 9}, headers={"If-Match": '"1"'})
        stale = await api.call("PUT", path, json={"name": "x", "cap_micro": 9}, headers={"If-Match": '"1"'})
        assert (changed.status, changed.json["version"], stale.status) == (200, 2, 412)
        assert (await api.call("DELETE", path)).status == 204
        assert (await api.get(path)).code == "quota.not_found"
        actions = await api.db.read(lambda tx: [row[0] for row in tx.all("SELECT action FROM audit ORDER BY seq")])
        assert [action for action in actions if action.startswith("quota")] == [
            "quota.created",
            "quota.changed",
            "quota.removed",
        ]


async def test_a_quota_in_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for zone in ("Mars/Base", "../../etc/passwd", "Asia"):
            refused = await api.post("/api/v1/quotas", DAILY | {"time_zone": zone})
            assert (refused.status, refused.json["errors"][0]["field"]) == (400, "time_zone")


async def test_402_says_what_is_left_and_when_it_renews(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        quota = (await api.post("/api/v1/quotas", DAILY)).json
        refused = await api.post("/spend")
        assert (refused.status, refused.code) == (402, "quota.exceeded")
        assert refused.json["quota"] == {
            "id": quota["id"],
            "name": "AI, daily",
            "scope": "global",
            "measure": "points",
            "left_micro": 5_000_000,
            "cap_micro": 5_000_000,
            "renews_at": quota["windows"][0]["renews_at"],
        }


async def test_a_price_is_added_changed_and_removed_only_before_it_holds(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        added = await api.post("/api/v1/prices", PRICE)
        assert added.status == 201
        path = added.headers["Location"]
        again = await api.post("/api/v1/prices", PRICE | {"valid_from": added.json["valid_from"]})
        assert (again.status, again.code) == (409, "price.taken")
        changed = await api.call("PUT", path, json=PRICE | {"point_micro": 2}, headers={"If-Match": '"1"'})
        assert (changed.json["point_micro"], changed.json["valid_from"]) == (2, added.json["valid_from"])
        kept = await api.call("DELETE", path)
        assert (kept.status, kept.code) == (409, "price.in_force")
        coming = await api.post("/api/v1/prices", PRICE | {"valid_from": "2999-01-01T00:00:00Z"})
        listed = (await api.get("/api/v1/prices?current=true&provider=fastgpt")).json
        assert [price["id"] for price in listed["data"]] == [added.json["id"]]
        assert (await api.call("DELETE", coming.headers["Location"])).status == 204


async def test_a_price_that_was_missing_ends_the_alert(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.db.write(spent, "1", 1)
        await api.post("/api/v1/prices", PRICE)
        assert await api.db.read(lambda tx: tx.value("SELECT count(*) FROM alerts WHERE resolved_ms IS NULL")) == 0


async def test_sums_are_grouped_and_records_are_listed(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.post("/api/v1/prices", PRICE)
        await api.db.write(spent, "1", 2_000_000, account_id="a")
        await api.db.write(spent, "2", 1_000_000, account_id="b")
        told = (await api.get("/api/v1/costs/summary?group_by=account", role=Role.VIEWER)).json
        assert (told["currency"], told["total"]["cost_micro"], told["total"]["calls"]) == ("CNY", 45_000, 2)
        assert [(group["key"], group["cost_micro"]) for group in told["groups"]] == [("a", 30_000), ("b", 15_000)]
        first = (await api.get("/api/v1/costs/records?limit=1", role=Role.OPERATOR)).json
        second = (await api.get(f"/api/v1/costs/records?limit=1&cursor={first['next_cursor']}")).json
        assert [first["data"][0]["ref"], second["data"][0]["ref"], first["total"]] == ["2", "1", 2]
        assert first["data"][0]["priced"] is True


async def test_only_operators_see_records(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for path in ("records", "export"):
            assert (await api.get(f"/api/v1/costs/{path}", role=Role.VIEWER)).status == 403


async def test_more_than_a_year_or_so_is_not_looked_through(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for query in ("since=2020-01-01T00:00:00Z", "until=2020-01-01T00:00:00Z&since=2021-01-01T00:00:00Z"):
            for what in ("summary", "records", "export"):
                assert (await api.get(f"/api/v1/costs/{what}?{query}")).status == 400


async def test_the_export_is_a_table_of_every_record_that_a_spreadsheet_does_not_compute(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for number in range(3):
            await api.db.write(spent, str(number), 1_500_000, contact="=cmd|'/C calc'!A0")
        answer = await api.get("/api/v1/costs/export")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert answer.body.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
        assert [(row["contact"], row["points"], row["currency"]) for row in rows] == [
            ("'=cmd|'/C calc'!A0", "1.5", "CNY")
        ] * 3


def test_no_cell_begins_like_a_formula() -> None:
    for beginning in ("=", "+", "-", "@", "\t=", "\r", "  =", "＝"):
        (cells,) = csv.reader(io.StringIO(lines([[f"{beginning}1", "1"]]).decode(), newline=""))
        assert cells[0].startswith("'")
        assert cells[1] == "1"


def account(tx: Tx, account_id: str) -> None:
    tx.run(
        """
        INSERT INTO accounts (id, app_id, name, product, base_url, token, callback_group, state, policy, created_ms,
                              updated_ms, version)
        VALUES ($1, $1, $1, 'hosted', '', x'00', '', 'online', '{}', 0, 0, 1)
        """,
        account_id,
    )


async def test_who_may_touch_some_accounts_sees_and_sets_what_is_theirs(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for ref, account_id in (("1", "a"), ("2", "b")):
            await api.db.write(account, account_id)
            await api.db.write(spent, ref, 1, account_id=account_id)
        everybody = (await api.post("/api/v1/quotas", DAILY | {"scope": "account", "name": "each"})).json
        for quota in (DAILY, DAILY | {"scope": "account", "scope_id": "b"}):
            await api.post("/api/v1/quotas", quota)
        _, key = await api.access.create(
            name="a's", role=Role.ADMIN, expires_at=None, accounts=frozenset({"a"}), by=SYSTEM
        )
        own = {"Authorization": f"Bearer {key.reveal()}"}
        listed = (await api.get("/api/v1/quotas", headers=own)).json
        assert [quota["id"] for quota in listed["data"]] == [everybody["id"]]
        records = (await api.get("/api/v1/costs/records", headers=own)).json
        assert [record["ref"] for record in records["data"]] == ["1"]
        assert (await api.get("/api/v1/costs/summary", headers=own)).json["total"]["calls"] == 1
        refused = [
            await api.get("/api/v1/costs/summary?account_id=b", headers=own),
            await api.get("/api/v1/costs/export?account_id=b", headers=own),
            await api.post("/api/v1/prices", PRICE, headers=own),
            await api.post("/api/v1/quotas", DAILY, headers=own),
            await api.post("/api/v1/quotas", DAILY | {"scope": "account"}, headers=own),
            await api.call("DELETE", f"/api/v1/quotas/{everybody['id']}", headers=own),
        ]
        assert {(answer.status, answer.code) for answer in refused} == {(403, "auth.account")}
        mine = await api.post("/api/v1/quotas", DAILY | {"scope": "account", "scope_id": "a"}, headers=own)
        assert mine.status == 201
