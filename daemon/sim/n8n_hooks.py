"""The webhook URLs of the simulated n8n: production, test, waiting and chat (contract 1.1, 1.5, 2.1)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from attrs import define, field

from daemon.clock import Clock
from daemon.sim.cuts import cut, half
from daemon.sim.faults import Kind
from daemon.sim.gate import ENTRY, FAULT
from daemon.sim.n8n_door import body_of, refused, unsigned
from daemon.sim.n8n_errors import (
    FAILED,
    HTML,
    JSON,
    NO_TYPE,
    Reply,
    cannot,
    not_listening,
    own,
    refusal,
    told,
    unclassified,
    unknown,
    wrong_method,
)
from daemon.sim.n8n_executions import Execution, Executions
from daemon.sim.n8n_flows import Flows, Match
from daemon.sim.n8n_memory import Memory
from daemon.sim.n8n_run import Runner
from daemon.sim.n8n_script import Flow, Told

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
STREAM_HEADERS = {"Content-Type": JSON, "Cache-Control": "no-cache"}
QUESTION = ("chatInput", "question", "text", "message", "input")


@define(eq=False, kw_only=True)
class Hooks:
    flows: Flows
    executions: Executions
    runner: Runner
    memory: Memory
    clock: Clock
    profile: str
    listening: set[str] = field(factory=set)  # paths whose test URL takes one call

    async def production(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"].removesuffix("/")
        if request.method not in METHODS:
            return unclassified(f"The method {request.method} is not supported.").response()
        found = self.flows.match(path, request.method)
        if isinstance(found, Match):
            return await self._called(request, found, "production")
        if request.method == "OPTIONS":
            return _preflight(request, found)
        said = wrong_method(request.method, found) if found else unknown(request.method, path)
        return said.response()

    async def test(self, request: web.Request) -> web.StreamResponse:
        """Takes one call after somebody has begun to listen in the editor."""
        path = request.match_info["path"]
        flow = next((flow for flow in self.flows if flow.route == path), None)
        if flow is None or path not in self.listening:
            return not_listening(path).response()
        self.listening.discard(path)
        return await self._called(request, Match(flow=flow, params={}), "test")

    async def waiting(self, request: web.Request) -> web.StreamResponse:
        """The resume URL of a parked run."""
        execution = self.executions.find(request.match_info["number"])
        if execution is None:
            return refusal(404, f'The execution "{request.match_info["number"]}" does not exist.').response()
        if request.query.get("signature") != execution.signature:
            return own({"error": "Invalid token"}, 401).response()
        if execution.over:
            return refusal(409, f'The execution "{execution.id} has finished already.').response()
        if request.method not in execution.flow.methods:
            return wrong_method(request.method, execution.flow.methods).response()
        self.runner.resume(execution)
        return told({"message": "Workflow was started"}).response()

    async def _called(self, request: web.Request, found: Match, how: str) -> web.StreamResponse:
        flow = found.flow
        if flow.trigger == "chat" and (not flow.public or request.method == "GET"):
            page = Reply(body=b"<html><body>n8n chat</body></html>", content_type=HTML)
            return (page if flow.public else Reply(status=404, content_type=NO_TYPE)).response()
        body = await body_of(request)
        said = body if isinstance(body, Reply) else refused(flow, request.headers, self.profile, self.clock)
        said = said or unsigned(flow, request.headers, await request.read(), self.clock)
        if said is not None:
            return said.response()
        asked = _told(request, flow, body, len(self.executions) + 1)
        if flow.trigger == "chat" and isinstance(body, dict) and body.get("action") == "loadPreviousSession":
            return told({"data": self.memory.told(flow, asked.session)}).response()
        if flow.only_if and flow.only_if not in asked.question:
            return told({"message": "Webhook call received"}).response()
        script = self.runner.scripts.next(flow)
        item = body if flow.trigger == "chat" else _item(request, found.params, body, how)
        execution = self.executions.begin(flow, script, asked, item, self.runner.run)
        request[ENTRY].ids.update(
            executionId=execution.id, workflowId=flow.workflow_id, sessionId=asked.session, call=asked.call
        )
        return await (_streamed if flow.mode == "streaming" else _whole)(request, execution)


async def _whole(request: web.Request, execution: Execution) -> web.StreamResponse:
    try:
        reply = await asyncio.shield(execution.replied)
    except asyncio.CancelledError:
        if not execution.replied.cancelled():
            raise  # it is we who are stopped
        cut(request)  # the process was killed
        return FAILED.response()
    if execution.script.mishap == "cut":
        return await half(request, reply.response())
    return reply.response()


async def _streamed(request: web.Request, execution: Execution) -> web.StreamResponse:
    """The headers go out before the run begins; the end of the body is the end of the answer."""
    fault = request.get(FAULT)
    if fault is not None and fault.kind in (Kind.DROP, Kind.GATEWAY):
        while await execution.lines.get() is not None:
            continue  # it runs, and nothing of it is written
        return Reply().response()
    halved = execution.script.mishap == "cut" or (fault is not None and fault.kind is Kind.HALF)
    response = web.StreamResponse(headers=STREAM_HEADERS)
    await response.prepare(request)
    size = execution.script.split_bytes
    try:
        while (line := await execution.lines.get()) is not None:
            if halved and b'"item"' in line:
                await response.write(line[: len(line) // 2])
                cut(request)
                return response
            for start in range(0, len(line), size or len(line)):
                await response.write(line[start : start + (size or len(line))])
        if execution.status == "crashed":
            cut(request)
        else:
            await response.write_eof()
    except ConnectionError:
        return response  # its caller has left, the run goes on
    return response


def _preflight(request: web.Request, methods: tuple[str, ...]) -> web.Response:
    origin = request.headers.get("Origin")
    headers = {"Access-Control-Allow-Methods": ", ".join(("OPTIONS", *methods)), "Access-Control-Max-Age": "300"}
    return web.Response(status=204, headers={**headers, "Access-Control-Allow-Origin": origin} if origin else None)


def _item(request: web.Request, params: Mapping[str, str], body: Any, how: str) -> dict[str, Any]:
    """What a Webhook node gives: these six, and no other."""
    return {
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "params": dict(params),
        "query": dict(request.query),
        "body": body,
        "webhookUrl": str(request.url.with_query(None)),
        "executionMode": how,
    }


def _told(request: web.Request, flow: Flow, body: Any, number: int) -> Told:
    fields = {**request.query, **(body if isinstance(body, dict) else {})}
    question = next((str(fields[name]) for name in QUESTION if fields.get(name)), "")
    return Told(
        path=flow.path,
        question=body if isinstance(body, str) else question,
        session=str(fields.get("sessionId") or fields.get("session_id") or ""),
        task=str(fields.get("taskType") or fields.get("task_type") or ""),
        call=request.headers.get("Idempotency-Key", ""),
        number=number,
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
    )


def elsewhere(request: web.Request) -> web.Response:
    """Any other page is the editor's; n8n has no other POST."""
    if request.method == "GET" and not request.path.startswith("/webhook"):
        return web.Response(
            text="<!DOCTYPE html><html><head><title>n8n.io</title></head></html>", content_type="text/html"
        )
    return cannot(request.method, request.path).response()
