"""What a look at a workflow's service found, as it is shown, and as a refusal to register the workflow."""

from collections.abc import Iterable
from typing import Annotated

from attrs import frozen

from daemon.domain.checkup import CheckOutcome, CheckStep, Finding
from daemon.errors import Invalid, Problem
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


def _message(finding: Finding, language: str) -> str | None:
    return None if finding.code is None else render(finding.code, language, {"detail": finding.detail}).strip()
