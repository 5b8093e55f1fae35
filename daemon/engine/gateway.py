"""An account's way to GeWe: of the calls that change something one at a time, and none while the gateway is dead.

GeWe wants one call of an account to end before the next begins. What goes to people is not kept waiting: messages pass
before acts, and what only reads has a line of its own, so that a slow address book holds up nobody's answer.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from attrs import define, field

from daemon.domain.account import Account
from daemon.domain.message import AccountId
from daemon.errors import (
    AccountOffline,
    OutcomeUnknown,
    RateLimited,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    Unavailable,
)
from daemon.limits.breaker import Breaker, Breakers, Why
from daemon.limits.turnstile import Turnstile

SERVICE = "gewe"
PATIENCE = 5.0  # seconds that an act waits for the call before it
BUSY = timedelta(seconds=5)
SLOW = frozenset({"gewe.contacts_slow", "remote.timeout"})  # of what GeWe has to ask WeChat for: no news of GeWe itself


@define
class Gateway:
    breakers: Breakers
    patience: float = PATIENCE
    _changes: Turnstile = field(factory=Turnstile, init=False)
    _reads: Turnstile = field(factory=Turnstile, init=False)

    def sending(self, account_id: AccountId) -> AbstractAsyncContextManager[None]:
        """While a message goes. Its job waits as long as it takes, and passes before any act."""
        return self._changes.turn(account_id, ahead=True)

    @asynccontextmanager
    async def acting(self, account_id: AccountId, *, only_reads: bool) -> AsyncIterator[None]:
        """While an act is done. Raises RateLimited where the one before it takes too long."""
        line = self._reads if only_reads else self._changes
        entry = line.turn(account_id, patience=self.patience)
        try:
            await entry.__aenter__()
        except TimeoutError:
            raise RateLimited("act.busy", retry_after=BUSY) from None
        try:
            yield
        finally:
            await entry.__aexit__(None, None, None)

    def breaker(self, account: Account) -> Breaker:
        return self.breakers.of(SERVICE, f"{account.id}/{account.version}")  # a new token is a new chance

    def pass_breaker(self, account: Account) -> Breaker:
        """The breaker, which waits to be told how it went. Raises at once where GeWe is left alone for a while."""
        breaker = self.breaker(account)
        wait = breaker.before()
        if not wait:
            return breaker
        if breaker.why is Why.CREDENTIAL_REJECTED:
            raise RemoteUnauthorized("gewe.unauthorized", service=SERVICE)
        raise Unavailable("gewe.breaker_open", retry_after=wait)


def tell(breaker: Breaker, error: BaseException | None, *, only_reads: bool) -> None:
    """How a call went that the breaker let pass. `error` None: it was done."""
    match error:
        case None | AccountOffline() | RemoteLimited():
            breaker.succeeded()  # the gateway itself is well
        case RemoteUnauthorized():
            breaker.hold(Why.CREDENTIAL_REJECTED)
        case RemoteRefused():
            breaker.succeeded()
        case RemoteUnavailable() if only_reads and error.code in SLOW:
            breaker.abandoned()
        case RemoteUnavailable() | RemoteNonsense() | OutcomeUnknown():
            breaker.failed()
        case _:
            breaker.abandoned()
