"""The public API of the simulated n8n: its workflows and its executions (contract 1.9)."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from aiohttp import web
from attrs import define

from daemon.clock import rfc3339, to_ms
from daemon.sim.gate import reply
from daemon.sim.n8n_executions import Execution, Executions, Row
from daemon.sim.n8n_flows import Flows
from daemon.sim.n8n_run import Runner
from daemon.sim.n8n_script import Flow

HEADER = "X-N8N-API-KEY"
STATUSES = ("canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting")
UNDER_WAY = {"new", "running"}  # not listed unless asked for by name
PAGE = 100

Handler = Callable[[web.Request], Awaitable[web.Response]]


@define(eq=False, kw_only=True)
class Api:
    key: str
    flows: Flows
    executions: Executions
    runner: Runner

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/workflows", self._guarded(self.list_workflows)),
            web.get("/api/v1/workflows/{id}", self._guarded(self.show_workflow)),
            web.post("/api/v1/workflows/{id}/activate", self._guarded(self.activate)),
            web.post("/api/v1/workflows/{id}/deactivate", self._guarded(self.deactivate)),
            web.get("/api/v1/executions", self._guarded(self.list_executions)),
            web.get("/api/v1/executions/{id}", self._guarded(self.show_execution)),
            web.delete("/api/v1/executions/{id}", self._guarded(self.remove_execution)),
            web.post("/api/v1/executions/{id}/retry", self._guarded(self.retry)),
            web.post("/api/v1/executions/{id}/stop", self._guarded(self.stop)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.Response:
            given = request.headers.get(HEADER, "")
            if not (self.key and hmac.compare_digest(given.encode(), self.key.encode())):
                return reply({"message": "Unauthorized"}, status=401)
            return await handler(request)

        return checked

    async def list_workflows(self, request: web.Request) -> web.Response:
        active, name = request.query.get("active"), request.query.get("name")
        found = [
            flow
            for flow in self.flows
            if (active is None or flow.active is (active == "true")) and (name is None or name == flow.name)
        ]
        return _page(request, [workflow_json(flow) for flow in found])

    async def show_workflow(self, request: web.Request) -> web.Response:
        flow = self.flows.find(request.match_info["id"])
        return reply(workflow_json(flow)) if flow else _missing()

    async def activate(self, request: web.Request) -> web.Response:
        flow = self.flows.find(request.match_info["id"])
        if flow is None:
            return _missing()
        if self.flows.taken(flow):
            return reply({"message": "There is a conflict with one of the webhooks."}, status=409)
        return reply(workflow_json(self.flows.activate(flow.workflow_id)))

    async def deactivate(self, request: web.Request) -> web.Response:
        flow = self.flows.find(request.match_info["id"])
        return reply(workflow_json(self.flows.deactivate(flow.workflow_id))) if flow else _missing()

    async def list_executions(self, request: web.Request) -> web.Response:
        status, workflow = request.query.get("status"), request.query.get("workflowId")
        if status is not None and status not in STATUSES:
            listed = ", ".join(f"'{one}'" for one in STATUSES)
            return reply({"message": f"request/query/status Invalid enum value. Expected {listed}"}, status=400)
        since = request.query.get("startedAfter", "")
        found = [
            execution
            for execution in reversed(list(self.executions))
            if (execution.status == status if status else execution.status not in UNDER_WAY)
            and (workflow is None or workflow == execution.flow.workflow_id)
            and rfc3339(execution.started) >= since
        ]
        whole = request.query.get("includeData") == "true"
        return _page(request, [execution_json(one, whole=whole) for one in found])

    async def show_execution(self, request: web.Request) -> web.Response:
        execution = self.executions.find(request.match_info["id"])
        if execution is None:
            return _missing()
        return reply(execution_json(execution, whole=request.query.get("includeData") == "true"))

    async def remove_execution(self, request: web.Request) -> web.Response:
        execution = self.executions.find(request.match_info["id"])
        if execution is None:
            return _missing()
        self.executions.remove(execution.id)
        return reply(execution.as_json())

    async def retry(self, request: web.Request) -> web.Response:
        """A run of its own, and its caller is nobody."""
        one = self.executions.find(request.match_info["id"])
        if one is None:
            return _missing()
        if one.status not in ("error", "crashed"):
            return reply({"message": "The execution succeeded, so it cannot be retried."}, status=409)
        script = self.runner.scripts.next(one.flow)
        again = self.executions.begin(one.flow, script, one.told, one.item, self.runner.run)
        return reply({**again.as_json(), "mode": "retry", "retryOf": one.id})

    async def stop(self, request: web.Request) -> web.Response:
        execution = self.executions.find(request.match_info["id"])
        if execution is None:
            return _missing()
        if execution.over:
            return reply({"message": "Only running or waiting executions can be stopped"}, status=409)
        self.executions.stop(execution)
        return reply(execution.as_json())


def workflow_json(flow: Flow) -> dict[str, Any]:
    kind = "@n8n/n8n-nodes-langchain.chatTrigger" if flow.trigger == "chat" else "n8n-nodes-base.webhook"
    auth = {"basic": "basicAuth", "header": "headerAuth", "jwt": "jwtAuth"}.get(flow.auth.kind, "none")
    parameters: dict[str, Any] = {"responseMode": flow.mode, "authentication": auth}
    if flow.trigger == "webhook":
        parameters |= {"path": flow.path, "httpMethod": flow.methods[0] if len(flow.methods) == 1 else flow.methods}
    webhook_id = flow.path if flow.trigger == "chat" else flow.webhook_id
    nodes = [{"id": "n1", "name": "Webhook", "type": kind, "parameters": parameters, "webhookId": webhook_id}]
    version = f"{flow.workflow_id}-v1"
    return {
        "id": flow.workflow_id,
        "name": flow.name or flow.path,
        "active": flow.active,
        "versionId": version,
        "activeVersionId": version if flow.active else None,
        "triggerCount": 1,
        "nodes": nodes,
        "connections": {},
        "settings": {},
        "tags": [],
        "activeVersion": {"versionId": version, "nodes": nodes} if flow.active else None,
    }


def execution_json(execution: Execution, *, whole: bool) -> dict[str, Any]:
    shown = execution.as_json()
    if execution.flow.trigger == "chat":
        shown["customData"] = {"input_chat": execution.told.question, "session_id": execution.told.session}
    if not whole:
        return shown
    runs: dict[str, list[dict[str, Any]]] = {}
    rows = [] if execution.status in UNDER_WAY else execution.rows  # progress is not saved, by default
    for number, row in enumerate(rows):
        before = next((other.name for other in reversed(rows[:number]) if not other.model), None)
        runs.setdefault(row.name, []).append(_run_json(row, number, before, execution.told.question))
    result: dict[str, Any] = {"runData": runs}
    if rows:  # a model's node is asked by its agent's, which began before it and ends after it
        result["lastNodeExecuted"] = next(row.name for row in reversed(rows) if not row.model)
    if execution.error:
        kind = "NodeCrashedError" if execution.status == "crashed" else "NodeOperationError"
        result["error"] = {
            "message": execution.error,
            "description": None,
            "name": kind,
            "stack": f"{kind}: {execution.error}",
            "node": {"name": execution.failed_node},
        }
    data = {"startData": {}, "resultData": result, "executionData": {"nodeExecutionStack": _stack(execution)}}
    return {**shown, "data": data, "workflowData": {"nodes": _nodes(execution)}}


def _stack(execution: Execution) -> list[dict[str, Any]]:
    """As it was when the run began, and it stays so until it has ended or waits."""
    if execution.status not in UNDER_WAY:
        return []
    return [{"node": {"name": "Webhook"}, "data": {"main": [[{"json": execution.item}]]}, "source": None}]


def _nodes(execution: Execution) -> list[dict[str, Any]]:
    known = {row.name: row for row in execution.rows}
    return [{"name": row.name, "type": row.type, "parameters": _parameters(row)} for row in known.values()]


def _parameters(row: Row) -> dict[str, Any]:
    model = {"model": {"__rl": True, "mode": "list", "value": row.model}} if row.model else {}
    return row.parameters | model


def _run_json(row: Row, index: int, before: str | None, question: str) -> dict[str, Any]:
    outputs = row.output if isinstance(row.output, list) else [row.output]
    shown: dict[str, Any] = {
        "startTime": to_ms(row.started),
        "executionIndex": index,
        "executionTime": round(row.seconds * 1000),
        "executionStatus": "error" if row.error else "success",
        "source": [{"previousNode": before}] if before else [],
    }
    if row.error:
        return {**shown, "error": {"message": row.error, "name": "NodeOperationError"}}
    shown["data"] = {"main": [*([] for _ in range(row.branch)), [{"json": output} for output in outputs]]}
    if any(row.tokens):
        prompt, completion = row.tokens
        if not row.model:  # an agent's: what its models used, told once more
            return {**shown, "metadata": {"tracing": {"llm.tokens.in": prompt, "llm.tokens.out": completion}}}
        usage = {"promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion}
        shown["data"] = {"ai_languageModel": [[{"json": {"response": {}, "tokenUsage": usage}}]]}
        shown["inputOverride"] = {"ai_languageModel": [[{"json": {"messages": [f"Human: {question}"]}}]]}
    return shown


def _page(request: web.Request, found: Sequence[dict[str, Any]]) -> web.Response:
    """The cursor is where the next page begins."""
    start, limit = int(request.query.get("cursor") or 0), int(request.query.get("limit") or PAGE)
    end = start + limit
    return reply({"data": list(islice(found, start, end)), "nextCursor": str(end) if end < len(found) else None})


def _missing() -> web.Response:
    return reply({"message": "Not Found"}, status=404)
