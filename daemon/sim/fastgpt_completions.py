"""POST chat/completions of the simulated FastGPT: refuse, or run the script and answer plainly or as a stream."""

import asyncio
from itertools import islice
from typing import Any

from aiohttp import web
from attrs import define, evolve, field

from daemon.clock import Clock
from daemon.sim.cuts import cut, gone
from daemon.sim.fastgpt_ask import Ask, Keys, Line
from daemon.sim.fastgpt_chats import Chat, Chats, Paused, Record
from daemon.sim.fastgpt_errors import BUSY, Refusal, answer, plain, rate
from daemon.sim.fastgpt_files import Looker
from daemon.sim.fastgpt_frames import document, frames, heartbeat
from daemon.sim.fastgpt_pen import Pen, gathered, paused
from daemon.sim.fastgpt_profiles import Profile
from daemon.sim.fastgpt_run import Planner, Run, mishap_error, points
from daemon.sim.fastgpt_script import Script, Scripts, Turn
from daemon.sim.faults import Kind
from daemon.sim.gate import ENTRY, FAULT, json_of, reply

WINDOW_S = 60.0  # contract 7
MOST_ROUNDS = 6  # of a chat that its model sees: FastGPT's own setting where nobody chose


@define(eq=False)
class Limiter:
    """A fixed window from its first call; refused calls count too."""

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
        self._used += 1
        if self._used <= self.per_minute:
            return None
        return rate(self.per_minute, max(1, round(WINDOW_S - (now - self._began))))

    def headers(self) -> dict[str, str]:
        """The reset they name is a minute from now, not the true one."""
        if self.per_minute is None:
            return {}
        reset = int((self.clock.now().timestamp() + WINDOW_S) * 1000)
        left = max(0, self.per_minute - self._used)
        return {
            "X-RateLimit-Limit": str(self.per_minute),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(reset),
        }


@define(eq=False)
class Work:
    """One run under way. `done` is said once, before the last byte: who has read it may call again at once."""

    ask: Ask
    run: Run
    script: Script
    chat: Chat | None
    stop: asyncio.Event = field(factory=asyncio.Event)
    ended: bool = False


@define(eq=False, kw_only=True)
class Completions:
    profile: Profile
    keys: Keys
    scripts: Scripts
    chats: Chats
    planner: Planner
    limiter: Limiter
    looker: Looker

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json_of(await request.read())
        stream = isinstance(body, dict) and body.get("stream") is True
        ask = self.keys.read(request, body)
        if isinstance(ask, Ask):
            ask = evolve(
                ask, shown=await self.looker.look(ask.parts), chat_id=ask.chat_id or self.planner.id(24)
            )  # without a chatId it is kept in a chat of its own
        refusal = ask if isinstance(ask, Refusal) else self.limiter.refusal() or self._taken(ask)
        if refusal is not None or isinstance(ask, Refusal):
            return answer(refusal or mishap_error(Script()), self.profile, stream=stream)
        script = self.scripts.next(ask.app.id)
        if script.mishap == "error-before":
            return answer(mishap_error(script), self.profile, stream=stream)
        work = self._begun(ask, script)
        request[ENTRY].ids.update(appId=ask.app.id, chatId=work.run.chat_id, dataId=work.run.data_id)
        try:
            return await (self._streamed(request, work) if ask.stream else self._plain(request, work))
        finally:
            self._done(work, closed=True)

    def _taken(self, ask: Ask) -> Refusal | None:
        chat = self.chats.find(ask.app.id, ask.chat_id) if ask.kept else None
        if chat is None:
            return None
        if chat.running is not None and self.profile.refuses_busy:
            return BUSY
        used = ask.data_id in chat.records and chat.paused is None
        return plain(f"Chat dataId already exists: {ask.data_id}") if used and self.profile.validates else None

    def _begun(self, ask: Ask, script: Script) -> Work:
        chat = self.chats.open(ask.app.id, ask.chat_id) if ask.kept else None
        if ask.named:  # of what was told only the last message counts
            ask = evolve(ask, earlier=_remembered(chat))
        turn = Turn(
            app_id=ask.app.id,
            chat_id=ask.chat_id,
            question=ask.question,
            number=chat.turns + 1 if chat else 1,
            variables=ask.variables,
            files=tuple(ask.shown.values()),
            earlier=tuple(words for _, words in ask.earlier),
        )
        run = self.planner.plan(ask, script, chat, self.scripts.answer(script, turn))
        work = Work(ask, run, script, chat)
        if chat is not None:
            chat.title = chat.title or run.title
            self.chats.begin(chat, work.stop)
        return work

    async def _plain(self, request: web.Request, work: Work) -> web.Response:
        script, ask = work.script, work.ask
        await paused(script.delay_s + script.chunk_delay_s * script.chunks, work.stop)
        self._done(work, closed=work.stop.is_set() or (gone(request) and ask.api == "v1"))
        if script.mishap == "error-mid-stream":
            return answer(mishap_error(script), self.profile, stream=False)
        whole = reply(document(ask, work.run, self.profile), headers=self.limiter.headers())
        if script.mishap == "cut":
            cut(request)
        return whole

    async def _streamed(self, request: web.Request, work: Work) -> web.StreamResponse:
        fault = request.get(FAULT)
        muted = fault is not None and fault.kind in (Kind.DROP, Kind.GATEWAY)
        pen = Pen(request=request, split_bytes=work.script.split_bytes, muted=muted)
        pen.response.headers.update(self.limiter.headers())
        halved = work.script.mishap == "cut" or bool(fault and fault.kind is Kind.HALF)
        try:
            return await self._written(pen, work, halved=halved)
        except ConnectionError:  # the client has left: v1 stops at the next node, v2 runs on
            self._done(work, closed=work.ask.api == "v1")
            return pen.response

    async def _written(self, pen: Pen, work: Work, *, halved: bool) -> web.StreamResponse:
        script = work.script
        await paused(script.delay_s, work.stop, every=script.heartbeat_s, pen=pen, beat=heartbeat(work.ask))
        all_frames = frames(work.ask, work.run, script, self.profile)
        goes = gathered(all_frames, paced=script.chunk_delay_s > 0)
        for number, (word, raw) in enumerate(goes):
            if word:
                await paused(script.chunk_delay_s, work.stop)
            if halved and number >= len(goes) // 2:
                self._done(work, closed=work.ask.api == "v1")
                return await pen.break_off(raw)
            if number == len(goes) - 1:
                break
            if not (word and work.stop.is_set()):
                await pen.write(raw)
        self._done(work, closed=work.stop.is_set())
        return await pen.finish(goes[-1][1])

    def _done(self, work: Work, *, closed: bool) -> None:
        """Remember what the run came to; `closed`: it was stopped, or its client left."""
        if work.ended:
            return
        work.ended, run, chat = True, work.run, work.chat
        used = self.keys.points
        used[work.ask.key] = used.get(work.ask.key, 0.0) + points(run.rows)
        if chat is None:
            return
        self.chats.end(chat)
        chat.variables = run.variables
        chat.paused = Paused(dict(run.interactive), run.data_id) if run.interactive is not None else None
        if work.script.mishap != "error-mid-stream":
            kept = _closed(run) if closed else run
            self.chats.remember(chat, run.data_id, Record(work.ask.question, kept.answer, kept.rows))


def _remembered(chat: Chat | None) -> tuple[Line, ...]:
    records = islice(reversed(chat.records.values()), MOST_ROUNDS) if chat else ()
    lines = [line for record in records for line in (("AI", record.answer), ("Human", record.question))]
    return tuple(reversed(lines))


def _closed(run: Run) -> Run:
    rows: list[dict[str, Any]] = [
        {**row, "finishReason": "close"} if "finishReason" in row else row for row in run.rows
    ]
    return evolve(run, rows=rows)
