"""Finds the execution that a call of ours set off, and says what became of it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from daemon.clock import rfc3339
from daemon.domain.webhook_call import RunState, WebhookRequest, WebhookRun
from daemon.net.foreign import document, text
from daemon.net.n8n import wire_executions
from daemon.net.n8n.classify import Clean
from daemon.net.n8n.public_api import PublicApi

PAGE = 10  # executions with their data
MOST_PAGES = 5  # newest first: what is further back is not looked for
SKEW = timedelta(minutes=1)  # n8n's clock may be behind ours
UNDER_WAY = ("new", "running")  # not listed unless asked for by name; in the order that a run takes


@frozen
class Executions:
    """Of one workflow, by its webhook's API key."""

    api: PublicApi
    clean: Clean

    async def of(self, request: WebhookRequest, *, since: datetime, path: str) -> WebhookRun | None:
        """`since`: when it was first called; `path`: where in an answer its text is."""
        run = await self._ended(request, since, path) or await self._under_way(request, since)
        return run or await self._ended(request, since, path)  # it may have ended while the others were listed

    async def _ended(self, request: WebhookRequest, since: datetime, path: str) -> WebhookRun | None:
        async for execution in self._listed(since, status=None):
            if wire_executions.is_of(execution, request):
                return wire_executions.run(execution, path=path, clean=self.clean)
        return None

    async def _under_way(self, request: WebhookRequest, since: datetime) -> WebhookRun | None:
        """Of which n8n does not say what it was given, any may be ours."""
        silent = []
        for status in UNDER_WAY:
            async for execution in self._listed(since, status=status):
                if wire_executions.is_of(execution, request):
                    return wire_executions.under_way(execution)
                if not wire_executions.is_known(execution):
                    silent.append(execution)
        if len(silent) == 1:
            return wire_executions.under_way(silent[0])
        return WebhookRun(id="", state=RunState.RUNNING) if silent else None

    async def _listed(self, since: datetime, *, status: str | None) -> AsyncIterator[Mapping[str, Any]]:
        params = {
            "workflowId": self.api.api.workflow_id,
            "includeData": "true",
            "limit": str(PAGE),
            "startedAfter": rfc3339(since - SKEW),
        }
        if status is not None:
            params["status"] = status
        for _ in range(MOST_PAGES):
            page = await self.api.get("/executions", params)
            found = page.get("data")
            for execution in map(document, found if isinstance(found, list) else ()):
                yield execution
            if not (cursor := text(page.get("nextCursor"))):
                return
            params["cursor"] = cursor
