"""A test session of the daemon's, as `qiaod chat` uses one: begun, spoken in, and removed at the end."""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from attrs import define, field

from daemon.cli.client import Client, NoDaemon, Refused

_SESSIONS = "/api/v1/workflow-test/sessions"
_BUSY = "workflow_test.busy"
_OVER = "workflow_test.not_found"
_LOOK = 0.1  # seconds; the daemon sees within half a second that its caller is gone
_LOOKS = 50

Event = tuple[str, Any]


@define
class Session:
    client: Client
    workflow: Mapping[str, Any]
    variables: dict[str, Any]
    _id: str = ""
    _left: bool = field(default=False, init=False)  # an answer was stopped: it may still be under way there

    @classmethod
    @contextmanager
    def of(cls, client: Client, workflow: Mapping[str, Any], variables: dict[str, Any]) -> Iterator[Self]:
        session = cls(client, workflow, variables)
        session.begin()
        try:
            yield session
        finally:
            session.remove()

    def begin(self) -> None:
        body = {"workflowId": self.workflow["id"], "variables": self.variables}
        self._id = self.client.call("POST", _SESSIONS, body)["testSessionId"]

    def say(self, message: str) -> Generator[Event, None, None]:
        """The events of the answer; `renewed` first where the session was over: what was said before is forgotten."""
        try:
            try:
                yield from self._patiently(message)
            except Refused as refused:
                if refused.reason != _OVER:
                    raise
                self.begin()
                yield "renewed", {}
                yield from self._patiently(message)
        except (KeyboardInterrupt, GeneratorExit):
            self._left = True
            raise

    def clear(self) -> None:
        """Forget what was said; the variables stay."""
        self.client.call("POST", f"{_SESSIONS}/{self._id}/clear")
        self.set_variables({})

    def set_variables(self, variables: Mapping[str, Any]) -> None:
        """Laid over those there are."""
        changed = {**self.variables, **variables}
        self.client.call("PUT", f"{_SESSIONS}/{self._id}/variables", changed)
        self.variables = changed

    def remove(self) -> None:
        """One that cannot be removed now is over in half an hour by itself."""
        try:
            self.client.call("DELETE", f"{_SESSIONS}/{self._id}")
        except (NoDaemon, Refused):
            return

    def _patiently(self, message: str) -> Generator[Event, None, None]:
        """Waits until the daemon has seen that the answer before is not wanted any more."""
        looks, self._left = _LOOKS if self._left else 0, False
        while True:
            try:
                yield from self.client.stream(f"{_SESSIONS}/{self._id}/messages", {"message": message, "stream": True})
                return
            except Refused as refused:
                if refused.reason != _BUSY or not looks:
                    raise
                looks -= 1
                time.sleep(_LOOK)
