"""Addresses that people set: what is none is refused by name, and what is one is looked up as calls look it up."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.flows.house import house
from tests.net.nameserver import Zone, name_server

NONE = ("http://[x", "http://b0b]", "http://[1:2]", "http://x:ab", "http://x:99999", "http://:80", "http://a\u2100b")
ACCOUNT = {"name": "Other", "token": "00000000-0000-0000-0000-000000000000"}
WORKFLOWS = "/api/v1/workflows"


def fields(told: Any) -> list[str]:
    return [problem["field"] for problem in told["errors"]]


async def test_an_address_that_is_none_is_refused_wherever_one_is_set(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = await h.api.post("/api/v1/keys", {"name": "many", "role": "admin", "rate_limit": 1000})
        api = evolve(h.api, key=key["key"])
        model = {"name": "M", "provider": "openai", "model": "m", "key": "k", "check": False}
        flow = {"name": "F", "key": "k", "check": False}
        hook = await h.api.post("/api/v1/webhooks", {"task_type": "t", "url": "https://n8n.example.com/webhook/x"})
        for url in NONE:
            for path, body in (
                (WORKFLOWS, model),
                (WORKFLOWS, flow),
                ("/api/v1/integrations/gewe/accounts", ACCOUNT),
            ):
                status, told = await api.call("POST", path, body | {"base_url": url})
                assert (status, fields(told)) == (400, ["base_url"]), url
            for method, path in (("POST", "/api/v1/webhooks"), ("PUT", f"/api/v1/webhooks/{hook['id']}")):
                status, told = await api.call(method, path, {"task_type": "t", "url": url, "auth": {"kind": "none"}})
                assert (status, told["code"][:8]) == (400, "targets."), url


@pytest.mark.parametrize("name", ["fastgpt", "nobody"])
async def test_a_check_looks_the_name_up_where_the_settings_say(tmp_path: Path, name: str) -> None:
    async with (
        name_server(fastgpt=Zone(addresses=["127.0.0.1"])) as server,
        house(tmp_path, dns={"servers": (server.address,)}) as h,
    ):
        path = f"{WORKFLOWS}/{h.workflow_id}"
        known = await h.api.get(path)
        url = known["base_url"].replace("127.0.0.1", f"{name}.example")
        status, told = await h.api.call("PUT", path, {"name": "Sales", "base_url": url, "app_id": known["app_id"]})
        assert status == 200, told
        steps = (await h.api.post(f"{path}/check", {}))["steps"]
        found = {step["step"]: step["found"] for step in steps}
        assert (found["resolve"], found["app"]) == (("ok", "ok") if name == "fastgpt" else ("failed", "skipped"))
