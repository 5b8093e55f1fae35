"""What people want of FastGPT beside answers: its chats, feedback, and whether a workflow is set up rightly."""

import re

from attrs import define, field
from yarl import URL

from daemon.domain.chat import Chat, ChatRecord
from daemon.domain.checkup import CheckOutcome, CheckStep, Finding
from daemon.domain.workflow import Memory, Question, Role, Said, Workflow
from daemon.errors import Invalid, Problem, RemoteError, RemoteLimited, RemoteRefused, RemoteUnauthorized
from daemon.net.fastgpt import wire_chats
from daemon.net.fastgpt.client import FastGpt, Patience
from daemon.net.fastgpt.wrapped import Wrapped
from daemon.net.foreign import document, text
from daemon.net.outbound import Outbound

HISTORIES = ("/core/chat/history/getHistories", "/core/chat/getHistories")
FORGET = ("/core/chat/history/delHistory", "/core/chat/delHistory")
RECORDS = ("/core/chat/record/getPaginationRecords", "/core/chat/getPaginationRecords")
FEEDBACK = ("/core/chat/feedback/updateUserFeedback",)
INIT = ("/core/chat/init",)
HEALTH = ("/support/openapi/health",)
UNPUBLISHED = re.compile("重新发布|版本过低|not published|unpublished|republish", re.IGNORECASE)
NO_APP = frozenset({"fastgpt.no_app", "fastgpt.forbidden", "fastgpt.bad_request"})
NOT_THERE = "fastgpt.wrong_address"
STEPS = (
    CheckStep.RESOLVE,
    CheckStep.CONNECT,
    CheckStep.KEY,
    CheckStep.APP,
    CheckStep.RUN,
    CheckStep.PUBLISHED,
)


@define
class FastGptDesk:
    """`daemon.engine.ports.ServiceDesk`."""

    outbound: Outbound
    patience: Patience = field(factory=Patience)

    async def chats(self, workflow: Workflow, *, offset: int, limit: int) -> tuple[list[Chat], int]:
        body = {"appId": _app(workflow), "offset": offset, "pageSize": limit, "source": "api"}
        return wire_chats.chats(await self._wrapped.call(workflow, "POST", HISTORIES, json=body))

    async def records(self, workflow: Workflow, chat: str, *, offset: int, limit: int) -> tuple[list[ChatRecord], int]:
        body = {"appId": _app(workflow), "chatId": chat, "offset": offset, "pageSize": limit}
        return wire_chats.records(await self._wrapped.call(workflow, "POST", RECORDS, json=body))

    async def forget(self, workflow: Workflow, chat: str) -> None:
        await self._wrapped.call(workflow, "DELETE", FORGET, params={"appId": _app(workflow), "chatId": chat})

    async def rate(self, workflow: Workflow, chat: str, record: str, *, good: str | None, bad: str | None) -> None:
        body = {"appId": _app(workflow), "chatId": chat, "dataId": record}
        told = {"userGoodFeedback": good, "userBadFeedback": bad}  # what is left out is cleared
        body |= {name: words for name, words in told.items() if words is not None}
        await self._wrapped.call(workflow, "POST", FEEDBACK, json=body)

    async def check(self, workflow: Workflow, *, run: bool, name: str) -> tuple[Finding, ...]:
        findings = [await self._resolves(workflow)]
        if findings[0].found is CheckOutcome.OK:
            findings += await self._looks(workflow)
        if run and all(finding.found is not CheckOutcome.FAILED for finding in findings):
            findings += await self._runs(workflow, name)
        tried = {finding.step: finding for finding in findings}
        return tuple(tried.get(step, Finding(step=step, found=CheckOutcome.SKIPPED)) for step in STEPS)

    async def _resolves(self, workflow: Workflow) -> Finding:
        """The name alone: whether anybody is there is the next step's."""
        host = workflow.base_url
        try:
            host = URL(host).raw_host or ""
            await self.outbound.names.addresses(host)
        except (OSError, ValueError):
            return _failed(CheckStep.RESOLVE, "workflow.check_resolve", host)
        return Finding(step=CheckStep.RESOLVE, found=CheckOutcome.OK)

    async def _looks(self, workflow: Workflow) -> list[Finding]:
        """Asks for what costs no points: the app's opening, or the key's health where no app is named."""
        try:
            app_id = await self._app_seen(workflow)
        except RemoteUnauthorized as error:
            return [_ok(CheckStep.CONNECT), _failed(CheckStep.KEY, "workflow.check_key", error.detail)]
        except RemoteLimited:
            return [_ok(CheckStep.CONNECT)]  # it is there; more cannot be told now
        except RemoteError as error:
            if isinstance(error, RemoteRefused) and error.code in NO_APP:
                return [
                    _ok(CheckStep.CONNECT),
                    _ok(CheckStep.KEY),
                    _failed(CheckStep.APP, "workflow.check_app", error.detail),
                ]
            if not workflow.app_id and error.code == NOT_THERE:
                return [_ok(CheckStep.CONNECT)]  # before 4.13.2 there was no such look
            return [_failed(CheckStep.CONNECT, "workflow.check_connect", error.detail or str(error))]
        seen = [_ok(CheckStep.CONNECT), _ok(CheckStep.KEY)]
        return [*seen, _ok(CheckStep.APP)] if app_id else seen

    async def _app_seen(self, workflow: Workflow) -> str:
        if workflow.app_id:
            params = {"appId": workflow.app_id, "chatId": ""}
            return (
                text(document(await self._wrapped.call(workflow, "GET", INIT, params=params)).get("appId")) or "named"
            )
        found = await self._wrapped.call(workflow, "GET", HEALTH, params={"apiKey": workflow.key.reveal()})
        return text(document(found).get("appId"))

    async def _runs(self, workflow: Workflow, name: str) -> list[Finding]:
        said = Said(role=Role.USER, text="ping")
        chat = name if workflow.memory is Memory.SERVICE else None
        question = Question(turn_id=name, conversation=chat, user="qiaod-check", messages=(said,))
        try:
            await FastGpt(self.outbound, self.patience).run(workflow, question)
        except RemoteError as error:
            if UNPUBLISHED.search(error.detail):
                return [_failed(CheckStep.PUBLISHED, "workflow.check_published", error.detail)]
            return [_failed(CheckStep.RUN, "workflow.check_run", str(error))]
        return [_ok(CheckStep.RUN), _ok(CheckStep.PUBLISHED)]

    @property
    def _wrapped(self) -> Wrapped:
        return Wrapped(self.outbound, self.patience.looking)


def _app(workflow: Workflow) -> str:
    if not workflow.app_id:
        raise Invalid("workflow.no_app_id", problems=[Problem("app_id", "the workflow has none")])
    return workflow.app_id


def _ok(step: CheckStep) -> Finding:
    return Finding(step=step, found=CheckOutcome.OK)


def _failed(step: CheckStep, code: str, detail: str) -> Finding:
    return Finding(step=step, found=CheckOutcome.FAILED, code=code, detail=detail[:500])
