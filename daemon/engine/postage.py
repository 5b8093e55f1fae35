"""What sending one message costs, as units of work beside it: a send goes out at most once, so it has one charge."""

from daemon.domain.cost import ONE_ACT, ChargeId, ChargeKind, NewCharge, Scopes, attempt_ref, key_of
from daemon.domain.quota import QuotaScope
from daemon.domain.send import Send
from daemon.engine import costs
from daemon.engine.costs import Refusal, Terms
from daemon.errors import QuotaExceeded
from daemon.store.tx import Tx


def reserve(tx: Tx, send: Send, terms: Terms) -> ChargeId | Refusal:
    new = NewCharge(
        ref=_ref(send.id),
        kind=ChargeKind.SEND,
        provider="gewe",
        model="send",
        scopes=Scopes(account_id=send.account_id, contact=send.to, key_id=key_of(send.by), request_id=send.request_id),
        estimate=ONE_ACT,
    )
    return costs.try_reserve(tx, new, terms)


def settle(tx: Tx, send_id: str) -> None:
    """It went out."""
    costs.settle(tx, _ref(send_id), ONE_ACT)


def settle_unknown(tx: Tx, send_id: str) -> None:
    """It may have gone out, and nobody sends it again: that is as far as anybody will know."""
    costs.settle(tx, _ref(send_id), None)


def release(tx: Tx, send_id: str) -> None:
    """It surely did not go out now; it may later."""
    costs.release(tx, _ref(send_id))


def holds_account(refused: QuotaExceeded) -> bool:
    """Whether it holds every send of the account, so that waiting keeps nobody else waiting.

    One person's or one key's quota must not stop the line: what does not fit under it is not sent.
    """
    scope = str(refused.facts["scope"]).partition(" ")[0]
    return scope in {QuotaScope.GLOBAL, QuotaScope.ACCOUNT}


def _ref(send_id: str) -> str:
    return attempt_ref(ChargeKind.SEND, send_id)
