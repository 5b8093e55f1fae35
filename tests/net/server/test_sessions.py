"""The console's session: begun with a key, kept in a cookie, void as soon as anything about it is not as it was."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from daemon.domain.access import SYSTEM, Role
from daemon.engine.key_units import Terms
from daemon.store import sessions
from tests.clock import FakeClock
from tests.net.server.served import Answer, Served, serving_routes

PATH = "/api/v1/session"
KEYS = "/api/v1/keys"


async def login(api: Served, role: Role = Role.ADMIN, headers: dict[str, str] | None = None) -> str:
    """The cookie, as a browser sends it back."""
    answer = await api.post(PATH, {"key": (await api.key(role)).reveal()}, role=None, headers=headers or {})
    assert answer.status == 200, answer.body
    return answer.headers["Set-Cookie"].partition(";")[0]


async def with_cookie(api: Served, cookie: str, method: str = "GET", path: str = PATH, **more: Any) -> Answer:
    headers = {"Cookie": cookie} | more.pop("headers", {})
    return await api.call(method, path, role=None, headers=headers, **more)


async def test_a_cookie_stands_for_the_key_it_was_given_for(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        begun = await api.post(PATH, {"key": (await api.key(Role.VIEWER)).reveal()}, role=None)
        cookie = begun.headers["Set-Cookie"]
        assert {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        seen = await with_cookie(api, cookie.partition(";")[0])
        assert (seen.status, seen.json["role"], seen.json["name"]) == (200, "viewer", "viewer")
        assert (await with_cookie(api, cookie.partition(";")[0], path=KEYS)).code == "auth.role"
        stored = await api.db.read(lambda tx: tx.all("SELECT hash FROM sessions"))
        assert cookie.partition("=")[2].partition(";")[0].encode() not in stored[0]["hash"]


async def test_over_tls_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        told = {"X-Forwarded-Proto": "https"}
        assert (await login(api, headers=told)).startswith("qiaod=")  # anybody can say that
        api.door.proxies = [ip_network("127.0.0.0/8")]
        cookie = await login(api, headers=told)
        assert cookie.startswith("__Host-qiaod=")
        assert (await with_cookie(api, cookie, headers=told)).status == 200
        assert (await with_cookie(api, cookie.removeprefix("__Host-"), headers=told)).code == "auth.missing"


async def test_another_site_changes_nothing_with_the_cookie(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        cookie, own = await login(api), api.url
        outcomes = {
            (): 403,
            (("Origin", "https://evil.example"),): 403,
            (("Origin", "null"),): 403,
            (("Sec-Fetch-Site", "cross-site"),): 403,
            (("Sec-Fetch-Site", "same-site"),): 403,
            (("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")): 403,
            (("Origin", own),): 201,
            (("Sec-Fetch-Site", "same-origin"),): 201,
        }
        for headers, status in outcomes.items():
            made = await with_cookie(
                api, cookie, "POST", KEYS, json={"name": "x", "role": "viewer"}, headers=dict(headers)
            )
            assert made.status == status, headers
        assert (await with_cookie(api, cookie, headers={"Origin": "https://evil.example"})).status == 200
        foreign = await api.post(PATH, {"key": "x"}, role=None, headers={"Origin": "https://evil.example"})
        assert foreign.code == "auth.other_site"


async def test_half_an_hour_alone_ends_a_session_and_so_do_twelve_hours(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        idle, busy = await login(api), await login(api)
        for _ in range(24):
            clock.advance(29 * 60)
            assert (await with_cookie(api, busy)).status == 200
        assert (await with_cookie(api, idle)).code == "session.ended"
        clock.advance(25 * 60)
        assert (await with_cookie(api, busy)).code == "session.ended"


async def test_whatever_changes_about_the_key_ends_its_sessions(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for change in ("change", "rotate", "revoke"):
            key, text = await api.access.create(name="p", role=Role.ADMIN, expires_at=None, by=SYSTEM)
            api.keys[Role.VIEWER] = text
            cookie = await login(api, Role.VIEWER)
            assert (await with_cookie(api, cookie)).status == 200
            if change == "change":
                terms = Terms(name="q", role=Role.ADMIN, expires_at=None, networks=(), accounts=None)
                await api.access.change(key.id, terms, version=None, by=SYSTEM)
            elif change == "rotate":
                await api.access.rotate(key.id, overlap=timedelta(hours=1), by=SYSTEM)
            else:
                await api.key(Role.ADMIN)
                await api.access.revoke(key.id, by=SYSTEM)
            assert (await with_cookie(api, cookie)).code == "session.ended", change


async def test_who_logs_out_is_out_and_a_21st_session_ends_the_oldest(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        first = await login(api)
        gone = await with_cookie(api, first, "DELETE", headers={"Origin": api.url})
        assert (gone.status, "Max-Age=0" in gone.headers["Set-Cookie"]) == (204, True)
        assert (await with_cookie(api, first)).code == "session.ended"
        found = await api.access.authenticate((await api.key(Role.ADMIN)).reveal(), address="127.0.0.1")
        cookies = [(await api.door.sessions.begin(found, by=SYSTEM)).reveal() for _ in range(sessions.MOST + 1)]
        statuses = [(await with_cookie(api, f"qiaod={cookie}")).status for cookie in cookies]
        assert sorted(statuses) == [200] * sessions.MOST + [401]
        actions = [row["action"] for row in await api.db.read(lambda tx: tx.all("SELECT action FROM audit"))]
        assert {"session.begun", "session.ended"} <= set(actions)


async def test_a_session_cannot_be_begun_by_guessing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        for _ in range(30):
            assert (await api.post(PATH, {"key": "qk_nonsense"}, role=None)).status == 401
            clock.advance(1)
        assert (await api.post(PATH, {"key": (await api.key(Role.VIEWER)).reveal()}, role=None)).code == "auth.locked"
        await api.door.book.look()
        rows = await api.db.read(lambda tx: tx.all("SELECT action, detail FROM audit WHERE outcome = 'refused'"))
        assert [row["action"] for row in rows] == ["lockout.begun", "session.failed", "session.failed"]
        assert '"more":30' in rows[-1]["detail"]
