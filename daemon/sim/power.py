"""A simulator that can be switched off and on again at the same address: calls are refused in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define, field

from daemon.sim.server import SHUTDOWN_S


@define(eq=False, kw_only=True)
class Power:
    """`url` stays the same; what is under way when it is switched off is not cut by that."""

    url: str
    runner: web.AppRunner
    host: str
    port: int
    site: web.TCPSite | None = field(default=None)

    async def on(self) -> None:
        if self.site is None:
            self.site = web.TCPSite(self.runner, self.host, self.port, reuse_address=True)
            await self.site.start()

    async def off(self) -> None:
        """Listens no more."""
        if self.site is not None:
            site, self.site = self.site, None
            await site.stop()


@asynccontextmanager
async def powered(
    app: web.Application, host: str = "127.0.0.1", port: int = 0, *, keepalive_s: float
) -> AsyncIterator[Power]:
    """Switched on; port 0 lets the system choose. An idle connection is closed after `keepalive_s`."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=keepalive_s)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        url = f"http://{address[0]}:{address[1]}"
        yield Power(url=url, runner=runner, host=host, port=address[1], site=site)
    finally:
        await runner.cleanup()
