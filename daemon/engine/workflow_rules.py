"""What a workflow of each provider must say of itself, and what it must not. Pure."""

from collections.abc import Iterator

from daemon.domain.model_parameters import misfits
from daemon.domain.workflow import Memory, Provider, Workflow
from daemon.engine.targets import well_formed
from daemon.errors import Problem

USUAL_ENDPOINT = "v1"  # nobody has to choose it


def problems(workflow: Workflow) -> list[Problem]:
    """Each field that is missing, or is another provider's."""
    return [*_missing(workflow), *_foreign(workflow), *_unfit(workflow)]


def _missing(workflow: Workflow) -> Iterator[Problem]:
    provider = workflow.provider
    if provider is Provider.N8N:
        if workflow.webhook is None:
            yield Problem("webhook_id", "n8n wants the webhook that is called; see /api/v1/webhooks")
        return
    if not workflow.base_url:
        yield Problem("base_url", f"{provider} wants the address of the service")
    elif not well_formed(workflow.base_url):
        yield Problem("base_url", "this is no address that can be called, such as https://cloud.fastgpt.cn/api")
    if provider is Provider.FASTGPT and not workflow.key:
        yield Problem("key", "fastgpt wants the key of its app")
    if provider is Provider.OPENAI and not workflow.model:
        yield Problem("model", "openai wants the name of the model, such as gpt-4o-mini")


def _foreign(workflow: Workflow) -> Iterator[Problem]:
    provider = workflow.provider
    if provider is not Provider.FASTGPT:
        if workflow.app_id:
            yield Problem("app_id", f"only fastgpt has apps, not {provider}")
        if workflow.endpoint != USUAL_ENDPOINT:
            yield Problem("endpoint", f"only fastgpt has a choice of endpoints, not {provider}")
    if provider is not Provider.OPENAI and workflow.model:
        yield Problem("model", f"only openai is told its model; with {provider} it is chosen there")
    if provider is not Provider.N8N and workflow.webhook is not None:
        yield Problem("webhook_id", f"only n8n is called through a webhook, not {provider}")
    if provider is Provider.N8N and workflow.base_url:
        yield Problem("base_url", "n8n is called at the address of its webhook: leave it out")
    if provider is Provider.N8N and workflow.key:
        yield Problem("key", "n8n is called with the credential of its webhook: leave it out")


def _unfit(workflow: Workflow) -> Iterator[Problem]:
    if workflow.memory is Memory.SERVICE and not workflow.provider.remembers:
        yield Problem("memory", "a plain model remembers nothing: choose daemon")
    if workflow.provider is not Provider.OPENAI:
        return
    for name, wanted in misfits(workflow.variables).items():
        yield Problem(f"variables.{name}", f"{wanted} is expected")
