"""The connections of outgoing calls: where one really leads is looked at here, whoever found the address.

No resolver is asked about an address in a URL, and about a name it may say something else the next time. A socket is
made for the one address that is about to be connected to.
"""

import ipaddress
import socket
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace

import aiohttp
import structlog
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver

from daemon import __version__
from daemon.engine.targets import Targets, never
from daemon.net.outcomes import Call

log = structlog.get_logger()

CALL: ContextVar[Call] = ContextVar("call")  # whose connection is being made; the tasks it is made in inherit it
KEPT_ALIVE = 4.0  # seconds: below the 5 s after which Node, which FastGPT and n8n run on, drops an idle connection


def keeping_session(names: AbstractResolver) -> aiohttp.ClientSession:
    """Connections are kept for a while, and used again for calls of the same host."""
    return _session(
        aiohttp.TCPConnector(  # who calls bounds how many
            limit=0,
            keepalive_timeout=KEPT_ALIVE,
            resolver=names,
            use_dns_cache=False,
            socket_factory=partial(_socket, None),
        )
    )


def fresh_session(names: AbstractResolver, targets: Targets | None = None) -> aiohttp.ClientSession:
    """A connection of its own for each call; with `targets`, only to where they let its target go."""
    return _session(
        aiohttp.TCPConnector(
            limit=0,
            force_close=True,
            resolver=names,
            use_dns_cache=False,
            socket_factory=partial(_socket, targets),
        )
    )


def _socket(targets: Targets | None, info: aiohttp.AddrInfoType) -> socket.socket:
    """For one address; OSError where it is not to be connected to. Without a call nothing is."""
    family, kind, protocol, _, (host, port, *_) = info
    call, address = CALL.get(), ipaddress.ip_address(host)
    target = call.target
    if never(address):
        call.barred = "targets.never"
    elif targets is not None and not (target is not None and target.port == port and targets.admits(target, address)):
        call.barred = "targets.private"
    else:
        return socket.socket(family, kind, protocol)
    log.warning("target.barred", service=call.service, address=str(address), port=port, code=call.barred)
    raise PermissionError(f"{host} may not be connected to")


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={hdrs.USER_AGENT: f"qiaod/{__version__}"},
        trace_configs=[_watch()],
    )


def _watch() -> aiohttp.TraceConfig:
    """Tells each call when its connection stands, and stops aiohttp's own resending.

    aiohttp sends GET, PUT, DELETE and the like once more when the connection dies, also a fresh one, and also when
    the request had been received.
    """

    async def starting(
        _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
    ) -> None:
        call: Call = context.trace_request_ctx
        url, target = request.url, call.target
        if target is not None and (url.scheme, url.raw_host, url.port) != (target.scheme, target.host, target.port):
            raise aiohttp.InvalidURL(url.host or "")  # it is read as another one than the one that was looked at

    async def connecting(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        call: Call = context.trace_request_ctx
        if call.connected and not call.repeatable:
            raise aiohttp.ServerDisconnectedError

    async def connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connected = True

    watch = aiohttp.TraceConfig()
    watch.on_request_start.append(starting)
    watch.on_connection_create_start.append(connecting)
    watch.on_connection_create_end.append(connected)
    watch.on_connection_reuseconn.append(connected)
    return watch
