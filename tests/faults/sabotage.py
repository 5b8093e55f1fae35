"""The daemon with one fault built in, for the tests of this folder: `python -m tests.faults.sabotage BUG serve`.

A test that does not turn red on its fault proves nothing; the product itself has no switch for any of them.
"""

import sys
from collections.abc import Callable
from datetime import timedelta

from daemon.engine.intake import Intake
from daemon.errors import NotFound, QiaodError, StoreUnavailable
from daemon.net.gewe import callback
from daemon.net.server.guard import Connection
from daemon.secret import Redactor, Secret
from daemon.store import writer
from daemon.store.identity import Identity
from daemon.vault import Vault


def blind_guard() -> None:
    """The store does not look whether its file is still there."""

    def holds(self: Identity) -> bool:
        return True

    _put(Identity, "holds", holds)


def ack_refused() -> None:
    """What the store refuses is acknowledged all the same."""
    receive = Intake.receive

    async def careless(self: Intake, body: bytes, group: str, *, request_id: str | None) -> bool:
        try:
            return await receive(self, body, group, request_id=request_id)
        except StoreUnavailable:
            return True

    _put(Intake, "receive", careless)


def trusting_reader() -> None:
    """Bodies are taken for what they should be."""
    receive = Intake.receive

    async def naive(self: Intake, body: bytes, group: str, *, request_id: str | None) -> bool:
        assert body.decode()[0] == "{"
        return await receive(self, body, group, request_id=request_id)

    _put(Intake, "receive", naive)


def endless_patience() -> None:
    """A request may take for ever to arrive."""

    def arm(self: Connection, limit: timedelta, late: Callable[[], None]) -> None:
        return None

    _put(Connection, "_arm", arm)


def telling_refusal() -> None:
    """A wrong secret is answered in other words than a wrong path."""

    def refused(status: int) -> QiaodError:
        return NotFound("account.not_found", id="?")

    _put(callback, "Refused", refused)


def blind_redactor() -> None:
    """Secrets are not taken out of what is logged, kept and answered."""

    def clean(self: Redactor, text: str) -> str:
        return text

    _put(Redactor, "clean", clean)


def plain_column() -> None:
    """A token is written as it is, beside the sealed one."""
    seal = Vault.seal

    def careless(self: Vault, context: str, secret: Secret) -> bytes:
        return seal(self, context, secret) + secret.reveal().encode()

    def opened(self: Vault, context: str, sealed: bytes) -> Secret:
        return opening(self, context, sealed[: len(sealed) - (len(sealed) - 37) // 2])

    opening = Vault.open
    _put(Vault, "seal", careless)
    _put(Vault, "open", opened)


def lone_commits() -> None:
    """Each write has a commit of its own."""
    _put(writer, "BATCH", 1)


def _put(owner: object, name: str, fault: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name}: the product changed, and this fault has to follow"
    setattr(owner, name, fault)


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        blind_guard,
        ack_refused,
        trusting_reader,
        endless_patience,
        telling_refusal,
        blind_redactor,
        plain_column,
        lone_commits,
    )
}

if __name__ == "__main__":
    from daemon.cli.main import main as qiaod

    BUGS[sys.argv[1]]()
    sys.argv = ["qiaod", *sys.argv[2:]]
    qiaod()
