"""What the engine needs of the outside world. `daemon.net` provides it."""

from typing import Protocol

from daemon.domain.account import Account
from daemon.domain.send import Accepted, Outgoing
from daemon.domain.workflow import Answer, Question, Workflow


class Assistant(Protocol):
    """One AI provider."""

    async def run(self, workflow: Workflow, question: Question) -> Answer:
        """The workflow's answer, within `workflow.timeout`.

        Raises RemoteUnauthorized, RemoteRefused (it will say so again), RemoteLimited, RemoteUnavailable (it did
        nothing, or may be asked again), RemoteNonsense, and OutcomeUnknown where the run may have happened.
        """

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:
        """The answer of an earlier `run` of the same question whose connection was lost; None if there is none."""


class Messenger(Protocol):
    """The way out to WeChat."""

    async def send_text(self, account: Account, outgoing: Outgoing) -> Accepted:
        """Raises RemoteRefused and RemoteUnauthorized, RemoteLimited and RemoteUnavailable where surely nothing was
        sent, AccountOffline where the account is, and OutcomeUnknown where it may have been sent."""
