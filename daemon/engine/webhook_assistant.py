"""Workflows that run in n8n, as an assistant: a question becomes a call of the workflow's webhook, and back.

One attempt a run: whoever asks repeats it, and by the same call id, so that the workflow can tell. n8n is told the
history where we remember; where it does, the session is the conversation.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from attrs import define, evolve

from daemon.clock import Clock
from daemon.domain.access import SYSTEM
from daemon.domain.call_log import Via
from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import RunState, WebhookAnswer, WebhookRequest, WebhookRun
from daemon.domain.workflow import Answer, Attachment, Node, NodeBegun, Question, Said, Workflow
from daemon.engine.handover import judged
from daemon.engine.ports import WebhookCaller
from daemon.engine.webhook_errands import Errand
from daemon.engine.webhook_runs import WebhookRuns
from daemon.engine.webhook_seen import explain, seen
from daemon.errors import N8nRan, N8nRefused, N8nUnauthorized, RemoteUnavailable

SERVICE = "n8n"
LOOK_BACK = timedelta(hours=1)  # for an earlier run of a question: it is not worth answering for longer


@define
class WebhookAssistant:
    """`daemon.engine.ports.Assistant`. Over a bare client nothing of a run is logged, or held against anybody."""

    caller: WebhookCaller
    clock: Clock

    async def run(
        self,
        workflow: Workflow,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> Answer:
        webhook, request = self._told(workflow, question)
        try:
            said = await self.caller.call(webhook, request, on_text=on_text, on_node=on_node)
        except N8nRan as error:
            if not error.nodes and (run := await seen(self.caller, webhook, request)) is not None:
                explain(error, run)
            raise
        return _spoken(workflow, answer(webhook, request, said, await seen(self.caller, webhook, request)))

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:
        """With n8n's API only. RemoteUnavailable while the earlier run goes on: its answer is worth waiting for."""
        webhook, request = self._told(workflow, question)
        try:
            run = await self.caller.look_up(webhook, request, since=request.sent_at - LOOK_BACK)
        except N8nUnauthorized:  # the API's key is another credential than the webhook's
            return None
        if run is None or run.answer is None:
            if run is not None and run.state in (RunState.RUNNING, RunState.WAITING):
                raise RemoteUnavailable("n8n.still_running", service=SERVICE)
            return None
        return evolve(_spoken(workflow, answer(webhook, request, run.answer, run)), recovered=True)

    def _told(self, workflow: Workflow, question: Question) -> tuple[Webhook, WebhookRequest]:
        webhook = workflow.webhook
        if webhook is None or not webhook.is_active:
            raise N8nRefused("ai_webhook.inactive", service=SERVICE)
        webhook = evolve(webhook, timeout=min(webhook.timeout, workflow.timeout))
        request = WebhookRequest(
            call_id=question.turn_id,
            task_type=webhook.task_type,
            text=question.messages[-1].text,
            session_id=question.conversation or question.user,
            sent_at=self.clock.now(),
            request_id=question.request_id,
            metadata=_metadata(workflow, question),
            extra=question.variables,
        )
        return webhook, request


@define
class QuestionCalls:
    """`daemon.engine.ports.WebhookCaller` for questions: within the webhook's seats and breaker, and in its log."""

    runs: WebhookRuns

    async def call(
        self,
        webhook: Webhook,
        request: WebhookRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> WebhookAnswer:
        began = self.runs.db.clock.monotonic()
        errand = Errand(webhook=webhook, request=request, via=Via.WORKFLOW, by=SYSTEM, began=began)
        return await self.runs.once(errand, on_text=on_text, on_node=on_node)

    async def look_up(self, webhook: Webhook, request: WebhookRequest, *, since: datetime) -> WebhookRun | None:
        return await self.runs.caller.look_up(webhook, request, since=since)


def answer(webhook: Webhook, request: WebhookRequest, said: WebhookAnswer, run: WebhookRun | None) -> Answer:
    """Without n8n's record the whole run is one node. Pure."""
    usage = said.usage if said.usage.known or run is None else run.usage
    last = run.answer if run is not None else None
    nodes = (run.nodes if run is not None else ()) or said.nodes or (_one(webhook, request, said),)
    return Answer(
        text=said.text,
        nodes=nodes,
        usage=usage,
        seconds=said.seconds,
        variables=said.variables or (last.variables if last is not None else {}),  # an agent's stream is text alone
    )


def _spoken(workflow: Workflow, found: Answer) -> Answer:
    """Somebody waits for words: an answer without any is none, unless it asks for a person."""
    if found.text.strip() or judged(workflow, found).needs_person:
        return found
    error = N8nRan("n8n.no_text", service=SERVICE)
    error.nodes = found.nodes
    raise error


def _one(webhook: Webhook, request: WebhookRequest, said: WebhookAnswer) -> Node:
    return Node(
        id=webhook.id,
        name=webhook.name,
        kind="workflow",
        seconds=said.seconds,
        failed=False,
        input={"chatInput": request.text},
        output=said.data,
    )


def _metadata(workflow: Workflow, question: Question) -> dict[str, Any]:
    """What a workflow may want to know beside the question itself."""
    *earlier, last = question.messages
    told: dict[str, Any] = {"user": question.user, "workflowId": workflow.id}
    if earlier:
        told["history"] = [_line(said) for said in earlier]
    if last.attachments:
        told["attachments"] = [_attachment(one) for one in last.attachments]
    return told


def _line(said: Said) -> dict[str, str]:
    return {"role": said.role, "content": said.text}


def _attachment(attachment: Attachment) -> dict[str, str]:
    return {"kind": attachment.kind, "url": attachment.url, "name": attachment.name}
