"""n8n's public API, `/api/v1`: asked for what is there, and its refusals told apart."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from attrs import frozen

from daemon.codec import parse
from daemon.domain.webhook import N8nApi
from daemon.errors import Invalid, N8nLimited, N8nRefused, N8nUnauthorized, N8nUnreachable, N8nWebhookError
from daemon.net.foreign import document, said
from daemon.net.n8n.classify import told_apart
from daemon.net.n8n.masking import masked
from daemon.net.n8n.wire_request import SERVICE
from daemon.net.outbound import Outbound, Reply, Timeouts, retry_after
from daemon.secret import Secret

PATH = "/api/v1"
MOST_BYTES = 8 * 1024 * 1024  # ten executions with all that their nodes gave
NOT_THERE = "n8n.api_not_found"


@frozen
class PublicApi:
    outbound: Outbound
    api: N8nApi
    timeouts: Timeouts
    secrets: tuple[Secret, ...] = ()  # what an answer may have in it that nobody is to see

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The object it answers, or N8nWebhookError."""
        with self.outbound.metered(SERVICE), told_apart():
            reply = await self.outbound.request(
                SERVICE,
                "GET",
                f"{base(self.api)}{PATH}{path}",
                params=params,
                headers={"X-N8N-API-KEY": self.api.key.reveal()},
                timeouts=self.timeouts,
                repeatable=True,
                most_bytes=MOST_BYTES,
                guarded=True,
            )
            return self._understood(reply)

    def _understood(self, reply: Reply) -> Mapping[str, Any]:
        try:
            found = document(parse(masked(reply.body, *self.secrets)))
        except Invalid:
            found = {}
        if reply.status == HTTPStatus.OK and found:
            return found
        raise self._refusal(reply, said(found.get("message")))

    def _refusal(self, reply: Reply, words: str) -> N8nWebhookError:
        detail = self.outbound.detail(f"HTTP {reply.status}: {words}".rstrip(": "))
        match reply.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return N8nUnauthorized("n8n.api_key", service=SERVICE, detail=detail)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return N8nLimited("n8n.limited", service=SERVICE, retry_after=retry_after(reply.headers), detail=detail)
            case HTTPStatus.NOT_FOUND if words:
                return N8nRefused(NOT_THERE, service=SERVICE, detail=detail)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return N8nUnreachable("n8n.unavailable", service=SERVICE, detail=detail)
            case _:
                return N8nRefused("n8n.wrong_address", service=SERVICE, detail=detail)


def base(api: N8nApi) -> str:
    """Where n8n is, also where the address was given with the API's path."""
    return api.url.rstrip("/").removesuffix(PATH).rstrip("/")
