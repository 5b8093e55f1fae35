"""Errors as callers see them: problem documents in their language, without what must not be seen."""

from pathlib import Path

import pytest
from aiohttp import web

from daemon.errors import Invalid, RateLimited, RemoteError, StoreUnavailable
from daemon.net.server.language import choose
from daemon.net.server.problems import status_of
from daemon.secret import Secret
from tests.net.server import zoo
from tests.net.server.served import serving_routes
from tests.net.server.test_routes import JONAH, cages


async def test_a_problem_says_everything_a_client_may_read(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        told = await api.get("/nowhere", headers={"X-Request-ID": "trace-0123456789"})
        assert told.headers["Content-Type"] == "application/problem+json"
        assert told.json == {
            "type": "/problems/http.no_such_route",
            "title": "Not Found",
            "status": 404,
            "detail": "There is nothing at this path.",
            "instance": "trace-0123456789",
            "code": "http.no_such_route",
            "request_id": "trace-0123456789",
            "error": "Not Found",
            "message": "There is nothing at this path.",
        }


async def test_a_problem_type_leads_to_its_explanation(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        kind = (await api.get("/nowhere")).json["type"]
        explained = await api.get(kind, role=None)
        assert explained.json["en"] == "There is nothing at this path."
        assert (await api.get("/problems/made.up", role=None)).status == 404


async def test_a_wrong_method_says_which_are_right(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        refused = await api.call("PATCH", "/api/v1/keys")
        assert (refused.status, refused.code) == (405, "http.method_not_allowed")
        assert set(refused.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_a_crash_shows_nothing_of_itself_and_is_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        told = await api.post("/zoo", JONAH | {"name": "Bug"})
        assert (told.status, told.code) == (500, "internal")
        assert b"secret-in-a-message" not in told.body
        assert b"zoo.py" not in told.body
    assert capsys.readouterr().out.count("http.crashed") == 1


@pytest.mark.parametrize(("how", "status"), [("memory", 503), ("recursion", 503), ("overflow", 400), ("other", 500)])
async def test_exhaustion_is_unavailability_not_a_crash(tmp_path: Path, how: str, status: int) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        assert (await api.get(f"/crash?how={how}", role=None)).status == status


async def test_a_known_secret_is_masked_wherever_it_turns_up(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        api.redactor.add(Secret("gewe-token-4711"))
        told = await api.get("/zoo/gewe-token-4711?gewe-token-4711=1")
        assert told.status == 400
        assert b"4711" not in told.body
        assert b"***" in told.body


async def test_a_request_id_is_taken_only_if_it_is_fit_for_a_log(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for bad in ("short", "x" * 200, "white space here", "ünïcödé-0123"):
            answer = await api.get("/healthz", headers={"X-Request-ID": bad})
            assert answer.headers["X-Request-ID"] != bad
            assert len(answer.headers["X-Request-ID"]) == 36


async def test_the_log_has_the_pattern_of_a_route_never_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        await api.call("POST", "/hooks/the-secret-in-the-path", role=None, data=b"{}")
        await api.call("POST", "/hooks/the-secret-in-the-path", role=None, data=bytes(2000))
        await api.call("GET", "/hooks/the-secret-in-the-path", role=None)
        await api.get("/the-secret-in-the-path")
        metrics = (await api.get("/metrics")).body.decode()
    logged = capsys.readouterr().out
    assert logged.count("route=/hooks/{secret}") == 2
    assert "the-secret-in-the-path" not in logged + metrics


def test_the_nearest_ancestor_decides_the_status() -> None:
    class Strange(RemoteError):
        pass

    assert status_of(Strange("x", service="y"), {}) == 502
    assert status_of(Invalid(), {Invalid: 422}) == 422


async def test_every_answer_refuses_to_be_sniffed_or_framed(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for path in ("/healthz", "/nowhere", "/docs", "/api/v1/keys"):
            headers = (await api.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Server"] == "qiaod"
            assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"), ("zh", "zh"), ("zh-TW,zh;q=0.9", "zh"), ("de, zh;q=0.5, en;q=0.4", "zh"), ("*", "en"),
        ("zh;q=0", "en"), ("zh;q=nonsense", "en"), ("," * 5000 + "zh", "en"), ("en;q=0.1, zh;q=0.2", "zh"),
    ],
)  # fmt: skip
def test_the_language_the_caller_likes_most_is_spoken(accepted: str | None, language: str) -> None:
    assert choose(accepted, "en") == language


def test_waits_are_told_in_whole_seconds_and_never_too_early() -> None:
    from datetime import timedelta

    from daemon.net.server.problems import Teller
    from daemon.secret import Redactor

    def told(seconds: float) -> web.Response:
        wait = timedelta(seconds=seconds)
        error = RateLimited("rate.api", retry_after=wait) if seconds < 5 else StoreUnavailable("x", retry_after=wait)
        return Teller(Redactor()).tell(error, language="en", request_id="r")

    assert [told(s).headers["Retry-After"] for s in (0.01, 1.0, 1.2, 30)] == ["1", "1", "2", "30"]
