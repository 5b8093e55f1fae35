"""The JSON lines of a streaming webhook of the simulated n8n (contract 1.6)."""

import asyncio
from typing import Any

from attrs import define

from daemon.clock import Clock, to_ms
from daemon.codec import encode
from daemon.sim.n8n_script import Script

KEEPALIVE = b'{"type":"keepalive"}\n'


@define(eq=False, kw_only=True)
class Stream:
    """Writes for a caller who may have left: the run does not mind."""

    lines: asyncio.Queue[bytes | None]
    clock: Clock
    script: Script

    async def write(self, answer: str) -> None:
        script = self.script
        await self._pause(script.delay_s)
        if script.calls_tool:
            self._line("begin", 0)
            self._line("end", 0)
        for group in range(script.groups):
            self._line("begin", group, run=int(script.calls_tool))
            pieces = self._pieces(answer)
            failing = script.mishap in ("error-mid-stream", "error-silent", "fails")
            for piece in pieces[: len(pieces) // 2] if failing else pieces:
                await self._pause(script.chunk_delay_s)
                self._line("item", group, content=piece, run=int(script.calls_tool))
            if failing:
                self._error(group)
                return
            self._line("end", group, run=int(script.calls_tool))

    def _pieces(self, answer: str) -> list[str]:
        """A respond node sends one."""
        if self.script.encoded or not answer:
            return [answer]
        size = max(1, -(-len(answer) // max(1, self.script.chunks)))
        return [answer[start : start + size] for start in range(0, len(answer), size)]

    def _error(self, group: int) -> None:
        content = {} if self.script.mishap == "error-silent" else {"content": self.script.error}
        self._put({"type": "error", **content, "metadata": self._metadata(group, 0)})

    def _line(self, kind: str, group: int, *, content: str | None = None, run: int = 0) -> None:
        told = {} if content is None else {"content": content}
        metadata = {**self._metadata(group, run), "timestamp": to_ms(self.clock.now())}
        self._put({"type": kind, **told, "metadata": metadata})

    def _metadata(self, group: int, run: int) -> dict[str, Any]:
        name = "Respond to Webhook" if self.script.encoded else "AI Agent"
        return {"nodeId": "b1f0c0de-0000-4000-8000-000000000001", "nodeName": name, "itemIndex": group, "runIndex": run}

    def _put(self, line: dict[str, Any]) -> None:
        self.lines.put_nowait(encode(line) + b"\n")

    async def _pause(self, seconds: float) -> None:
        """With a line each `keepalive_s` that says only: still there."""
        left, every = seconds, self.script.keepalive_s
        while left > every:
            await asyncio.sleep(every)
            left -= every
            self.lines.put_nowait(KEEPALIVE)
        await asyncio.sleep(left)
