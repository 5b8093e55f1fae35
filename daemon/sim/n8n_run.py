"""One run of a workflow of the simulated n8n, from its trigger to its end (contract 1.4, 2.1)."""

import asyncio
from datetime import timedelta
from typing import Any

from attrs import define

from daemon.codec import encode_text
from daemon.sim.n8n_answers import accepted, binary, plain, responded
from daemon.sim.n8n_errors import FAILED, PROBLEM, Reply, told, unclassified
from daemon.sim.n8n_executions import Execution, Executions, Row
from daemon.sim.n8n_memory import Memory
from daemon.sim.n8n_script import Scripts, filled_all
from daemon.sim.n8n_stream import Stream

PARKS_S = 65.0  # a Wait of this or longer is written to disk, and the caller gets the item back
MODEL = "@n8n/n8n-nodes-langchain.lmChatOpenAi"
STOPS = {"fails", "error-mid-stream", "error-silent"}


@define(eq=False)
class Runner:
    scripts: Scripts
    executions: Executions
    memory: Memory
    profile: str

    async def run(self, execution: Execution) -> None:
        flow = execution.flow
        if flow.mode == "onReceived":
            execution.tell(accepted(execution))
        try:
            async with asyncio.timeout(flow.timeout_s):
                await self._steps(execution)
        except TimeoutError:
            execution.tell(unclassified(PROBLEM))
            self.executions.end(execution, "canceled", error="The execution was cancelled because it timed out")

    async def _steps(self, execution: Execution) -> None:
        flow, script = execution.flow, execution.script
        trigger = "@n8n/n8n-nodes-langchain.chatTrigger" if flow.trigger == "chat" else "n8n-nodes-base.webhook"
        self._ran(execution, "Chat Trigger" if flow.trigger == "chat" else "Webhook", trigger, execution.item)
        self._between(execution)
        if flow.mode == "streaming" and script.mishap != "unreached":
            await self._streamed(execution)
            return
        await asyncio.sleep(script.delay_s)
        if script.wait_s and not await self._waited(execution):
            return
        if script.mishap == "fails":
            self._failed(execution)
            return
        items = self.items(execution)
        self._last(execution, items)
        self._answer(execution, items)
        self._remember(execution, items)
        if script.after_s:
            await asyncio.sleep(script.after_s)
        if script.mishap == "fails-after":
            self._failed(execution)
        self.executions.end(execution, "success")

    def items(self, execution: Execution) -> list[Any]:
        """What the last node gives."""
        script, known = execution.script, execution.told
        if script.mishap == "no-items":
            return []
        if script.mishap == "continues":
            return [{"error": script.error}]
        if script.items is not None:
            return list(filled_all(script.items, known))
        answer = self.scripts.answer(script, known)
        return [{script.key: answer, "sessionId": known.session, **filled_all(script.fields, known)}]

    def _answer(self, execution: Execution, items: list[Any]) -> None:
        flow, script = execution.flow, execution.script
        if flow.mode == "responseNode":
            if not flow.has_respond_node:
                self._unanswerable(execution, "No Respond to Webhook node found in the workflow")
            elif script.mishap == "unreached":
                execution.tell(Reply())
            else:
                execution.tell(responded(execution, items))
        elif flow.mode == "streaming":
            execution.tell(Reply())
        elif flow.mode == "responseNodes":
            token = {} if self.profile == "2.8.4" else {"resumeToken": execution.signature}
            execution.tell(told({"executionStarted": True, "executionId": execution.id, **token}))
        elif flow.has_respond_node:
            self._unanswerable(execution, "Unused Respond to Webhook node found in the workflow")
        elif flow.shape == "firstEntryBinary":
            execution.tell(binary(script.binary or encode_text(items), script.content_type))
        else:
            execution.tell(plain(flow, script, items))

    def _unanswerable(self, execution: Execution, why: str) -> None:
        execution.tell(unclassified(why))
        self.executions.end(execution, "error", error=why)

    async def _streamed(self, execution: Execution) -> None:
        script = execution.script
        said = self.scripts.answer(script, execution.told)
        items = self.items(execution)
        if script.encoded:
            said = encode_text(items[0]) if items else ""
        stream = Stream(lines=execution.lines, clock=self.executions.clock, script=script)
        await stream.write(said)
        if script.mishap in STOPS:
            self._failed(execution)
            return
        self._last(execution, items)
        self._remember(execution, items)
        self.executions.end(execution, "success")

    def _remember(self, execution: Execution, items: list[Any]) -> None:
        first = items[0] if items and isinstance(items[0], dict) else {}
        told = execution.told
        self.memory.remember(execution.flow, told.session, told.question, str(first.get(execution.script.key, "")))

    async def _waited(self, execution: Execution) -> bool:
        """False where the run is parked: its caller has the item back, and somebody must resume it."""
        script = execution.script
        if script.wait_s < PARKS_S:
            await asyncio.sleep(script.wait_s)
            return True
        execution.tell(told(execution.item))
        self.executions.park(execution)
        return False

    def resume(self, execution: Execution) -> None:
        """Goes on behind the Wait node."""

        async def rest(waiting: Execution) -> None:
            items = self.items(waiting)
            self._last(waiting, items)
            self.executions.end(waiting, "success")

        self.executions.start(execution, rest)

    def _failed(self, execution: Execution) -> None:
        script, flow = execution.script, execution.flow
        name = "Stop and Error"
        self._ran(execution, name, "n8n-nodes-base.stopAndError", None, error=script.error)
        silent = flow.mode == "responseNode" and self.profile == "2.8.4"
        execution.tell(Reply() if silent else FAILED)
        self.executions.end(execution, "error", error=script.error, node=name)

    def _between(self, execution: Execution) -> None:
        for node in execution.script.nodes:
            self._ran(
                execution,
                str(node.get("name", "Code")),
                str(node.get("type", "n8n-nodes-base.code")),
                filled_all(node.get("output", {}), execution.told),
                seconds=float(node.get("seconds", 0.01)),
                error=str(node.get("error", "")),
                parameters=node.get("parameters", {}),
                branch=int(node.get("branch", 0)),
            )

    def _last(self, execution: Execution, items: list[Any]) -> None:
        script = execution.script
        tokens = (script.input_tokens, script.output_tokens)
        seconds = script.delay_s or 0.001
        if any(tokens):
            self._ran(execution, "AI Agent", "@n8n/n8n-nodes-langchain.agent", items, seconds, tokens=tokens)
            self._ran(execution, "OpenAI Chat Model", MODEL, {}, seconds, tokens=tokens, model=script.model)
        else:
            self._ran(execution, "Code", "n8n-nodes-base.code", items, seconds)
        if execution.flow.mode == "responseNode" and execution.flow.has_respond_node:
            self._ran(execution, "Respond to Webhook", "n8n-nodes-base.respondToWebhook", items)

    def _ran(
        self,
        execution: Execution,
        name: str,
        kind: str,
        output: Any,
        seconds: float = 0.001,
        *,
        error: str = "",
        tokens: tuple[int, int] = (0, 0),
        model: str = "",
        parameters: dict[str, Any] | None = None,
        branch: int = 0,
    ) -> None:
        began = self.executions.clock.now() - timedelta(seconds=seconds)
        row = Row(name, kind, began, seconds, output, error, tokens, model, parameters or {}, branch)
        execution.rows.append(row)
