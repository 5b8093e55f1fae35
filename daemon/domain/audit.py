"""One entry of the audit log: who did what to which thing, and how that came out."""

from datetime import datetime
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class AuditEntry:
    """As it is stored. `detail` holds no secret and no text of a message: digests and ids instead."""

    seq: int  # from 1, without a gap
    at: datetime
    actor: str  # key:<id>, uid:<n>, system
    role: str
    source: str  # the address it came from, unix, or the part of the daemon
    action: str  # key.created, send.settled, …
    target: str  # key:<id>, account:<id>, …
    outcome: str  # done, or refused
    detail: dict[str, Any]
    request_id: str | None
    hash: str  # hexadecimal, over all of the above and the hash before
