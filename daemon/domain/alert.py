"""Something that a person should know of: a service that fails, a quota that runs out, an account that is offline."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen


class AlertType(StrEnum):
    """The seed's six."""

    SERVICE_DOWN = "service_down"
    HIGH_RESPONSE_TIME = "high_response_time"
    LOW_SUCCESS_RATE = "low_success_rate"
    ANOMALY = "anomaly"
    THRESHOLD = "threshold"
    QUOTA_EXCEEDED = "quota_exceeded"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@frozen(kw_only=True)
class NewAlert:
    """`code` names its text in `daemon.texts`, with `facts` filled in when it is shown, in the reader's language.

    While one with the same `fingerprint` is open, another only counts it up.
    """

    fingerprint: str
    service: str  # GeWe, FastGPT, qiaod: as the seed spells them
    type: AlertType
    severity: Severity
    code: str
    facts: dict[str, Any] = field(factory=dict)
    account_id: str | None = None


@frozen(kw_only=True)
class Alert(NewAlert):
    id: str
    raised_at: datetime
    last_at: datetime
    count: int
    resolved_at: datetime | None
    resolved_by: str | None
    read_at: datetime | None
