"""The body a run of the simulated n8n answers with, by response mode (contract 1.4)."""

from typing import Any

from daemon.codec import encode
from daemon.sim.n8n_errors import HTML, NO_TYPE, SANDBOX, Reply, text, told, unclassified
from daemon.sim.n8n_executions import Execution
from daemon.sim.n8n_script import Flow, Script, filled

EMPTY = Reply(content_type="application/json")


def accepted(execution: Execution) -> Reply:
    """Immediately: whatever becomes of the run."""
    with_own = execution.flow.accepted
    if with_own.body is None:
        return Reply(status=with_own.status, body=encode({"message": "Workflow was started"}), headers=with_own.headers)
    body = filled(with_own.body, execution.told).replace("{execution}", execution.id)
    return Reply(status=with_own.status, body=body.encode(), content_type=HTML, headers=with_own.headers)


def plain(flow: Flow, script: Script, items: list[Any]) -> Reply:
    """When the last node has finished."""
    if flow.shape == "noData":
        return EMPTY
    if flow.shape == "allEntries":
        return told(items)
    if not items:
        return unclassified("No item to return was found")
    if not flow.property_name:
        return told(items[0])
    value = items[0].get(flow.property_name) if isinstance(items[0], dict) else None
    if isinstance(value, str):
        return text(value, content_type=script.content_type or HTML)
    return told(value)


def binary(content: str, content_type: str) -> Reply:
    """No type unless one is set."""
    return Reply(
        body=content.encode(), content_type=content_type or NO_TYPE, headers={"Content-Security-Policy": SANDBOX}
    )


def responded(execution: Execution, items: list[Any]) -> Reply:
    """What the Respond to Webhook node sends: any status and headers."""
    node, first = execution.script.respond, items[0] if items else {}
    if node.body is None:
        body = encode(items if execution.flow.shape == "allEntries" else first)
    else:
        body = filled(node.body, execution.told).encode()
    if execution.flow.shape == "noData" or node.status == 204:
        body = b""
    headers = {name: value for name, value in node.headers.items() if name.lower() != "content-type"}
    headers["Content-Security-Policy"] = SANDBOX
    kind = next((value for name, value in node.headers.items() if name.lower() == "content-type"), "")
    usual = "application/json; charset=utf-8" if node.body is None else _type_of(node.body)
    return Reply(status=node.status, body=body, content_type=kind or usual, headers=headers)


def _type_of(body: str) -> str:
    return "application/json; charset=utf-8" if body.lstrip()[:1] in ("{", "[") else HTML
