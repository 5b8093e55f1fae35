"""What a person should know of: alerts in the seed's shape, and the same as notifications that can be read."""

from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from daemon.domain.access import Role
from daemon.domain.alert import Alert, AlertType, Severity
from daemon.errors import NotFound
from daemon.net.api.fields import Identifier
from daemon.net.api.services import DATABASE
from daemon.net.server.call import Call, Page, Paging
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes
from daemon.store import alerts
from daemon.store.alerts import Filter
from daemon.texts import render

routes = Routes("Alerts")

ServiceName = Annotated[str, Length(1, 40), Note("GeWe, FastGPT, or qiaod.", "GeWe")]


@frozen(kw_only=True)
class AlertView:
    """As the seed's clients read it."""

    alert_id: str
    service_name: str
    alert_type: AlertType
    severity: Severity
    title: str
    message: str
    timestamp: Annotated[datetime, Note("When it was raised.")]
    resolved: bool
    resolved_at: datetime | None
    resolved_by: str | None
    count: Annotated[int, Note("How often it was raised while it was open.")]
    account_id: str | None
    metadata: dict[str, Any]


@frozen(kw_only=True)
class NotificationView:
    id: str
    code: Annotated[str, Note("For programs; the texts are in the reader's language.", "account.needs_qr")]
    severity: Severity
    title: str
    message: str
    created_at: datetime
    read_at: datetime | None
    account_id: str | None
    facts: dict[str, Any] = field(factory=dict)


@routes.get("/api/v1/integrations/monitoring/alerts", role=Role.VIEWER, summary="Alerts of the integrations")
async def listing(
    call: Call,
    paging: Paging,
    *,
    service_name: ServiceName | None = None,
    severity: Severity | None = None,
    resolved: bool | None = False,
) -> Page[AlertView]:
    rows, total = await call.service(DATABASE).read(
        alerts.page,
        Filter(service=service_name, severity=severity, resolved=resolved, account_ids=call.scope),
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=lambda a: _view(a, call.language), after=lambda alert: alert.id)


@routes.get("/api/v1/notifications", role=Role.VIEWER, summary="What happened that a person should know")
async def notifications(call: Call, paging: Paging, *, unread: bool | None = None) -> Page[NotificationView]:
    rows, total = await call.service(DATABASE).read(
        alerts.page,
        Filter(unread=unread, account_ids=call.scope),
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=lambda a: _notification(a, call.language), after=lambda alert: alert.id)


@routes.post("/api/v1/notifications/{notification_id}/read", role=Role.OPERATOR, summary="Mark a notification as read")
async def read(call: Call, notification_id: Identifier) -> NotificationView:
    db = call.service(DATABASE)
    known = await db.read(alerts.get, notification_id)
    if known is None:
        raise NotFound("notification.not_found")
    if known.account_id is not None or call.scope is not None:
        call.allow(known.account_id or "")
    marked = await db.write(alerts.mark_read, notification_id)
    return _notification(marked or known, call.language)


def _texts(alert: Alert, language: str) -> tuple[str, str]:
    """A title and the sentence below it: two texts of each alert's code."""
    return render(f"{alert.code}.title", language, alert.facts), render(alert.code, language, alert.facts)


def _view(alert: Alert, language: str) -> AlertView:
    title, message = _texts(alert, language)
    return AlertView(
        alert_id=alert.id,
        service_name=alert.service,
        alert_type=alert.type,
        severity=alert.severity,
        title=title,
        message=message,
        timestamp=alert.raised_at,
        resolved=alert.resolved_at is not None,
        resolved_at=alert.resolved_at,
        resolved_by=alert.resolved_by,
        count=alert.count,
        account_id=alert.account_id,
        metadata={"code": alert.code, **alert.facts},
    )


def _notification(alert: Alert, language: str) -> NotificationView:
    title, message = _texts(alert, language)
    return NotificationView(
        id=alert.id,
        code=alert.code,
        severity=alert.severity,
        title=title,
        message=message,
        created_at=alert.raised_at,
        read_at=alert.read_at,
        account_id=alert.account_id,
        facts=alert.facts,
    )
