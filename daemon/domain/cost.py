"""What calls of others cost: units used, the prices they had, and the charge that keeps both. All integers.

Points and money are millionths; tokens and acts are plain numbers. A charge is reserved before its call, then settled
with what was truly used, or released where surely nothing happened.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import evolve, frozen

from daemon.domain.workflow import Usage

ChargeId = NewType("ChargeId", str)

MICRO = 1_000_000
ANY_MODEL = "*"  # the price of all models of a provider that have none of their own
MOST = 2**53 - 1  # of any unit of one charge: what a service says of itself is not taken without a bound


class ChargeKind(StrEnum):
    WORKFLOW = "workflow"  # a question to an AI workflow
    ACT = "act"  # something else that an account does at WeChat
    SEND = "send"  # a message


class ChargeState(StrEnum):
    RESERVED = "reserved"  # begun, or its answer was lost
    SETTLED = "settled"
    RELEASED = "released"  # surely nothing happened


@frozen(kw_only=True)
class Units:
    """How much of everything that is paid for."""

    points_micro: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    embedding_tokens: int = 0
    acts: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens + self.embedding_tokens

    @classmethod
    def of(cls, usage: Usage) -> "Units | None":
        """What a workflow said it used, within bounds; None where it did not say."""
        if not usage.known:
            return None
        return cls(
            points_micro=_bounded(usage.points_micro),
            input_tokens=_bounded(usage.input_tokens),
            output_tokens=_bounded(usage.output_tokens),
            embedding_tokens=_bounded(usage.embedding_tokens),
        )


ONE_ACT = Units(acts=1)


@frozen(kw_only=True)
class Scopes:
    """Whom a charge is for. None: nobody of that kind."""

    account_id: str | None = None
    workflow_id: str | None = None
    contact: str | None = None  # a wxid
    rule_id: str | None = None
    key_id: str | None = None
    request_id: str | None = None


@frozen(kw_only=True)
class NewCharge:
    """`ref` names one attempt at one thing, see `attempt_ref`: the same one is never reserved twice."""

    ref: str
    kind: ChargeKind
    provider: str  # fastgpt, gewe, …
    model: str  # an app, a model, or the kind of act
    scopes: Scopes
    estimate: Units


@frozen(kw_only=True)
class Charge:
    id: ChargeId
    ref: str
    kind: ChargeKind
    provider: str
    model: str
    scopes: Scopes
    state: ChargeState
    usage_known: bool  # False: not settled yet, or at its estimate
    price_id: str | None
    units: Units  # the estimate while it is reserved
    estimate_micro: int  # money
    cost_micro: int  # money; 0 until it is settled
    created_at: datetime
    settled_at: datetime | None  # or released


@frozen(kw_only=True)
class Price:
    """Money in millionths: for a point, for 1,000 tokens of each kind, for an act."""

    id: str
    provider: str
    model: str
    point_micro: int
    input_micro: int
    output_micro: int
    embedding_micro: int
    act_micro: int
    valid_from: datetime
    created_at: datetime
    updated_at: datetime
    version: int


def attempt_ref(kind: ChargeKind, thing_id: str, attempt: int = 1) -> str:
    """A turn's second attempt may cost as much as its first, so it is another charge. A send has one attempt."""
    return f"{kind}/{thing_id}/{attempt}"


def key_of(actor_id: str | None) -> str | None:
    """The key behind an actor, if it is one. Pure."""
    return actor_id.removeprefix("key:") if actor_id is not None and actor_id.startswith("key:") else None


def cost_of(units: Units, price: Price | None) -> int:
    """Money in millionths, rounded up once; 0 where nobody said the price. Pure."""
    if price is None:
        return 0
    by_thousand = (
        units.input_tokens * price.input_micro
        + units.output_tokens * price.output_micro
        + units.embedding_tokens * price.embedding_micro
    )
    # over the common denominator of points (a million) and of tokens (a thousand)
    total = units.points_micro * price.point_micro + by_thousand * 1000 + units.acts * price.act_micro * MICRO
    return min(-(-total // MICRO), MOST)


def plain(micro: int) -> str:
    """Millionths as people write them: `1.5`. Pure."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def estimate_of(earlier: Sequence[Units], first: Units) -> Units:
    """Half as much again as 99 of 100 earlier calls used, each unit by itself; `first` where there were none. Pure."""
    if not earlier:
        return first
    return Units(
        points_micro=_likely([units.points_micro for units in earlier]),
        input_tokens=_likely([units.input_tokens for units in earlier]),
        output_tokens=_likely([units.output_tokens for units in earlier]),
        embedding_tokens=_likely([units.embedding_tokens for units in earlier]),
        acts=max(units.acts for units in earlier),
    )


def _likely(values: Sequence[int]) -> int:
    """Half as much again as the 99th percentile (nearest rank), rounded up."""
    rank = -(-99 * len(values) // 100)
    return _bounded(-(-3 * sorted(values)[rank - 1] // 2))


def _bounded(number: int) -> int:
    return max(0, min(number, MOST))


def settled(charge: Charge, units: Units | None, price: Price | None, *, now: datetime) -> Charge:
    """With what it truly used; None: with its estimate, since nobody knows. Pure."""
    used = charge.units if units is None else units
    return evolve(
        charge,
        state=ChargeState.SETTLED,
        usage_known=units is not None,
        units=used,
        cost_micro=cost_of(used, price),
        settled_at=now,
    )
