"""Writes the frames of a run at the script's pace, with heartbeats, in odd pieces, or only half (contract 1.4)."""

import asyncio
from collections.abc import Sequence

from aiohttp import web
from attrs import define, field

from daemon.sim.cuts import cut
from daemon.sim.fastgpt_frames import Frame

HEADERS = {
    "Content-Type": "text/event-stream;charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Access-Control-Allow-Origin": "*",
}


@define(eq=False, kw_only=True)
class Pen:
    """`muted`: the run goes on and nothing of it is written. Headers go out with the first bytes, not before."""

    request: web.Request
    split_bytes: int = 0
    muted: bool = False
    response: web.StreamResponse = field(factory=lambda: web.StreamResponse(headers=HEADERS))

    async def write(self, raw: bytes) -> None:
        if self.muted:
            return
        if not self.response.prepared:
            await self.response.prepare(self.request)
        size = self.split_bytes or len(raw)
        for start in range(0, len(raw), size):
            await self.response.write(raw[start : start + size])

    async def finish(self, raw: bytes) -> web.StreamResponse:
        """The last bytes and the end, in one packet where nothing forbids it."""
        if self.muted:
            return self.response
        if self.split_bytes:
            await self.write(raw)
            raw = b""
        if not self.response.prepared:
            await self.response.prepare(self.request)
        await self.response.write_eof(raw)
        return self.response

    async def break_off(self, raw: bytes) -> web.StreamResponse:
        """Half of these bytes, then the connection is cut."""
        await self.write(raw[: len(raw) // 2])
        cut(self.request)
        return self.response


async def paused(
    seconds: float, stop: asyncio.Event, *, every: float = 0.0, pen: Pen | None = None, beat: bytes = b""
) -> None:
    """Wait, beating after each `every` seconds; shorter when the run is stopped."""
    left = seconds
    while left > 0 and not stop.is_set():
        slice_s = min(left, every) if every else left
        try:
            await asyncio.wait_for(stop.wait(), slice_s)
        except TimeoutError:
            left -= slice_s
            if pen is not None and left > 0:
                await pen.write(beat)


def gathered(frames: Sequence[Frame], *, paced: bool) -> list[tuple[bool, bytes]]:
    """What is written in one go: all of it together when no pace is kept."""
    if paced and frames:
        return [(frame.word, frame.bytes) for frame in frames]
    return [(False, b"".join(frame.bytes for frame in frames))]
