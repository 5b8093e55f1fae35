"""FastGPT's endpoints beside the completions, which wrap what they say: `{code, statusText, message, data}`."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from attrs import frozen

from daemon.codec import parse
from daemon.domain.workflow import Workflow
from daemon.errors import Invalid
from daemon.net.fastgpt import wire_request
from daemon.net.fastgpt.classify import SERVICE, classify
from daemon.net.foreign import document
from daemon.net.outbound import Outbound, Reply, Timeouts
from daemon.secret import Redactor

MOST_BYTES = 20 * 1024 * 1024  # FastGPT's own limit of an answer


@frozen
class Wrapped:
    outbound: Outbound
    timeouts: Timeouts

    async def call(
        self,
        workflow: Workflow,
        method: str,
        paths: tuple[str, ...],
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """What it holds, by the first of its paths that is there: each version has its own. Counted as one call."""
        with self.outbound.metered(SERVICE):
            reply = await self._first(workflow, method, paths, json=json, params=params)
            return _unwrapped(reply, self.cleaner(workflow))

    async def _first(
        self,
        workflow: Workflow,
        method: str,
        paths: tuple[str, ...],
        *,
        json: Any,
        params: Mapping[str, str] | None,
    ) -> Reply:
        reply: Reply | None = None
        for path in paths:
            reply = await self.outbound.request(
                SERVICE,
                method,
                wire_request.base(workflow) + path,
                json=json,
                params=params,
                headers=wire_request.headers(workflow),
                timeouts=self.timeouts,
                repeatable=True,
                most_bytes=MOST_BYTES,
            )
            if reply.status != HTTPStatus.NOT_FOUND:
                break
        assert reply is not None
        return reply

    def cleaner(self, workflow: Workflow) -> Callable[[str], str]:
        """Makes FastGPT's words fit to be kept, whether or not its key is known to the log's redactor."""
        redactor = Redactor()
        redactor.add(workflow.key)
        return lambda words: self.outbound.detail(redactor.clean(words))


def _unwrapped(reply: Reply, clean: Callable[[str], str]) -> Any:
    try:
        envelope = document(parse(reply.body))
    except Invalid:
        envelope = {}
    if reply.status != HTTPStatus.OK or envelope.get("code") != HTTPStatus.OK:
        raise classify(reply.status, reply.headers, reply.body, clean)
    return envelope.get("data")
