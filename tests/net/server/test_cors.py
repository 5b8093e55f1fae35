"""Which web pages may call us from a browser, and what they are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from attrs import define

from daemon.settings import load
from daemon.settings_read import BadSettings
from tests.flows.house import quick, running_daemon

SHOP = "https://shop.example.org"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}


@define
class Browser:
    http: aiohttp.ClientSession
    url: str

    async def asks(self, method: str, path: str, origin: str = SHOP, **headers: str) -> tuple[int, dict[str, str]]:
        """The status, and what it is told of CORS."""
        async with self.http.request(method, self.url + path, headers={"Origin": origin, **headers}) as answer:
            told = {name: value for name, value in answer.headers.items() if name.startswith("Access-C")}
            return answer.status, told | {name: answer.headers[name] for name in answer.headers if name == "Vary"}


@asynccontextmanager
async def browser(folder: Path, *origins: str) -> AsyncIterator[Browser]:
    async with running_daemon(quick(folder, http={"cors_origins": origins})) as bridge, aiohttp.ClientSession() as http:
        yield Browser(http, bridge.url)


async def test_without_origins_no_page_may_call(tmp_path: Path) -> None:
    async with browser(tmp_path) as page:
        assert await page.asks("OPTIONS", "/api/chat/c1", **PREFLIGHT) == (405, {})


async def test_a_page_of_a_listed_origin_may_ask_and_send(tmp_path: Path) -> None:
    async with browser(tmp_path, SHOP) as page:
        status, told = await page.asks("OPTIONS", "/api/chat/c1", **PREFLIGHT)
        assert "X-Request-ID" in told.pop("Access-Control-Expose-Headers")
        assert (status, told) == (
            204,
            {
                "Vary": "Origin",
                "Access-Control-Allow-Origin": SHOP,
                "Access-Control-Allow-Methods": "GET, POST, DELETE",
                "Access-Control-Allow-Headers": "authorization,content-type,x-stainless-lang",
                "Access-Control-Max-Age": "600",
            },
        )


async def test_a_page_of_another_origin_may_not(tmp_path: Path) -> None:
    async with browser(tmp_path, SHOP) as page:
        for origin in ("https://shop.example.org.evil.test", "http://shop.example.org", "null", ""):
            told = await page.asks("OPTIONS", "/api/chat/c1", origin, **PREFLIGHT)
            assert told == (204, {"Vary": "Origin"}), origin


async def test_errors_have_the_headers_too(tmp_path: Path) -> None:
    async with browser(tmp_path, SHOP) as page:
        for method, path, wanted in (("POST", "/api/chat/c1", 401), ("GET", "/api/chat/none/such", 404)):
            status, told = await page.asks(method, path)
            assert (status, told["Access-Control-Allow-Origin"], told["Vary"]) == (wanted, SHOP, "Origin")


async def test_any_origin_is_without_credentials_and_other_routes_are_for_no_page(tmp_path: Path) -> None:
    async with browser(tmp_path, "*") as page:
        status, told = await page.asks("GET", "/api/chat/c1/history?user_id=a")
        assert (status, told["Access-Control-Allow-Origin"]) == (401, "*")
        assert "Access-Control-Allow-Credentials" not in told
        for method, path in (("GET", "/api/v1/status"), ("OPTIONS", "/api/v1/keys"), ("GET", "/api/chats/x")):
            assert (await page.asks(method, path, **PREFLIGHT))[1] == {}


@pytest.mark.parametrize(
    "origin",
    ["shop.example.org", SHOP + "/", SHOP + "/chat", "https://Shop.example.org", "ftp://a", "https://*", "null"],
)
def test_what_is_no_origin_is_refused_in_the_settings(origin: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(None, {"QIAOD_HTTP_CORS_ORIGINS": origin})
    assert [mistake.code for mistake in caught.value.mistakes] == ["settings.want_origin"]


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:5173", "http://[::1]:3000", "*"])
def test_what_is_one_is_taken(origin: str) -> None:
    assert load(None, {"QIAOD_HTTP_CORS_ORIGINS": origin}).http.cors_origins == (origin,)
