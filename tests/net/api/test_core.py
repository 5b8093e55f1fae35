"""The daemon about itself: alive, ready, its figures, its state."""

from pathlib import Path

from daemon.domain.access import Role
from tests.net.server.served import serving_routes


async def test_anybody_may_ask_whether_it_lives_with_whatever_a_probe_adds(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for path in ("/healthz", "/healthz/", "/healthz?t=1234"):
            assert (await api.get(path, role=None)).json == {"status": "ok"}


async def test_it_is_not_ready_while_there_is_a_reason(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        assert (await api.get("/readyz", role=None)).json == {"ready": True, "reasons": []}
        api.readiness.blocked_by("store")
        unready = await api.get("/readyz", role=None)
        assert (unready.status, unready.json) == (503, {"ready": False, "reasons": ["store"]})
        api.readiness.free_of("store")
        assert (await api.get("/readyz", role=None)).status == 200


async def test_figures_are_for_prometheus_and_count_by_route(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        await api.get("/api/v1/keys/aaaaaaaaaa")
        page = await api.get("/metrics", role=Role.VIEWER)
        assert page.headers["Content-Type"].startswith("text/plain; version=")
        assert b'qiaod_http_requests_total{method="GET",route="/api/v1/keys/{key_id}",status="404"} 1.0' in page.body


async def test_the_state_is_for_viewers_and_auditors(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for role, status in ((Role.VIEWER, 200), (Role.AUDITOR, 200), (Role.AGENT, 403), (None, 401)):
            assert (await api.get("/api/v1/status", role=role)).status == status
        assert (await api.get("/api/v1/status")).json["queues"][0]["lane"] == "turn"
