"""Calls webhooks of n8n: one attempt a call, its answer understood whatever shape it has.

Leaving early does not stop what runs in n8n. Whether another attempt may follow is in the error: `may_have_run`.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

from attrs import define, evolve, field, frozen

from daemon.clock import Clock, SystemClock
from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest, WebhookRun
from daemon.engine.targets import Targets, target_of
from daemon.errors import Invalid, N8nUnreachable, N8nWebhookError
from daemon.net.n8n.classify import Clean, refusal, told_apart
from daemon.net.n8n.executions import Executions
from daemon.net.n8n.listen import Listening
from daemon.net.n8n.public_api import PublicApi
from daemon.net.n8n.stream import Ears, Listener, OnNode, OnText
from daemon.net.n8n.wire_request import SERVICE, Wire, pair, wire
from daemon.net.outbound import Outbound, Stream, Timeouts, open_outbound
from daemon.secret import Redactor, Secret


@frozen(kw_only=True)
class Patience:
    """How long each part may take; the whole is the webhook's own `timeout`."""

    connect: timedelta = timedelta(seconds=10)
    idle: timedelta = timedelta(seconds=45)  # within an answer: a stream says every 30 s that it is still there
    lookup: timedelta = timedelta(seconds=15)
    search: timedelta = timedelta(seconds=30)  # of an execution, which takes several look-ups

    @property
    def looking(self) -> Timeouts:
        """Of a call that asks for what is there."""
        return Timeouts(connect=self.connect, total=self.lookup)


@define
class N8nWebhookClient:
    """`daemon.engine.ports.WebhookCaller`. Nothing is kept between calls."""

    outbound: Outbound
    clock: Clock
    patience: Patience = field(factory=Patience)

    async def call(
        self,
        webhook: Webhook,
        request: WebhookRequest,
        *,
        on_text: OnText | None = None,
        on_node: OnNode | None = None,
    ) -> WebhookAnswer:
        sent = wire(webhook, request, now=self.clock.now())
        listener = Listener(webhook.output, cleaner(self.outbound, webhook, sent.credential), Ears(on_text, on_node))
        loop = asyncio.get_running_loop()
        began = loop.time()
        with self.outbound.metered(SERVICE), told_apart():
            async with self.outbound.stream(
                SERVICE,
                webhook.method,
                webhook.url,
                json=sent.body,
                params=sent.params,
                headers=sent.headers,
                timeouts=Timeouts(connect=self.patience.connect, total=webhook.timeout, idle=self.patience.idle),
                repeatable=False,
                guarded=True,
            ) as stream:
                answer = await _heard(stream, sent, listener)
        return evolve(answer, seconds=loop.time() - began)

    async def look_up(self, webhook: Webhook, request: WebhookRequest, *, since: datetime) -> WebhookRun | None:
        if webhook.api is None:
            return None
        api = PublicApi(self.outbound, webhook.api, self.patience.looking, secrets_of(webhook))
        executions = Executions(api, cleaner(self.outbound, webhook))
        try:
            async with asyncio.timeout(self.patience.search.total_seconds()):
                return await executions.of(request, since=since, path=webhook.output)
        except TimeoutError:
            raise N8nUnreachable("remote.timeout", service=SERVICE) from None

    @staticmethod
    def call_sync(webhook: Webhook, request: WebhookRequest) -> WebhookAnswer:
        """`call` for scripts, on a loop and a connection of its own; not from within a loop that runs.

        Goes wherever the webhook's own URL leads: who runs a script needs no leave of the settings.
        """

        async def alone() -> WebhookAnswer:
            async with open_outbound(Redactor(), own_targets(webhook.url)) as outbound:
                return await N8nWebhookClient(outbound, SystemClock()).call(webhook, request)

        return asyncio.run(alone())


def cleaner(outbound: Outbound, webhook: Webhook, *sent: Secret) -> Clean:
    """Makes n8n's words fit to be kept, whether or not the webhook's secrets are known to the log's redactor."""
    redactor = Redactor()
    redactor.add(*sent, *secrets_of(webhook))
    return lambda words: outbound.detail(redactor.clean(words))


def secrets_of(webhook: Webhook) -> tuple[Secret, ...]:
    """All that n8n may say back; a token of ours is made anew for each call."""
    auth = webhook.auth
    told = (auth.secret, auth.secret and pair(auth), *webhook.signing_keys, webhook.api and webhook.api.key)
    return tuple(secret for secret in told if secret)


def own_targets(url: str) -> Targets:
    """The one place that the URL names; what is no URL is refused when it is called."""
    with suppress(Invalid):
        target = target_of(url)
        host = f"[{target.host}]" if ":" in target.host else target.host
        return Targets.of([f"{host}:{target.port}"])
    return Targets()


async def _heard(stream: Stream, sent: Wire, listener: Listener) -> WebhookAnswer:
    try:
        if not HTTPStatus.OK <= stream.status < HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(stream.status, stream.headers, await stream.read(), listener.clean)
        return await Listening(stream, listener, sent.body, sent.credential).answer()
    except N8nWebhookError as error:
        error.status = stream.status
        raise
