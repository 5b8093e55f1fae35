"""Puts the workflows of `tests/integration/n8n` into a real n8n by its public API, and takes them out again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from attrs import define, field

from daemon.codec import encode, parse
from daemon.sim.openai import DEMO_KEY

FOLDER = Path(__file__).parent / "n8n"
UNPUBLISHED = "unpublished"
LAST = "waits"  # of those that are published, in the order of their names
UNPUBLISHING = 409  # goes on for a moment after it is told to be done
CREDENTIALS = {  # by n8n's name of the kind; `secret` is what a caller says
    "httpBasicAuth": {"user": "ann", "password": "test-password-1"},
    "httpHeaderAuth": {"name": "X-Shop-Key", "value": "test-header-1"},
    "jwtAuth": {"keyType": "passphrase", "secret": "a passphrase of the tests alone", "algorithm": "HS256"},
}
SECRET = {"httpBasicAuth": "password", "httpHeaderAuth": "value", "jwtAuth": "secret"}


@define
class RealN8n:
    """`worker`: in the name and the path of all that is ours, so that nothing of anybody else's is touched."""

    url: str
    key: str
    worker: str
    model_port: int  # of the simulated model that its agent asks, on this machine
    ids: dict[str, str] = field(factory=dict)  # of workflows, by file
    credentials: dict[str, str] = field(factory=dict)  # their ids, by kind

    @property
    def host(self) -> str:
        """As `targets.allow` has it."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    def named(self, name: str) -> str:
        return f"qiaod-test-{self.worker}-{name}"

    def webhook(self, name: str) -> str:
        """The production URL of the workflow in the file of this name."""
        rest = {"chat": "/chat", "of-shop": f"/seven/{self.named('say')}"}  # behind the id of a node
        return f"{self.url}/webhook/{self.named(name)}{rest.get(name, '')}"

    def api(self, name: str) -> dict[str, str]:
        """As a webhook of ours names it."""
        return {"url": self.url, "key": self.key, "workflow_id": self.ids[name]}

    async def ask(self, http: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
        status, raw = await self.told(http, method, path, body)
        assert status < 300, (method, path, status, raw)
        return parse(raw) if raw else None

    async def told(self, http: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = {"X-N8N-API-KEY": self.key, "Content-Type": "application/json"}
        data = None if body is None else encode(body)
        async with http.request(method, f"{self.url}/api/v1{path}", data=data, headers=headers) as response:
            return response.status, await response.read()

    async def listed(self, http: aiohttp.ClientSession, path: str) -> AsyncIterator[dict[str, Any]]:
        """Those of ours."""
        cursor = ""
        while True:
            page = await self.ask(http, "GET", f"{path}?limit=100{cursor}")
            for one in page["data"]:
                if one["name"].startswith(self.named("")):
                    yield one
            if not page.get("nextCursor"):
                return
            cursor = f"&cursor={page['nextCursor']}"


async def deployed(n8n: RealN8n) -> None:
    """All published but one, and answering."""
    model = {"openAiApi": {"apiKey": DEMO_KEY, "url": f"http://127.0.0.1:{n8n.model_port}/v1", "header": False}}
    async with aiohttp.ClientSession() as http:
        for kind, data in {**CREDENTIALS, **model}.items():
            made = await n8n.ask(http, "POST", "/credentials", {"name": n8n.named(kind), "type": kind, "data": data})
            n8n.credentials[kind] = made["id"]
        for file in sorted(FOLDER.glob("*.json")):
            workflow = await n8n.ask(http, "POST", "/workflows", placed(parse(file.read_bytes()), n8n))
            n8n.ids[file.stem] = workflow["id"]
            if file.stem != UNPUBLISHED:
                await n8n.ask(http, "POST", f"/workflows/{workflow['id']}/activate")
        await answering(n8n, http, LAST)


def placed(workflow: dict[str, Any], n8n: RealN8n) -> dict[str, Any]:
    """With names, paths and credentials of its own."""
    workflow["name"] = n8n.named(workflow["name"])
    for node in workflow["nodes"]:
        if "webhookId" in node:
            node["webhookId"] = n8n.named(node["webhookId"])
        if "path" in node["parameters"]:  # its last part: n8n lets one workflow have a path, whatever id is before it
            *parts, last = node["parameters"]["path"].split("/")
            node["parameters"]["path"] = "/".join([*parts, n8n.named(last)])
        for kind, named in node.get("credentials", {}).items():
            named |= {"id": n8n.credentials[kind], "name": n8n.named(kind)}
    return workflow


async def answering(n8n: RealN8n, http: aiohttp.ClientSession, name: str) -> None:
    """Publishing takes effect some 0.3 s later; the last tells of all. Asked by a method that it does not take."""
    async with asyncio.timeout(20):
        while True:
            async with http.get(n8n.webhook(name)) as response:
                if b"Did you mean" in await response.read():
                    return
            await asyncio.sleep(0.05)


async def removed(n8n: RealN8n) -> None:
    async with aiohttp.ClientSession() as http:
        workflows = [one async for one in n8n.listed(http, "/workflows")]
        for one in workflows:
            if one["active"]:
                await n8n.ask(http, "POST", f"/workflows/{one['id']}/deactivate")
        async with asyncio.timeout(30):
            for one in workflows:
                await gone(n8n, http, f"/workflows/{one['id']}")
        for one in [one async for one in n8n.listed(http, "/credentials")]:
            await n8n.ask(http, "DELETE", f"/credentials/{one['id']}")


async def gone(n8n: RealN8n, http: aiohttp.ClientSession, path: str) -> None:
    while True:
        status, said = await n8n.told(http, "DELETE", path)
        if status != UNPUBLISHING:
            assert status < 300, said
            return
        await asyncio.sleep(0.1)
