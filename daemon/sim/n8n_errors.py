"""What n8n says when it says no: five shapes, in its own words (contract 1.3, 1.7, 2.1)."""

from typing import Any

from aiohttp import web
from attrs import field, frozen

from daemon.codec import encode

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
NO_TYPE = "application/x-none"  # a mark: the answer goes out without a Content-Type
SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"  # of a workflow's answers alone
STARTING = "n8n is starting up. Please wait"
PROBLEM = "There was a problem executing the workflow"
NOT_ACTIVE = (
    "The workflow must be active for a production URL to run successfully. You can activate the workflow using the "
    "toggle in the top-right of the editor. Note that unlike test URL calls, production URL calls aren't shown on the "
    "canvas (only in the executions list)"
)
NOT_LISTENING = (
    "Click the 'Execute workflow' button on the canvas, then try again. (In test mode, the webhook only works for one "
    "call after you click this button)"
)


@frozen(kw_only=True)
class Reply:
    """A whole answer. `content_type` NO_TYPE: none."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(factory=dict)

    def response(self) -> web.Response:
        headers = {**self.headers, "Content-Type": self.content_type}
        return web.Response(status=self.status, body=self.body, headers=headers)


def told(document: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=encode(document), headers={"Content-Security-Policy": SANDBOX})


def text(said: str, content_type: str = HTML) -> Reply:
    return Reply(body=said.encode(), content_type=content_type, headers={"Content-Security-Policy": SANDBOX})


def own(document: Any, status: int) -> Reply:
    """n8n's own word, of no workflow."""
    return Reply(status=status, body=encode(document))


def page(said: str, status: int = 200, content_type: str = HTML) -> Reply:
    return Reply(status=status, body=said.encode(), content_type=content_type)


def refusal(status: int, message: str, *, code: int | None = None, hint: str = "") -> Reply:
    """Before and around a run; code 0 is "unclassified"."""
    shown: dict[str, Any] = {"code": status if code is None else code, "message": message}
    return own({**shown, "hint": hint} if hint else shown, status)


def unclassified(message: str) -> Reply:
    return refusal(500, message, code=0)


def denied(status: int, message: str) -> Reply:
    """Plain text without a type, and the header of basic authentication whatever was asked for."""
    headers = {"WWW-Authenticate": 'Basic realm="Webhook"'}
    return Reply(status=status, body=message.encode(), content_type=NO_TYPE, headers=headers)


def unknown(method: str, path: str) -> Reply:
    return refusal(404, f'The requested webhook "{method} {path}" is not registered.', hint=NOT_ACTIVE)


def not_listening(path: str) -> Reply:
    return refusal(404, f'The requested webhook "{path}" is not registered.', hint=NOT_LISTENING)


def wrong_method(method: str, others: tuple[str, ...]) -> Reply:
    *first, last = others
    asked = f"{', '.join(first)} or {last}" if first else last
    return refusal(
        404, f"This webhook is not registered for {method} requests. Did you mean to make a {asked} request?"
    )


def cannot(method: str, path: str) -> Reply:
    """Express knows no such route: n8n is still booting, or it is no webhook at all."""
    shown = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n'
        f"<pre>Cannot {method} {path}</pre>\n</body>\n</html>\n"
    )
    return page(shown, 404)


FAILED = own({"message": "Error in workflow"}, 500)
BOOT_PAGE = page(STARTING)
NO_DATABASE = own({"code": 503, "message": "Database is not ready!"}, 503)
PROXY_TIMEOUT = page("error code: 524", 524, "text/plain; charset=utf-8")  # n8n Cloud's, after 100 s
TOO_BIG = unclassified(PROBLEM)

NAMED = {
    "starting": BOOT_PAGE,
    "booting": cannot("POST", "/webhook/rag-ai"),
    "not-registered": unknown("POST", "rag-ai"),
    "failed": FAILED,
    "timed-out": unclassified(PROBLEM),
    "no-database": NO_DATABASE,
    "no-items": unclassified("No item to return was found"),
    "proxy-timeout": PROXY_TIMEOUT,
    "unauthorized": denied(403, "Authorization data is wrong!"),
}
