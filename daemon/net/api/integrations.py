"""The services behind us, in the shapes of the seed: overview, health, statistics, restart and synchronisation."""

from datetime import timedelta
from typing import Annotated, Any

from daemon.domain.access import Role
from daemon.domain.workflow import Provider
from daemon.engine.health import PartHealth, ServiceHealth
from daemon.engine.integrations import Difference, FastGptSums, GeweSums, Service
from daemon.net.api.integration_views import (
    ActionView,
    AiServiceView,
    AiStatsView,
    DifferenceView,
    FastGptStatsView,
    GeweStatsView,
    HealthView,
    Overview,
    PartView,
    RateLimitView,
    RestartBody,
    RestartView,
    ServiceView,
    StatsView,
    SyncView,
)
from daemon.net.api.services import ACCOUNTS, INTEGRATIONS, PACE, POOLS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Note, Range
from daemon.net.server.routes import Routes
from daemon.store.service_minutes import Sum
from daemon.texts import render

routes = Routes("Integrations")

PATH = "/api/v1/integrations"
MICRO = 1_000_000
DAY = 24

Hours = Annotated[int, Range(1, 168), Note("How far back the figures go, in hours.")]


@routes.get(f"{PATH}/overview", role=Role.VIEWER, summary="Both services at a glance")
async def overview(call: Call) -> Overview:
    integrations = call.service(INTEGRATIONS)
    gewe, fastgpt = await integrations.health(Service.GEWE), await integrations.health(Service.FASTGPT)
    span = timedelta(hours=DAY)
    gewe_sums = await integrations.gewe_sums(span, call.scope)
    ai_sums = await integrations.fastgpt_sums(span, call.scope)
    return Overview(
        gewe_status=ServiceView(
            service_name=gewe.service,
            healthy=gewe.healthy,
            response_time=gewe.seconds,
            last_check=gewe.at,
            stats=_stats(gewe_sums.calls),
        ),
        fastgpt_status=AiServiceView(
            service_name=fastgpt.service,
            healthy=fastgpt.healthy,
            response_time=fastgpt.seconds,
            last_check=fastgpt.at,
            stats=_ai_stats(ai_sums),
        ),
        total_integrations=2,
        active_integrations=gewe.healthy + fastgpt.healthy,
        last_sync=await integrations.last_sync(),
    )


@routes.get(f"{PATH}/gewe/health", role=Role.VIEWER, summary="Whether GeWe is well: asked at most every 30 s")
async def gewe_health(call: Call) -> HealthView:
    return _health(call, await call.service(INTEGRATIONS).health(Service.GEWE), Service.GEWE)


@routes.get(f"{PATH}/fastgpt/health", role=Role.VIEWER, summary="Whether FastGPT is well: asked at most every 30 s")
async def fastgpt_health(call: Call) -> HealthView:
    return _health(call, await call.service(INTEGRATIONS).health(Service.FASTGPT), Service.FASTGPT)


@routes.get(f"{PATH}/gewe/stats", role=Role.VIEWER, summary="Calls, messages and pace of the last hours")
async def gewe_stats(call: Call, *, hours: Hours = DAY) -> GeweStatsView:
    sums: GeweSums = await call.service(INTEGRATIONS).gewe_sums(timedelta(hours=hours), call.scope)
    pace = call.service(PACE)
    accounts = [a for a in call.service(ACCOUNTS).all() if call.scope is None or a.id in call.scope]
    limits = [
        RateLimitView(
            account_id=account.id,
            requests_per_minute=round(pace.accounts.rate * 60, 2),
            available=round(pace.level(account.id), 2),
        )
        for account in accounts
    ]
    return GeweStatsView(
        service_name="GeWe",
        hours=hours,
        messages_received=sums.received,
        messages_sent=sums.sends,
        rate_limits=limits,
        global_per_minute=round(pace.overall.rate * 60, 2),
        **_calls(sums.calls),
    )


@routes.get(f"{PATH}/fastgpt/stats", role=Role.VIEWER, summary="Calls, tokens, cost and degraded answers")
async def fastgpt_stats(call: Call, *, hours: Hours = DAY) -> FastGptStatsView:
    sums = await call.service(INTEGRATIONS).fastgpt_sums(timedelta(hours=hours), call.scope)
    pool = call.service(POOLS)[Provider.FASTGPT]
    return FastGptStatsView(
        service_name="FastGPT",
        hours=hours,
        total_tokens=sums.spent.tokens,
        total_points=sums.spent.points_micro / MICRO,
        total_cost=sums.spent.cost_micro / MICRO,
        max_concurrent_requests=pool.seats,
        processing_requests=pool.in_flight,
        waiting_requests=pool.waiting,
        degraded={how.value or "no": count for how, count in sums.degraded.items()},
        **_calls(sums.calls),
    )


@routes.post(
    f"{PATH}/services/restart",
    role=Role.OPERATOR,
    summary="Begin anew with a service: forget its failures, read anew what is kept of it",
    effect=True,
)
async def restart(call: Call, body: RestartBody = RestartBody()) -> RestartView:  # noqa: B008  # frozen
    call.allow_all()
    actions = await call.service(INTEGRATIONS).restart(body.service, by=call.actor)
    views = [ActionView(service=action.service, action=action.name, count=action.count) for action in actions]
    return RestartView(success=True, actions=views)


@routes.post(
    f"{PATH}/services/sync",
    role=Role.OPERATOR,
    summary="Hold what is kept of accounts and workflows against the services, and repair it",
    effect=True,
)
async def sync(call: Call) -> SyncView:
    call.allow_all()
    synced = await call.service(INTEGRATIONS).sync(by=call.actor)
    return SyncView(
        success=not synced.unreachable,
        synced_at=synced.at,
        looked_at=synced.looked_at,
        differences=[_difference(one) for one in synced.differences],
        unreachable=synced.unreachable,
    )


def _stats(sums: Sum) -> StatsView:
    return StatsView(
        total_requests=sums.calls, success_rate=sums.success_rate, average_response_time=sums.average_seconds
    )


def _ai_stats(sums: FastGptSums) -> AiStatsView:
    return AiStatsView(
        total_requests=sums.calls.calls,
        success_rate=sums.calls.success_rate,
        average_response_time=sums.calls.average_seconds,
        total_tokens=sums.spent.tokens,
        total_cost=sums.spent.cost_micro / MICRO,
    )


def _calls(sums: Sum) -> dict[str, Any]:
    return {
        "total_requests": sums.calls,
        "successful_requests": sums.calls - sums.failures,
        "failed_requests": sums.failures,
        "success_rate": sums.success_rate,
        "average_response_time": sums.average_seconds,
        "slowest_response_time": sums.slowest_ms / 1000,
        "last_error": sums.last_error,
    }


def _health(call: Call, health: ServiceHealth, service: Service) -> HealthView:
    parts = [_part(part, call.language) for part in health.parts if _seen(call, part)]
    return HealthView(
        service_name=health.service,
        healthy=health.healthy,
        response_time=health.seconds,
        last_check=health.at,
        message=render(health.code, call.language, {"service": health.service}) if health.code else None,
        accounts=parts if service is Service.GEWE else None,
        workflows=parts if service is Service.FASTGPT else None,
    )


def _seen(call: Call, part: PartHealth) -> bool:
    """Who may touch only some accounts is shown those, and the workflows that answer for them."""
    return call.scope is None or part.id in call.scope | call.service(INTEGRATIONS).serving(call.scope)


def _part(part: PartHealth, language: str) -> PartView:
    return PartView(
        id=part.id,
        name=part.name,
        healthy=part.healthy,
        response_time=part.seconds,
        code=part.code or None,
        message=render(part.code, language, {"detail": part.detail}) if part.code else None,
    )


def _difference(one: Difference) -> DifferenceView:
    return DifferenceView(
        service=one.service,
        object=one.object,
        field=one.field,
        ours=one.ours,
        theirs=one.theirs,
        repaired=one.repaired,
    )
