"""A webhook of n8n: where a kind of task goes, and how it is called."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from daemon.secret import Secret


class Method(StrEnum):
    """As n8n's Webhook node takes them. GET has the request in its query."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    GET = "GET"


class AuthKind(StrEnum):
    """The ways that n8n's Webhook node can ask for."""

    NONE = "none"
    BASIC = "basic"
    HEADER = "header"
    JWT = "jwt"  # a short-lived token of ours, signed with the passphrase that n8n has


@frozen(kw_only=True)
class WebhookAuth:
    kind: AuthKind = AuthKind.NONE
    name: str = ""  # basic: the user; header: the header's name
    secret: Secret | None = None  # the password, the header's value, the passphrase


@frozen(kw_only=True)
class RetryTerms:
    attempts: int = 3  # the first included
    base: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(seconds=30)
    repeat: bool = False  # also where the workflow may have run: it tells calls apart by their id


@frozen(kw_only=True)
class CacheTerms:
    ttl: timedelta
    shared: bool = False  # one answer for every session


@frozen(kw_only=True)
class N8nApi:
    """n8n's public API: it tells what ran, and what failed, where the webhook's answer does not."""

    url: str  # without /api/v1
    key: Secret
    workflow_id: str


@frozen(kw_only=True)
class Webhook:
    id: str
    task_type: str  # unique among the active ones
    name: str
    url: str  # whole: its prefix is a setting of n8n's
    method: Method
    auth: WebhookAuth
    signing_keys: tuple[Secret, ...]  # all sign, while receivers change over; none: unsigned
    timeout: timedelta  # of one attempt, to the last byte
    retry: RetryTerms
    cache: CacheTerms | None
    output: str  # where in the answer its text is: names and indexes with dots between; "": the usual places
    at_once: int  # calls under way
    api: N8nApi | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
    version: int = field(default=1)

    @property
    def credential(self) -> str:
        """Names it as it is set up now: a breaker's name ends so, and a change is a new chance."""
        return f"webhook/{self.id}/{self.version}"
