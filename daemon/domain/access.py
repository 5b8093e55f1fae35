"""Who may do what: keys, roles, and the actor behind a request."""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from attrs import frozen

UNIX = "unix"  # the address of whoever comes through the Unix socket
LOOPBACK = "127.0.0.1"  # what that counts as, where a key is bound to networks


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
    networks: tuple[str, ...] = ()  # address ranges it may be used from; none: from anywhere
    accounts: frozenset[str] | None = None  # the only ones it may see or touch; None: all
    old_until: datetime | None = None  # the secret before the last rotation works until then
    rate_limit: int | None = None  # calls a second, of all kinds; None: what its role allows
    version: int = 1

    def rules_alone(self) -> bool:
        """Whether it is an admin of everything."""
        return self.role is Role.ADMIN and self.accounts is None


@frozen(kw_only=True)
class Session:
    """A person at the console, for as long as the key they came with stays as it was."""

    key_id: str
    key_version: int
    created_at: datetime
    used_at: datetime  # to the minute

    def standing(self, now: datetime, *, idle: timedelta, longest: timedelta) -> bool:
        """Whether it still counts. Pure."""
        return now - self.used_at < idle and now - self.created_at < longest


@frozen(kw_only=True)
class Actor:
    """Who is behind a request, and where it came from."""

    id: str  # key:<id>, uid:<n>, system; address:<place> for whoever is none of them
    role: Role | None  # None: nobody we know
    accounts: frozenset[str] | None = None  # the only ones it may see or touch; None: all
    source: str = "daemon"  # the address, or unix
    rate_limit: int | None = None  # the key's own; None: what the role allows
    request_id: str | None = None

    def may_touch(self, account_id: str) -> bool:
        return self.accounts is None or account_id in self.accounts


SYSTEM = Actor(id="system", role=Role.ADMIN)  # what the daemon does by itself


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether the address is in one of the ranges. What is no address is in none of them."""
    try:
        parsed = plain_address(ip_address(LOOPBACK if address == UNIX else address))
    except ValueError:
        return False
    return any(parsed in ip_network(network) for network in networks)


@lru_cache(maxsize=1024)  # asked several times in each call; strangers who come from everywhere make it no larger
def place_of(address: str) -> str:
    """What counts as one stranger: an IPv4 address, or the /64 that one IPv6 customer has to himself."""
    try:
        parsed = plain_address(ip_address(address))
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(IPv6Network((int(parsed), 64), strict=False))


def plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """A socket for both versions shows IPv4 as `::ffff:192.0.2.1`."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
