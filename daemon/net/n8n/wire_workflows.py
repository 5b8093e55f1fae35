"""A workflow as n8n's public API tells it: whether it is published, and which addresses its triggers have."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from daemon.net.foreign import document, text

WEBHOOK = "n8n-nodes-base.webhook"
CHAT = "@n8n/n8n-nodes-langchain.chatTrigger"


@frozen(kw_only=True)
class Trigger:
    path: str  # behind n8n's prefix; parts that begin with a colon stand for anything
    methods: tuple[str, ...]
    at_once: bool  # answers before anything has run

    @property
    def shown(self) -> str:
        return f"{'|'.join(self.methods)} {self.path}"

    def takes(self, path: str, method: str) -> bool:
        """`path`: of a whole URL, so that it may begin with anything."""
        wanted, given = self.path.strip("/").split("/"), path.strip("/").split("/")
        same = zip(reversed(wanted), reversed(given), strict=False)
        return (
            method in self.methods
            and len(given) > len(wanted)
            and all(one == other or one.startswith(":") for one, other in same)
        )


@frozen(kw_only=True)
class Published:
    active: bool
    triggers: tuple[Trigger, ...]

    @classmethod
    def of(cls, workflow: Mapping[str, Any]) -> "Published":
        """By the version that runs, which may be older than the one in the editor."""
        live = document(workflow.get("activeVersion")) or workflow
        nodes = live.get("nodes")
        found = [_trigger(document(node)) for node in (nodes if isinstance(nodes, list) else ())]
        return cls(active=workflow.get("active") is True, triggers=tuple(one for one in found if one is not None))


def trigger_of(published: Published, path: str, method: str) -> Trigger | None:
    return next((trigger for trigger in published.triggers if trigger.takes(path, method)), None)


def _trigger(node: Mapping[str, Any]) -> Trigger | None:
    parameters, kind = document(node.get("parameters")), text(node.get("type"))
    webhook_id = text(node.get("webhookId"))
    if kind == CHAT and webhook_id:
        return Trigger(path=f"{webhook_id}/chat", methods=("POST", "GET"), at_once=False)
    if kind != WEBHOOK or node.get("disabled") is True:
        return None
    path, method = text(parameters.get("path")), parameters.get("httpMethod")
    several = tuple(map(str, method)) if isinstance(method, list) else (text(method) or "GET",)
    return Trigger(
        path=f"{webhook_id}/{path}" if ":" in path else path,
        methods=several,
        at_once=text(parameters.get("responseMode")) in ("", "onReceived"),  # n8n leaves out what is its default
    )
