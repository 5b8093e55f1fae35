"""n8n from a script: one blocking call with its repetitions, on a loop and a connection of its own."""

import asyncio
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from attrs import field, frozen

from daemon.clock import Clock, SystemClock
from daemon.domain.webhook import Method, RetryTerms, Webhook, WebhookAuth
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest
from daemon.engine.webhook_errands import GRACE, NOT_REGISTERED
from daemon.errors import N8nWebhookError, RemoteLimited, RemoteRefused
from daemon.ids import Ids
from daemon.limits.retry import Retry
from daemon.net.n8n.client import N8nWebhookClient, own_targets
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret

ONE_MINUTE = timedelta(minutes=1)


@frozen(kw_only=True)
class Script:
    """A webhook as a script knows it. `output`: where in the answer the text is, as in a webhook's settings."""

    url: str
    method: Method = Method.POST
    auth: WebhookAuth = field(factory=WebhookAuth)
    signing_keys: tuple[Secret, ...] = ()
    timeout: timedelta = ONE_MINUTE
    retry: RetryTerms = field(factory=RetryTerms)
    output: str = ""

    def ask(self, text: str, *, session_id: str, task_type: str = "", **extra: Any) -> WebhookAnswer:
        """The workflow's answer. Not from within a loop that runs. Raises N8nWebhookError.

        Goes wherever its URL leads: who runs a script needs no leave of the settings. Repeated is what surely did not
        run, and with `retry.repeat` also what may have.
        """
        clock = SystemClock()
        request = WebhookRequest(
            call_id=Ids(clock).new(),
            task_type=task_type,
            text=text,
            session_id=session_id,
            sent_at=clock.now(),
            extra=extra,
        )
        return asyncio.run(self._asked(request, clock))

    async def _asked(self, request: WebhookRequest, clock: Clock) -> WebhookAnswer:
        webhook, random = self._webhook(request), Random()  # noqa: S311 - spreads repetitions, guards nothing
        async with open_outbound(Redactor(), own_targets(self.url)) as outbound:
            client = N8nWebhookClient(outbound, clock)
            for attempt in count(1):
                try:
                    return await client.call(webhook, request)
                except N8nWebhookError as error:
                    delay = self._delay(error, attempt, request.sent_at, clock.now(), random)
                    if delay is None:
                        raise
                await asyncio.sleep(delay.total_seconds())
        raise AssertionError("counting has no end")

    def _delay(
        self, error: N8nWebhookError, attempt: int, started: datetime, now: datetime, random: Random
    ) -> timedelta | None:
        """Before the next attempt; None: there is none."""
        terms = self.retry
        if error.code == NOT_REGISTERED and attempt == 1 < terms.attempts:
            return GRACE
        if isinstance(error, RemoteRefused) or (error.may_have_run and not terms.repeat):
            return None
        asked_for = error.retry_after if isinstance(error, RemoteLimited) else None
        retry = Retry(base=terms.base, cap=terms.cap, attempts=terms.attempts, age=self.timeout * terms.attempts)
        return retry.next(attempt, started=started, now=now, random=random, retry_after=asked_for)

    def _webhook(self, request: WebhookRequest) -> Webhook:
        return Webhook(
            id="",
            task_type=request.task_type,
            name="",
            url=self.url,
            method=self.method,
            auth=self.auth,
            signing_keys=self.signing_keys,
            timeout=self.timeout,
            retry=self.retry,
            cache=None,
            output=self.output,
            at_once=1,
            api=None,
            is_active=True,
            created_at=request.sent_at,
            updated_at=request.sent_at,
        )
