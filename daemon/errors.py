"""Every error we raise on purpose, as a tree that says whose fault it is and what to do next.

QiaodError
├── Invalid                 what we were given is wrong; `problems` names each field
├── Unauthenticated         no key, or not one of ours
├── Forbidden               a key of ours that may not do this
├── NotFound
├── Conflict                the state, the version or the Idempotency-Key says otherwise
├── PreconditionFailed      a stale If-Match
├── RateLimited             our own limit: not now; after `retry_after` it may
├── Unavailable             we cannot do it now, by no fault of the caller
│   └── StoreUnavailable      the store refuses: full, read-only, broken, or too slow
├── CannotOpen              the store cannot be opened now; exit code 75, a restart may help
│   └── MustNotOpen           … nor later, until somebody changes something; exit code 78
├── QuotaExceeded           somebody's money or measure is used up; `renews_at` says until when
├── NotSupported            the product behind us cannot do this
├── Stale                   the job or row belongs to somebody else by now: drop the result
└── RemoteError             another service let us down
    ├── RemoteRefused         it said no, and will say so again
    │   └── RemoteUnauthorized  it does not know our credential
    ├── RemoteLimited         it said "not now"; it did nothing; after `retry_after` it may
    ├── RemoteUnavailable     it did nothing; asking again may help
    │   └── AccountOffline      the WeChat account is not logged in there
    ├── RemoteNonsense        it answered, but not in its own language
    ├── OutcomeUnknown        it may have done it, so asking again may do it twice
    └── N8nWebhookError       a call of an n8n webhook failed; each is one of those above too
        ├── N8nConnectionError    no connection, or it broke
        │   ├── N8nUnreachable      … RemoteUnavailable: n8n is not there, or is just starting
        │   ├── N8nBarred           … RemoteRefused: the settings, or the rules, do not let it be called
        │   └── N8nCut              … OutcomeUnknown: after the request had left
        ├── N8nTimeoutError       … OutcomeUnknown: no answer in time; the run goes on
        └── N8nResponseError      n8n answered, and it is no answer of the workflow's
            ├── N8nUnauthorized     … RemoteUnauthorized
            ├── N8nRefused          … RemoteRefused: nothing ran, and nothing will
            ├── N8nLimited          … RemoteLimited
            ├── N8nRan              … OutcomeUnknown: it ran, or runs on, and gave no answer
            └── N8nNonsense         … RemoteNonsense

`code` is for machines: documented in docs/problems.md and never changed. The text for people is in `daemon.texts`,
in each language; `facts` are the values it names. `str(error)` is the English text, for logs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from attrs import frozen

from daemon.clock import rfc3339
from daemon.texts import render


@frozen
class Problem:
    """One field that is wrong, and why."""

    field: str
    message: str


class QiaodError(Exception):
    """Base of them all."""

    def __init__(self, code: str, /, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def text(self, language: str = "en") -> str:
        return render(self.code, language, self.facts)

    def __str__(self) -> str:
        return self.text()


class Invalid(QiaodError):
    def __init__(self, code: str = "invalid", /, problems: Sequence[Problem] = (), **facts: object) -> None:
        super().__init__(code, **facts)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        listed = "; ".join(f"{p.field}: {p.message}" for p in self.problems)
        return f"{self.text()}: {listed}" if listed else self.text()


class Unauthenticated(QiaodError):
    pass


class Forbidden(QiaodError):
    pass


class NotFound(QiaodError):
    pass


class Conflict(QiaodError):
    pass


class PreconditionFailed(QiaodError):
    pass


class Waitable(QiaodError):
    """Not now; `retry_after` says when it may be tried again."""

    def __init__(self, code: str, /, retry_after: timedelta, **facts: object) -> None:
        super().__init__(code, **facts)
        self.retry_after = retry_after


class RateLimited(Waitable):
    pass


class Unavailable(Waitable):
    pass


class StoreUnavailable(Unavailable):
    pass


class QuotaExceeded(QiaodError):
    """The facts say which quota it is and what is left of it."""

    def __init__(self, code: str, /, renews_at: datetime, **facts: object) -> None:
        super().__init__(code, renews_at=rfc3339(renews_at), **facts)
        self.renews_at = renews_at


class NotSupported(QiaodError):
    """The facts name the product that lacks it."""


class CannotOpen(QiaodError):
    exit_code = 75  # EX_TEMPFAIL: systemd tries again


class MustNotOpen(CannotOpen):
    exit_code = 78  # EX_CONFIG: RestartPreventExitStatus


class Stale(QiaodError):
    def __init__(self, code: str = "stale", /, **facts: object) -> None:
        super().__init__(code, **facts)


class RemoteError(QiaodError):
    """`service` is gewe, fastgpt, …; `detail` is what it said, redacted and short."""

    is_fault = True  # of the service's; False: it is there and well, and has said no (what a breaker goes by)

    def __init__(self, code: str, /, service: str, detail: str = "", **facts: object) -> None:
        super().__init__(code, service=service, detail=detail, **facts)
        self.service = service
        self.detail = detail
        self.nodes: tuple[Any, ...] = ()  # of a run that failed, where the service told them: domain.workflow.Node
        self.answer: Any = None  # of a run that came to its end, and was paid for: domain.workflow.Answer, of no use


class RemoteRefused(RemoteError):
    pass


class RemoteUnauthorized(RemoteRefused):
    pass


class RemoteLimited(RemoteError):
    def __init__(self, code: str, /, service: str, retry_after: timedelta | None, detail: str = "") -> None:
        super().__init__(code, service=service, detail=detail)
        self.retry_after = retry_after  # None: it did not say


class RemoteUnavailable(RemoteError):
    pass


class AccountOffline(RemoteUnavailable):
    pass


class RemoteNonsense(RemoteError):
    pass


class OutcomeUnknown(RemoteError):
    pass


class N8nWebhookError(RemoteError):
    """`code` is the finer one; `kind` the one of three that `POST /api/ai/webhook/` tells."""

    kind: ClassVar[str] = "n8n_response"
    status: int | None = None  # HTTP's; None: no answer came

    @property
    def may_have_run(self) -> bool:
        """Whether the workflow may have run, so that calling again may run it twice."""
        return not isinstance(self, RemoteRefused | RemoteLimited | RemoteUnavailable)


class N8nConnectionError(N8nWebhookError):
    kind = "n8n_connection"


class N8nUnreachable(N8nConnectionError, RemoteUnavailable):
    pass


class N8nBarred(N8nConnectionError, RemoteRefused):
    pass


class N8nCut(N8nConnectionError, OutcomeUnknown):
    pass


class N8nTimeoutError(N8nWebhookError, OutcomeUnknown):
    kind = "n8n_timeout"


class N8nResponseError(N8nWebhookError):
    pass


class N8nUnauthorized(N8nResponseError, RemoteUnauthorized):
    pass


class N8nRefused(N8nResponseError, RemoteRefused):
    pass


class N8nLimited(N8nResponseError, RemoteLimited):
    pass


class N8nRan(N8nResponseError, OutcomeUnknown):
    pass


class N8nNonsense(N8nResponseError, RemoteNonsense):
    pass
