"""A look at a service, step by step: which step failed, and what a person can do about it."""

from enum import StrEnum

from attrs import frozen


class CheckStep(StrEnum):
    """What is tried. A service has some of them, in its own order."""

    RESOLVE = "resolve"  # the host's name
    CONNECT = "connect"
    TOKEN = "token"  # noqa: S105  # no password: the name of a step
    KEY = "key"  # of an AI service
    APP = "app"
    MODEL = "model"
    DEVICE = "device"
    LOGIN = "login"  # of the WeChat account
    CALLBACK = "callback"  # whether the service reaches us
    SEND = "send"  # a real message
    RUN = "run"  # a real question: it costs points
    PUBLISHED = "published"  # seen by the run alone


class CheckOutcome(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and something is not as it should be
    FAILED = "failed"
    SKIPPED = "skipped"  # not tried, or it cannot be told


@frozen(kw_only=True)
class Finding:
    """What became of one step. `code` names its text, with what to do, where all is not well."""

    step: CheckStep
    found: CheckOutcome
    code: str | None = None
    detail: str = ""


def in_order(steps: tuple[CheckStep, ...], found: Finding) -> list[Finding]:
    """Those before `found` are well, those after it were not tried where it failed. Pure."""
    place = steps.index(found.step)
    after = CheckOutcome.SKIPPED if found.found is CheckOutcome.FAILED else CheckOutcome.OK
    return [
        *(Finding(step=step, found=CheckOutcome.OK) for step in steps[:place]),
        found,
        *(Finding(step=step, found=after) for step in steps[place + 1 :]),
    ]


def first_failure(findings: tuple[Finding, ...]) -> Finding | None:
    return next((finding for finding in findings if finding.found is CheckOutcome.FAILED), None)
