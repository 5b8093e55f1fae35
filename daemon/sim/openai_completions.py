"""POST /v1/chat/completions of the simulated model: refuse, or answer plainly or as a stream."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from attrs import define, evolve, field

from daemon.clock import Clock
from daemon.sim.cuts import cut, gone
from daemon.sim.fastgpt_files import Looker
from daemon.sim.fastgpt_pen import Pen, gathered
from daemon.sim.faults import Kind
from daemon.sim.gate import ENTRY, FAULT, LOOK_AGAIN_S, json_of, reply
from daemon.sim.openai_ask import Ask, Doorman
from daemon.sim.openai_errors import NAMED, Refusal, limited
from daemon.sim.openai_run import Run, document, frames, run
from daemon.sim.openai_script import Profile, Script, Scripts, Turn

WINDOW_S = 60.0
STREAM = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


@define(eq=False)
class Limiter:
    """A fixed window from its first call; refused calls do not count. Its headers are on every answer."""

    clock: Clock
    per_minute: int | None
    _began: float = field(default=float("-inf"), init=False)
    _used: int = field(default=0, init=False)

    def refusal(self) -> Refusal | None:
        if self.per_minute is None:
            return None
        now = self.clock.monotonic()
        if now - self._began >= WINDOW_S:
            self._began, self._used = now, 0
        if self._used >= self.per_minute:
            return limited(self.per_minute, WINDOW_S - (now - self._began))
        self._used += 1
        return None

    def headers(self) -> dict[str, str]:
        if self.per_minute is None:
            return {}
        left = max(0.0, WINDOW_S - (self.clock.monotonic() - self._began))
        return {
            "x-ratelimit-limit-requests": str(self.per_minute),
            "x-ratelimit-remaining-requests": str(self.per_minute - self._used),
            "x-ratelimit-reset-requests": duration(left),
        }


def duration(seconds: float) -> str:
    """As Go writes it: 20ms, 1s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"


@define(eq=False, kw_only=True)
class Completions:
    profile: Profile
    doorman: Doorman
    scripts: Scripts
    limiter: Limiter
    looker: Looker
    clock: Clock
    _number: int = field(default=0, init=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ask = self.doorman.read(request, json_of(await request.read()))
        refusal = ask if isinstance(ask, Refusal) else self.limiter.refusal()
        if refusal is not None or isinstance(ask, Refusal):
            answer = (refusal or NAMED["server"]).response()
            answer.headers.update(self.limiter.headers())
            return answer
        ask = evolve(ask, shown=await self.looker.look(ask.parts))
        script = self.scripts.next(ask.model)
        if script.mishap == "error-before":
            return NAMED[script.error].response()
        ran = self._ran(ask, script)
        request[ENTRY].ids.update(id=ran.id, model=ran.model)
        try:
            return await (
                self._streamed(request, ask, script, ran) if ask.stream else self._plain(request, script, ran)
            )
        except ConnectionError:  # the client has left, and the model stops
            return web.Response()

    def _ran(self, ask: Ask, script: Script) -> Run:
        self._number += 1
        turn = Turn(
            model=ask.model,
            question=ask.question,
            number=self._number,
            system=ask.system,
            earlier=ask.earlier,
            files=tuple(ask.shown.values()),
        )
        created = int(self.clock.now().timestamp())
        return run(ask, script, self.scripts.answer(script, turn), number=self._number, created=created)

    async def _plain(self, request: web.Request, script: Script, ran: Run) -> web.StreamResponse:
        await _paused(request, script.delay_s + script.chunk_delay_s * script.chunks)
        if script.mishap == "error-mid-stream":
            return NAMED[script.error].response()
        if script.mishap in ("cut", "ends-early"):
            cut(request)
        return reply(document(ran), headers={**self._traced(ran), **self.limiter.headers()})

    async def _streamed(self, request: web.Request, ask: Ask, script: Script, ran: Run) -> web.StreamResponse:
        fault = request.get(FAULT)
        muted = fault is not None and fault.kind in (Kind.DROP, Kind.GATEWAY)
        response = web.StreamResponse(headers={**STREAM, **self._traced(ran), **self.limiter.headers()})
        pen = Pen(request=request, split_bytes=script.split_bytes, muted=muted, response=response)
        halved = script.mishap == "cut" or bool(fault and fault.kind is Kind.HALF)
        goes = gathered(frames(ask, ran, script, self.profile), paced=script.chunk_delay_s > 0)
        return await self._written(pen, goes, script, halved=halved)

    async def _written(
        self, pen: Pen, goes: list[tuple[bool, bytes]], script: Script, *, halved: bool
    ) -> web.StreamResponse:
        await _paused(pen.request, script.delay_s)
        async for number, raw in _paced(pen.request, goes, script.chunk_delay_s):
            if halved and number >= len(goes) // 2:
                return await pen.break_off(raw)
            if number == len(goes) - 1:
                break
            await pen.write(raw)
        return await pen.finish(goes[-1][1])

    def _traced(self, ran: Run) -> dict[str, str]:
        return {"x-request-id": f"req_{ran.id}", "openai-processing-ms": "12"}


async def _paced(
    request: web.Request, goes: list[tuple[bool, bytes]], seconds: float
) -> AsyncIterator[tuple[int, bytes]]:
    for number, (word, raw) in enumerate(goes):
        if word:
            await _paused(request, seconds)
        yield number, raw


async def _paused(request: web.Request, seconds: float) -> None:
    """Shorter where the client leaves: then nothing is made for it any more."""
    left = seconds
    while left > 0:
        if gone(request):
            raise ConnectionResetError
        slice_s = min(left, LOOK_AGAIN_S)
        await asyncio.sleep(slice_s)
        left -= slice_s
