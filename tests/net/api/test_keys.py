"""Keys through the API: made, shown once, used, rotated, revoked."""

from pathlib import Path

from daemon.domain.access import Role
from tests.net.server.served import serving_routes


async def test_a_key_is_shown_when_it_is_made_and_never_again(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        made = await api.post("/api/v1/keys", {"name": "n8n", "role": "agent"})
        assert made.status == 201
        assert made.json["key"].startswith(f"qk_{made.json['id']}_")
        assert made.headers["Location"] == f"/api/v1/keys/{made.json['id']}"
        seen = await api.get(made.headers["Location"])
        listed = await api.get("/api/v1/keys")
        assert "key" not in seen.json
        assert made.json["key"].encode() not in seen.body + listed.body


async def test_a_rotated_key_works_with_its_new_text_only(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        made = (await api.post("/api/v1/keys", {"name": "boss", "role": "admin"})).json
        new = (await api.post(f"/api/v1/keys/{made['id']}/rotate", {"overlap_hours": 0})).json
        old_try = await api.get("/api/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
        new_try = await api.get("/api/v1/keys", headers={"Authorization": f"Bearer {new['key']}"})
        assert new["id"] == made["id"]
        assert (old_try.status, old_try.code) == (401, "auth.unknown")
        assert new_try.status == 200


async def test_a_revoked_key_is_refused_and_says_why(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        made = (await api.post("/api/v1/keys", {"name": "ops", "role": "admin"})).json
        gone = await api.call("DELETE", f"/api/v1/keys/{made['id']}")
        refused = await api.get("/api/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
        assert (gone.status, gone.body) == (204, b"")
        assert (refused.status, refused.code) == (401, "auth.revoked")


async def test_the_last_admin_key_cannot_be_revoked(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        own = (await api.get("/api/v1/keys?role=admin")).json["data"][0]
        refused = await api.call("DELETE", f"/api/v1/keys/{own['id']}")
        assert (refused.status, refused.code) == (409, "key.last_admin")


async def test_pages_of_keys_cover_each_once_newest_first(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for name in "abcde":
            await api.post("/api/v1/keys", {"name": name, "role": "viewer"})
        page = (await api.get("/api/v1/keys?role=viewer&limit=2")).json
        names = [key["name"] for key in page["data"]]
        while page["next_cursor"]:
            page = (await api.get(f"/api/v1/keys?role=viewer&limit=2&cursor={page['next_cursor']}")).json
            names += [key["name"] for key in page["data"]]
        assert sorted(names) == list("abcde")
        assert page["total"] == 5
        assert page["filters"] == {"role": "viewer"}


async def test_only_admins_see_keys(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for role in set(Role) - {Role.ADMIN}:
            refused = await api.get("/api/v1/keys", role=role)
            assert (refused.status, refused.code) == (403, "auth.role")


async def test_an_unknown_key_is_not_found(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
            missing = await api.call(method, f"/api/v1/keys/aaaaaaaaaa{path}")
            assert (missing.status, missing.code) == (404, "key.not_found")


async def test_a_key_never_expires_in_the_past_nor_after_a_year(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for when in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
            refused = await api.post("/api/v1/keys", {"name": "x", "role": "viewer", "expires_at": when})
            assert (refused.status, refused.code) == (400, "key.bad_expiry")
