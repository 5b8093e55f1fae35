"""What the integrations' routes answer, in the shapes of the seed."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.engine.integrations import Service
from daemon.net.server.constraints import Note


@frozen(kw_only=True)
class StatsView:
    total_requests: int
    success_rate: Annotated[float, Note("Per cent of the calls; 100 where none was made.")]
    average_response_time: Annotated[float, Note("Seconds.")]


@frozen(kw_only=True)
class AiStatsView(StatsView):
    total_tokens: int
    total_cost: Annotated[float, Note("In the currency of the settings, of the calls that are settled.")]


@frozen(kw_only=True)
class ServiceView:
    service_name: str
    healthy: bool
    response_time: Annotated[float, Note("Seconds; of the slowest account or workflow that was asked.")]
    last_check: datetime
    stats: StatsView


@frozen(kw_only=True)
class AiServiceView(ServiceView):
    stats: AiStatsView


@frozen(kw_only=True)
class Overview:
    gewe_status: ServiceView
    fastgpt_status: AiServiceView
    total_integrations: int
    active_integrations: Annotated[int, Note("Those that are healthy.")]
    last_sync: Annotated[datetime | None, Note("When services/sync last ran.")]


@frozen(kw_only=True)
class PartView:
    id: str
    name: str
    healthy: bool
    response_time: Annotated[float, Note("Seconds.")]
    code: Annotated[str | None, Note("What is wrong, for programs.")]
    message: Annotated[str | None, Note("What is wrong, and what to do about it.")]


@frozen(kw_only=True)
class HealthView:
    service_name: str
    healthy: bool
    response_time: float
    last_check: datetime
    message: Annotated[str | None, Note("Why it is not healthy.")]
    accounts: Annotated[list[PartView] | None, Note("GeWe's.")] = None
    workflows: Annotated[list[PartView] | None, Note("FastGPT's.")] = None


@frozen(kw_only=True)
class CallsView(StatsView):
    successful_requests: int
    failed_requests: int
    slowest_response_time: Annotated[float, Note("Seconds.")]
    last_error: str | None


@frozen(kw_only=True)
class RateLimitView:
    """What one account may send now."""

    account_id: str
    requests_per_minute: float
    available: Annotated[float, Note("Messages that may go at once.")]


@frozen(kw_only=True)
class GeweStatsView(CallsView):
    service_name: str
    hours: int
    messages_received: int
    messages_sent: dict[str, int]
    rate_limits: list[RateLimitView]
    global_per_minute: float


@frozen(kw_only=True)
class FastGptStatsView(CallsView):
    service_name: str
    hours: int
    total_tokens: int
    total_points: float
    total_cost: float
    max_concurrent_requests: int
    processing_requests: int
    waiting_requests: int
    degraded: Annotated[dict[str, int], Note("Answers by how they came about: no, fallback, sentence, silence.")]


@frozen(kw_only=True)
class RestartBody:
    service: Annotated[Service, Note("gewe, fastgpt, or all.")] = Service.ALL


@frozen(kw_only=True)
class ActionView:
    service: Service
    action: Annotated[str, Note("breakers_closed, accounts_read, cache_cleared, work_woken.")]
    count: int


@frozen(kw_only=True)
class RestartView:
    success: bool
    actions: list[ActionView]


@frozen(kw_only=True)
class DifferenceView:
    service: Service
    object: Annotated[str, Note("account:<id> or workflow:<id>.")]
    field: str
    ours: str
    theirs: str
    repaired: Annotated[bool, Note("Ours is now theirs; else a person has to decide.")]


@frozen(kw_only=True)
class SyncView:
    success: Annotated[bool, Note("Everything could be asked.")]
    synced_at: datetime
    looked_at: int
    differences: list[DifferenceView]
    unreachable: Annotated[dict[str, str], Note("What could not be asked, and the code of why.")]
