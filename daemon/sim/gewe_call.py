"""One call to the simulated GeWe, and the table of what can be called."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import frozen

from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_wire import OFFLINE, Reply, missing, no_device, refused
from daemon.sim.ledger import Entry


@frozen
class Call:
    """`hosted`: by which prefix it came."""

    token: str
    hosted: bool
    body: Mapping[str, Any]
    entry: Entry

    def device(self, accounts: Accounts, operation: str, *required: str) -> tuple[Device | None, Reply]:
        """The device the call is about, or None and the refusal."""
        refusal = missing(self.body, "appId", *required)
        if refusal is not None:
            return None, refusal
        app_id = self.body["appId"]
        device = accounts.find(self.token, app_id)
        return device, {} if device is not None else no_device(operation, str(app_id))

    def live(self, accounts: Accounts, operation: str, *required: str) -> tuple[Device | None, Reply]:
        """The same, of a device whose session WeChat still has."""
        device, refusal = self.device(accounts, operation, *required)
        if device is not None and not device.alive:
            return None, refused(operation, OFFLINE)
        return device, refusal


Answers = Callable[[Call], Reply | Awaitable[Reply]]


@frozen
class Endpoint:
    path: str  # below the prefix, such as message/postText
    answers: Answers
    needs_token: bool = True
    hosted_only: bool = False
