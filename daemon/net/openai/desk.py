"""Whether a plain model is set up rightly: its service is there, takes the key, and has the model."""

from http import HTTPStatus
from typing import NoReturn
from urllib.parse import quote

from attrs import define, field

from daemon.codec import parse
from daemon.domain.checkup import CheckOutcome, CheckStep, Finding
from daemon.domain.workflow import Question, Role, Said, Workflow
from daemon.errors import Invalid, NotSupported, RemoteError, RemoteLimited, RemoteUnauthorized
from daemon.net.foreign import document, text
from daemon.net.openai import wire_request
from daemon.net.openai.classify import SERVICE, classify
from daemon.net.openai.client import OpenAi, Patience
from daemon.net.outbound import Outbound, Reply, Timeouts

STEPS = (CheckStep.CONNECT, CheckStep.KEY, CheckStep.MODEL, CheckStep.RUN)
ASKED = "ping"
LOCKED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@define
class OpenAiDesk:
    """`daemon.engine.ports.ServiceDesk`. A plain model keeps no chats, and takes no ratings."""

    outbound: Outbound
    patience: Patience = field(factory=Patience)

    async def check(self, workflow: Workflow, *, run: bool, name: str) -> tuple[Finding, ...]:
        findings = await self._looks(workflow)
        if run and all(finding.found is not CheckOutcome.FAILED for finding in findings):
            findings.append(await self._runs(workflow, name))
        tried = {finding.step: finding for finding in findings}
        return tuple(tried.get(step, Finding(step=step, found=CheckOutcome.SKIPPED)) for step in STEPS)

    async def chats(self, *_: object, **__: object) -> NoReturn:
        raise NotSupported("openai.not_supported")

    async def records(self, *_: object, **__: object) -> NoReturn:
        raise NotSupported("openai.not_supported")

    async def forget(self, *_: object, **__: object) -> NoReturn:
        raise NotSupported("openai.not_supported")

    async def rate(self, *_: object, **__: object) -> NoReturn:
        raise NotSupported("openai.not_supported")

    async def _looks(self, workflow: Workflow) -> list[Finding]:
        """Asks for the list of models, which costs nothing. Some services have none: then only a run can tell."""
        try:
            reply = await self._asked(workflow, "")
            if reply.status in LOCKED:
                return [_ok(CheckStep.CONNECT), _failed(CheckStep.KEY, "openai.check_key", self._said(workflow, reply))]
            names = _listed(reply)
            if names is None:
                return [_ok(CheckStep.CONNECT)]
            return [_ok(CheckStep.CONNECT), _ok(CheckStep.KEY), await self._known(workflow, names)]
        except RemoteError as error:
            return [_failed(CheckStep.CONNECT, "openai.check_connect", error.detail or str(error))]

    async def _known(self, workflow: Workflow, names: frozenset[str]) -> Finding:
        """Not every service lists all it has: one that is missing is asked for by its name. Ollama's have a tag."""
        model = workflow.model or ""
        if model in names or any(name.startswith(f"{model}:") for name in names):
            return _ok(CheckStep.MODEL)
        if (await self._asked(workflow, quote(model, safe=""))).status == HTTPStatus.OK:
            return _ok(CheckStep.MODEL)
        return _failed(CheckStep.MODEL, "openai.check_model", model)

    async def _asked(self, workflow: Workflow, name: str) -> Reply:
        return await self.outbound.request(
            SERVICE,
            "GET",
            wire_request.models(workflow, name),
            headers=wire_request.headers(workflow),
            timeouts=Timeouts(connect=self.patience.connect, total=self.patience.lookup),
            repeatable=True,
        )

    async def _runs(self, workflow: Workflow, name: str) -> Finding:
        question = Question(
            turn_id=name, conversation=None, user="qiaod-check", messages=(Said(role=Role.USER, text=ASKED),)
        )
        try:
            await self._assistant.run(workflow, question)
        except RemoteUnauthorized as error:
            return _failed(CheckStep.KEY, "openai.check_key", error.detail)
        except RemoteLimited as error:
            return Finding(
                step=CheckStep.RUN, found=CheckOutcome.WARNING, code="openai.check_run", detail=str(error)[:500]
            )
        except RemoteError as error:
            return _failed(CheckStep.RUN, "openai.check_run", str(error))
        return _ok(CheckStep.RUN)

    def _said(self, workflow: Workflow, reply: Reply) -> str:
        clean = self._assistant.cleaner(workflow)
        return classify(reply.status, reply.headers, reply.body, clean).detail

    @property
    def _assistant(self) -> OpenAi:
        return OpenAi(self.outbound, self.patience)


def _listed(reply: Reply) -> frozenset[str] | None:
    """None where it is no list of models."""
    try:
        found = document(parse(reply.body)).get("data")
    except Invalid:
        return None
    if reply.status != HTTPStatus.OK or not isinstance(found, list):
        return None
    return frozenset(text(document(one).get("id")) for one in found)


def _ok(step: CheckStep) -> Finding:
    return Finding(step=step, found=CheckOutcome.OK)


def _failed(step: CheckStep, code: str, detail: str) -> Finding:
    return Finding(step=step, found=CheckOutcome.FAILED, code=code, detail=detail[:500])
