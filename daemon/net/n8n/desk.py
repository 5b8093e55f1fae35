"""Whether an n8n workflow is set up rightly: that n8n is ready, the workflow there, published, and at this address."""

from http import HTTPStatus
from typing import NoReturn
from urllib.parse import quote, urlsplit

from attrs import define, field

from daemon.clock import Clock
from daemon.codec import parse
from daemon.domain.checkup import CheckOutcome, CheckStep, Finding
from daemon.domain.webhook import N8nApi, Webhook
from daemon.domain.webhook_call import WebhookRequest
from daemon.domain.workflow import Workflow
from daemon.errors import Invalid, N8nUnauthorized, N8nWebhookError, NotSupported
from daemon.net.foreign import document
from daemon.net.n8n.classify import told_apart
from daemon.net.n8n.client import N8nWebhookClient, Patience
from daemon.net.n8n.public_api import NOT_THERE, PublicApi, base
from daemon.net.n8n.wire_request import SERVICE
from daemon.net.n8n.wire_workflows import Published, trigger_of
from daemon.net.outbound import Outbound, Reply

READINESS = "/healthz/readiness"  # /healthz says ok while n8n is still booting
WEBHOOKS = "/webhook/"  # n8n's usual prefix: what stands before it is n8n's address
TEST = "/webhook-test/"
STEPS = (CheckStep.CONNECT, CheckStep.KEY, CheckStep.APP, CheckStep.PUBLISHED, CheckStep.RUN)
ASKED = "ping"


@define
class N8nDesk:
    """`daemon.engine.ports.ServiceDesk`. n8n keeps no chats that can be looked through, and takes no ratings."""

    outbound: Outbound
    clock: Clock
    patience: Patience = field(factory=Patience)

    async def check(self, workflow: Workflow, *, run: bool, name: str) -> tuple[Finding, ...]:
        findings = await self._tried(workflow.webhook, run=run, name=name)
        tried = {finding.step: finding for finding in findings}
        return tuple(tried.get(step, Finding(step=step, found=CheckOutcome.SKIPPED)) for step in STEPS)

    async def chats(self, *_: object, **__: object) -> NoReturn:
        raise _not_supported("chats")

    async def records(self, *_: object, **__: object) -> NoReturn:
        raise _not_supported("records")

    async def forget(self, *_: object, **__: object) -> NoReturn:
        raise _not_supported("forget")

    async def rate(self, *_: object, **__: object) -> NoReturn:
        raise _not_supported("rate")

    async def _tried(self, webhook: Webhook | None, *, run: bool, name: str) -> list[Finding]:
        if webhook is None:
            return [_failed(CheckStep.APP, "n8n.check_no_webhook")]
        findings = [await self._ready(webhook)]
        if findings[0].found is not CheckOutcome.FAILED:
            findings += await self._looked_up(webhook)
        if run and all(finding.found is not CheckOutcome.FAILED for finding in findings):
            findings.append(await self._runs(webhook, name))
        return findings

    async def _ready(self, webhook: Webhook) -> Finding:
        """A proxy may keep n8n's own pages to itself: then only a call can tell."""
        try:
            reply = await self._asked(f"{_address(webhook)}{READINESS}")
        except N8nWebhookError as error:
            return _failed(CheckStep.CONNECT, "n8n.check_connect", error.detail or str(error))
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return _failed(CheckStep.CONNECT, "n8n.check_not_ready")
        if reply.status != HTTPStatus.OK or not _says_ok(reply):
            return _warned(CheckStep.CONNECT, "n8n.check_no_readiness", f"HTTP {reply.status}")
        return _ok(CheckStep.CONNECT)

    async def _asked(self, url: str) -> Reply:
        with told_apart():
            return await self.outbound.request(
                SERVICE, "GET", url, timeouts=self.patience.looking, repeatable=True, guarded=True
            )

    async def _looked_up(self, webhook: Webhook) -> list[Finding]:
        if TEST in webhook.url:
            return [_failed(CheckStep.APP, "n8n.check_test_url")]
        if webhook.api is None:
            return []
        try:
            published = await self._published(webhook.api)
        except N8nUnauthorized as error:
            return [_failed(CheckStep.KEY, "n8n.check_key", error.detail)]
        except N8nWebhookError as error:
            if error.code != NOT_THERE:
                return [_failed(CheckStep.KEY, "n8n.check_api", error.detail or str(error))]
            return [_ok(CheckStep.KEY), _failed(CheckStep.APP, "n8n.check_workflow", webhook.api.workflow_id)]
        return [_ok(CheckStep.KEY), *_judged(webhook, published)]

    async def _published(self, api: N8nApi) -> Published:
        path = f"/workflows/{quote(api.workflow_id, safe='')}"
        return Published.of(await PublicApi(self.outbound, api, self.patience.looking).get(path))

    async def _runs(self, webhook: Webhook, name: str) -> Finding:
        request = WebhookRequest(
            call_id=name, task_type=webhook.task_type, text=ASKED, session_id=name, sent_at=self.clock.now()
        )
        try:
            answer = await N8nWebhookClient(self.outbound, self.clock, self.patience).call(webhook, request)
        except N8nWebhookError as error:
            return _failed(CheckStep.RUN, "n8n.check_run", str(error))
        if answer.accepted:
            return _warned(CheckStep.RUN, "n8n.check_accepted")
        return _ok(CheckStep.RUN) if answer.text else _warned(CheckStep.RUN, "n8n.check_no_text")


def _judged(webhook: Webhook, published: Published) -> list[Finding]:
    if not published.active:
        return [_ok(CheckStep.APP), _failed(CheckStep.PUBLISHED, "n8n.check_active")]
    trigger = trigger_of(published, urlsplit(webhook.url).path, webhook.method)
    if trigger is None:
        there = ", ".join(one.shown for one in published.triggers)
        return [_failed(CheckStep.APP, "n8n.check_path", there)]
    if trigger.at_once:
        return [_warned(CheckStep.APP, "n8n.check_accepted"), _ok(CheckStep.PUBLISHED)]
    return [_ok(CheckStep.APP), _ok(CheckStep.PUBLISHED)]


def _address(webhook: Webhook) -> str:
    """n8n's own: as the API's settings have it, else what the webhook's URL begins with."""
    if webhook.api is not None:
        return base(webhook.api)
    parts = urlsplit(webhook.url)
    before, found, _ = parts.path.partition(WEBHOOKS)
    return f"{parts.scheme}://{parts.netloc}{before if found else ''}"


def _says_ok(reply: Reply) -> bool:
    try:
        return document(parse(reply.body)).get("status") == "ok"
    except Invalid:
        return False


def _not_supported(what: str) -> NotSupported:
    return NotSupported("n8n.not_supported", what=what)


def _ok(step: CheckStep) -> Finding:
    return Finding(step=step, found=CheckOutcome.OK)


def _warned(step: CheckStep, code: str, detail: str = "") -> Finding:
    return Finding(step=step, found=CheckOutcome.WARNING, code=code, detail=detail[:500])


def _failed(step: CheckStep, code: str, detail: str = "") -> Finding:
    return Finding(step=step, found=CheckOutcome.FAILED, code=code, detail=detail[:500])
