"""Received media: pictures, voices, videos and files that people sent, as far as they were fetched."""

import asyncio
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, BinaryIO
from urllib.parse import quote

from aiohttp import hdrs, web
from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.media import ANYTHING, SUFFIXES, MediaFile, MediaKind, MediaState
from daemon.net.api.services import MEDIA
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Note
from daemon.net.server.problems import Refused
from daemon.net.server.routes import Routes

routes = Routes("Media")

PATH = "/api/v1/integrations/gewe/media"
PIECE = 64 * 1024


@frozen(kw_only=True)
class MediaView:
    message_id: Annotated[str, Note("The received message that brought it.")]
    account_id: str
    conversation_id: str
    kind: MediaKind
    state: Annotated[MediaState, Note("dropped: removed again, for its age or to keep within the size budget.")]
    name: Annotated[str, Note("Of a file, as its sender called it: not to be trusted.")]
    media_type: Annotated[str | None, Note("By its first bytes; what its sender says of it does not count.")]
    size: Annotated[int, Note("Bytes; 0 until it was fetched.")]
    sha256: str | None
    error: Annotated[str | None, Note("Why it is not here, or not yet, as a machine code.")]
    created_at: Annotated[datetime, Note("When it was asked for, the last time.")]
    fetched_at: datetime | None


@routes.get(PATH, role=Role.OPERATOR, summary="List received media, newest message first")
async def page(
    call: Call,
    paging: Paging,
    *,
    account_id: str | None = None,
    kind: MediaKind | None = None,
    state: MediaState | None = None,
) -> Page[MediaView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(MEDIA).page(
        scope=call.scope if account_id is None else {account_id},
        kind=kind,
        state=state,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda medium: medium.message_id)


@routes.get(PATH + "/{message_id}", role=Role.OPERATOR, summary="Show what is known of a received medium")
async def show(call: Call, message_id: str) -> MediaView:
    return view(await _allowed(call, message_id))


@routes.get(
    PATH + "/{message_id}/content",
    role=Role.OPERATOR,
    summary="The file itself, to be saved; a Range of it where one is asked for",
    produces="*/*",
    also=(206, 304),
)
async def content(call: Call, message_id: str) -> web.StreamResponse:
    medium = await _allowed(call, message_id)
    headers = {
        "ETag": f'"{medium.sha256}"',
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Type": medium.media_type or ANYTHING,
        "Content-Disposition": disposition(medium),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    file = await call.service(MEDIA).open(medium)
    try:
        if _seen(call.request, headers["ETag"]):
            return web.Response(status=304, headers=headers)
        return await _sent(call.request, file, medium.size, headers)
    finally:
        await asyncio.to_thread(file.close)


@routes.post(
    PATH + "/{message_id}/fetch",
    role=Role.OPERATOR,
    summary="Fetch a medium once more, or one that the account's policy leaves alone",
    status=202,
    effect=True,
)
async def fetch(call: Call, message_id: str) -> Reply[MediaView]:
    media = call.service(MEDIA)
    call.allow(await media.account_of(message_id))
    medium = await media.fetch(message_id, by=call.actor)
    return Reply(body=view(medium), headers={"Location": f"{PATH}/{message_id}"})


async def _allowed(call: Call, message_id: str) -> MediaFile:
    medium = await call.service(MEDIA).get(message_id)
    call.allow(medium.account_id)
    return medium


def disposition(medium: MediaFile) -> str:
    """To be saved, never shown in place: by the last part of its sender's name, else by its message's id (RFC 5987)."""
    suffix = SUFFIXES.get(medium.media_type or "", "bin")
    plain = f"{medium.message_id}.{suffix}"
    told = PurePosixPath(medium.name.replace("\\", "/")).name
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(told or plain, safe='')}"


def _seen(request: web.Request, tag: str) -> bool:
    return tag in [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]


async def _sent(request: web.Request, file: BinaryIO, size: int, headers: dict[str, str]) -> web.StreamResponse:
    begin, end = _range(request, size, headers["ETag"])
    partial = (begin, end) != (0, size)
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    if partial:
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.content_length = end - begin
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    await asyncio.to_thread(file.seek, begin)
    while begin < end and (piece := await asyncio.to_thread(file.read, min(PIECE, end - begin))):
        await response.write(piece)
        begin += len(piece)
    await response.write_eof()
    return response


def _range(request: web.Request, size: int, tag: str) -> tuple[int, int]:
    """From where, and up to before where. One that makes no sense is all of it, as RFC 9110 has it."""
    try:
        wanted = request.http_range
    except ValueError:
        return 0, size
    if wanted == slice(None, None, 1) or request.headers.get("If-Range", tag) != tag:
        return 0, size
    begin = max(size + wanted.start, 0) if (wanted.start or 0) < 0 else wanted.start or 0
    end = size if wanted.stop is None else min(wanted.stop, size)
    if begin >= end:
        raise Refused(416, {"Content-Range": f"bytes */{size}"})
    return begin, end


def view(medium: MediaFile) -> MediaView:
    return MediaView(
        message_id=medium.message_id,
        account_id=medium.account_id,
        conversation_id=medium.conversation_id,
        kind=medium.kind,
        state=medium.state,
        name=medium.name,
        media_type=medium.media_type,
        size=medium.size,
        sha256=medium.sha256,
        error=medium.error,
        created_at=medium.created_at,
        fetched_at=medium.fetched_at,
    )
