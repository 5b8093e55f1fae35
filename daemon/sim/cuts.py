"""Ways to end a connection that no honest server would choose."""

import asyncio
import socket
import struct

from aiohttp import web

_LINGER_NONE = struct.pack("ii", 1, 0)  # close at once and reset, RFC 9293 "abort"


def cut(request: web.BaseRequest) -> None:
    """Close after what is already written: the client sees the end where it expected more."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.BaseRequest) -> None:
    """A TCP reset."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        transport.abort()


def gone(request: web.BaseRequest) -> bool:
    """Has the client, or a cut, ended the connection?"""
    return request.transport is None or request.transport.is_closing()


async def half(request: web.BaseRequest, answer: web.Response) -> web.StreamResponse:
    """Promise the whole length, send half of it, cut."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    started = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    started.content_length = max(len(body), 2)
    await started.prepare(request)
    await started.write(body[: max(len(body) // 2, 1)] or b" ")
    cut(request)
    return started
