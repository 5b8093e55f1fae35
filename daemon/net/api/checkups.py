"""Real round trips to both services: which step failed, and what to do about it."""

from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.message import Wxid
from daemon.domain.workflow import Provider
from daemon.net.api import checks
from daemon.net.api.checks import FindingView
from daemon.net.api.fields import ForeignId, Identifier
from daemon.net.api.services import INTEGRATIONS, WORKFLOW_DESK, WORKFLOWS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes
from daemon.texts import render

routes = Routes("Integrations")

PATH = "/api/v1/integrations"
FILE_HELPER = "filehelper"  # the account's own notebook: nobody else sees what is sent there


@frozen(kw_only=True)
class GeweTestBody:
    account_id: Annotated[Identifier | None, Note("May be left out where there is one account.")] = None
    send: Annotated[bool, Note("Send a real message too, at the account's pace.")] = False
    to: Annotated[ForeignId, Note("Who gets it; the account's own file helper if left out.")] = FILE_HELPER


@frozen(kw_only=True)
class FastGptTestBody:
    workflow_id: Annotated[Identifier | None, Note("May be left out where there is one of FastGPT.")] = None
    run: Annotated[bool, Note("Ask a real question too, which costs points.")] = True


@frozen(kw_only=True)
class TestView:
    success: bool
    service_name: str
    target: Annotated[str, Note("The account's or the workflow's id.")]
    failed_step: str | None
    message: Annotated[str | None, Note("What failed, and what to do.")]
    steps: list[FindingView]


@routes.post(
    f"{PATH}/gewe/test", role=Role.OPERATOR, summary="Try GeWe out: a real round trip, step by step", effect=True
)
async def try_gewe(call: Call, body: GeweTestBody = GeweTestBody()) -> TestView:  # frozen
    checkup = call.service(INTEGRATIONS).checkup
    account = checkup.account(body.account_id, call.scope)
    call.allow(account.id)
    findings = await checkup(account)
    view = checks.view(findings, call.language)
    if body.send and view.ok:
        text = render("gewe.check_text", call.language, {})
        findings = (*findings, await checkup.send(account, Wxid(body.to), text, by=call.actor))
        view = checks.view(findings, call.language)
    return _told("GeWe", account.id, view)


@routes.post(
    f"{PATH}/fastgpt/test", role=Role.OPERATOR, summary="Try FastGPT out: a real round trip, step by step", effect=True
)
async def try_fastgpt(call: Call, body: FastGptTestBody = FastGptTestBody()) -> TestView:  # frozen
    desk = call.service(WORKFLOW_DESK)
    workflow_id = body.workflow_id or await desk.only(call.actor, provider=Provider.FASTGPT)
    await desk.admit(workflow_id, call.actor)
    findings = await desk.check(workflow_id, run=body.run, name=f"test-{call.id}")
    provider = (await call.service(WORKFLOWS).get(workflow_id)).provider
    return _told(provider.spelled, workflow_id, checks.view(findings, call.language))


def _told(service: str, target: str, view: checks.CheckView) -> TestView:
    failed = next((step for step in view.steps if step.found == "failed"), None)
    return TestView(
        success=view.ok,
        service_name=service,
        target=target,
        failed_step=None if failed is None else failed.step,
        message=None if failed is None else failed.message,
        steps=view.steps,
    )
