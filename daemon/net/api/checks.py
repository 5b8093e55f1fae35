"""What is looked at before a workflow is registered, or asked: its service, and addresses that it is to fetch."""

from collections.abc import Iterable
from typing import Annotated

from attrs import frozen

from daemon.domain.checkup import CheckOutcome, CheckStep, Finding
from daemon.errors import Invalid, Problem
from daemon.net.api.services import TARGETS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Note
from daemon.texts import render

FIELDS = {
    CheckStep.RESOLVE: "base_url",
    CheckStep.CONNECT: "base_url",
    CheckStep.KEY: "key",
    CheckStep.APP: "app_id",
    CheckStep.MODEL: "model",
}


@frozen(kw_only=True)
class FindingView:
    step: CheckStep
    found: Annotated[CheckOutcome, Note("skipped: not tried, or it cannot be told.")]
    code: str | None
    message: Annotated[str | None, Note("What is wrong, and what to do.")]


@frozen(kw_only=True)
class CheckView:
    ok: bool
    steps: list[FindingView]


def view(findings: Iterable[Finding], language: str) -> CheckView:
    steps = [
        FindingView(step=one.step, found=one.found, code=one.code, message=_message(one, language)) for one in findings
    ]
    return CheckView(ok=all(one.found is not CheckOutcome.FAILED for one in steps), steps=steps)


def refuse_failed(findings: Iterable[Finding], language: str) -> None:
    """Invalid, naming the field that is wrong."""
    failed = [one for one in findings if one.found is CheckOutcome.FAILED]
    problems = [Problem(FIELDS.get(one.step, ""), _message(one, language) or "") for one in failed]
    if problems:
        raise Invalid(problems=problems)


def refuse_inside(call: Call, urls: Iterable[tuple[str, str]]) -> None:
    """Invalid where a URL, named by its field, leads where only ours may go: an AI service inside would fetch it."""
    targets = call.service(TARGETS)
    for name, url in urls:
        if url.startswith("data:"):
            continue
        try:
            targets.check_url(url, plain=True)
        except Invalid as error:
            raise Invalid(problems=[Problem(name, error.text(call.language))]) from None


def _message(finding: Finding, language: str) -> str | None:
    return None if finding.code is None else render(finding.code, language, {"detail": finding.detail}).strip()
