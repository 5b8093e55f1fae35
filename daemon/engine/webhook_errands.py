"""A call of an n8n webhook as it is asked for, as it ends, and what that end counts as."""

from datetime import timedelta

from attrs import define, field, frozen

from daemon.domain.access import Actor
from daemon.domain.call_log import CallOutcome, Via
from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest
from daemon.errors import N8nResponseError, N8nWebhookError, QiaodError

NOT_REGISTERED = "n8n.not_registered"
GRACE = timedelta(seconds=0.5)  # n8n 2.41 knows a webhook 0.16 to 0.3 s after it says that it is published
CUT_OFF = "ai_webhook.cut_off"  # our own end, or its caller's, while n8n worked on it


@define(kw_only=True)
class Errand:
    """One call as we were asked for it."""

    webhook: Webhook
    request: WebhookRequest
    via: Via
    by: Actor
    began: float  # monotonic
    asked: int = field(default=0, init=False)  # how often n8n was

    @property
    def attempts(self) -> int:
        """Who tries a webhook wants to see how it fails; a question is repeated by whoever asks it."""
        return self.webhook.retry.attempts if self.via is Via.API else 1


@frozen(kw_only=True)
class Ran:
    """An answer of n8n's, as the caller gets it and as the log shows it."""

    answer: WebhookAnswer
    attempts: int
    asked: str  # JSON
    told: str  # JSON
    size: int  # bytes of the whole answer, about


def outcome_of(error: BaseException | None, *, asked: int) -> CallOutcome:
    """Pure."""
    if error is None:
        return CallOutcome.ANSWERED
    if asked == 0 and not isinstance(error, N8nWebhookError):  # else another's run had it
        return CallOutcome.REFUSED
    unsure = error.may_have_run if isinstance(error, N8nWebhookError) else not isinstance(error, QiaodError)
    return CallOutcome.UNKNOWN if unsure and not isinstance(error, N8nResponseError) else CallOutcome.FAILED
