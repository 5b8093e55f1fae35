"""Who may do what: keys, roles, and the actor behind a request."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    AGENT = "agent"  # an n8n flow calling back
    AUDITOR = "auditor"

    def includes(self, wanted: "Role") -> bool:
        """viewer < operator < admin; agent and auditor stand beside them and include only themselves."""
        ladder = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
        if self in ladder and wanted in ladder:
            return ladder.index(self) >= ladder.index(wanted)
        return self is wanted


@frozen(kw_only=True)
class Key:
    """An API key as it is known to us: never the secret itself."""

    id: str  # public, part of the key's text
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@frozen(kw_only=True)
class Actor:
    """Who is behind a request, and where it came from."""

    id: str  # key:<id>, uid:<n>, system
    role: Role
    accounts: frozenset[str] | None = None  # the only ones it may see or touch; None: all
    source: str = "daemon"  # the address, or unix
    request_id: str | None = None

    def may_touch(self, account_id: str) -> bool:
        return self.accounts is None or account_id in self.accounts


SYSTEM = Actor(id="system", role=Role.ADMIN)  # what the daemon does by itself
