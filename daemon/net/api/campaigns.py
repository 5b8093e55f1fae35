"""One message to many: plan it, begin it, look at it, pause, resume and stop it."""

from daemon.domain.access import Role
from daemon.domain.campaign import CampaignState, RecipientState
from daemon.net.api.campaign_views import (
    CampaignBody,
    CampaignPlanView,
    CampaignView,
    RecipientView,
    new_campaign,
    plan_view,
    recipient_view,
    recipients_of,
    view,
)
from daemon.net.api.services import ACCOUNTS, CAMPAIGNS
from daemon.net.server.call import Call, Page, Paging, Reply, after_number
from daemon.net.server.routes import Routes

routes = Routes("Campaigns")

PATH = "/api/v1/integrations/gewe/campaigns"
BODY_MOST = 4 * 2**20  # bytes: as many recipients as there may be, with their variables


@routes.post(
    PATH,
    role=Role.OPERATOR,
    summary="Send a message to many, one by one; dry_run only shows what it would do",
    status=201,
    also=(200,),
    effect=True,
    body_most=BODY_MOST,
)
async def create(call: Call, body: CampaignBody) -> Reply[CampaignPlanView]:
    call.allow(body.account_id)
    campaigns, account = call.service(CAMPAIGNS), call.service(ACCOUNTS).get(body.account_id)
    new = new_campaign(call, body, campaigns.usual, campaigns.db.clock.now())
    if body.dry_run:
        plan = await campaigns.plan(new, recipients_of(body), language=call.language)
        return Reply(body=plan_view(plan, None), status=200)
    campaign, plan = await campaigns.add(account, new, recipients_of(body), by=call.actor, language=call.language)
    begun = plan_view(plan, view(await campaigns.get(campaign.id)))
    return Reply(body=begun, headers={"Location": f"{PATH}/{campaign.id}"})


@routes.get(PATH, role=Role.OPERATOR, summary="List campaigns")
async def page(
    call: Call, paging: Paging, *, account_id: str | None = None, state: CampaignState | None = None
) -> Page[CampaignView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(CAMPAIGNS).page(
        scope=call.scope if account_id is None else {account_id},
        state=state,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda progress: progress.campaign.id)


@routes.get(PATH + "/{campaign_id}", role=Role.OPERATOR, summary="Show a campaign and how far it is")
async def show(call: Call, campaign_id: str) -> CampaignView:
    return await _allowed(call, campaign_id)


@routes.get(
    PATH + "/{campaign_id}/recipients",
    role=Role.OPERATOR,
    summary="What became of each recipient, in the order they were given",
)
async def recipients(
    call: Call, campaign_id: str, paging: Paging, *, state: RecipientState | None = None
) -> Page[RecipientView]:
    await _allowed(call, campaign_id)
    rows, total = await call.service(CAMPAIGNS).recipients(
        campaign_id, state=state, after=after_number(paging, call.language) or 0, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=recipient_view, after=lambda recipient: str(recipient.place))


@routes.post(PATH + "/{campaign_id}/pause", role=Role.OPERATOR, summary="Hand out nobody else for now", effect=True)
async def pause(call: Call, campaign_id: str) -> CampaignView:
    await _allowed(call, campaign_id)
    return view(await call.service(CAMPAIGNS).pause(campaign_id, by=call.actor))


@routes.post(PATH + "/{campaign_id}/resume", role=Role.OPERATOR, summary="Go on with a paused campaign", effect=True)
async def resume(call: Call, campaign_id: str) -> CampaignView:
    await _allowed(call, campaign_id)
    return view(await call.service(CAMPAIGNS).resume(campaign_id, by=call.actor))


@routes.post(
    PATH + "/{campaign_id}/stop",
    role=Role.OPERATOR,
    summary="End a campaign for good; what has not begun is cancelled",
    effect=True,
)
async def stop(call: Call, campaign_id: str) -> CampaignView:
    await _allowed(call, campaign_id)
    return view(await call.service(CAMPAIGNS).stop(campaign_id, by=call.actor))


async def _allowed(call: Call, campaign_id: str) -> CampaignView:
    """The campaign, where the caller may touch its account."""
    shown = view(await call.service(CAMPAIGNS).get(campaign_id))
    call.allow(shown.account_id)
    return shown
