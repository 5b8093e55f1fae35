"""Where a call may go whose address somebody else may choose: n8n's webhooks, media, later actions of rules.

Looked at twice: the URL before anything is done, and each address before it is connected to. A name may lead anywhere
by then, so the second look is the one that holds.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from urllib.parse import SplitResult, urlsplit

from attrs import define, field, frozen

from daemon.errors import Invalid, RemoteRefused
from daemon.settings_targets import Address, Listed, Network, is_name, listed

MOST_URL = 2048  # characters
USUAL_PORTS = {"http": 80, "https": 443}
LOCAL = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


def _networks(*lines: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, lines))


# Nobody's business ever, listed or not: this link, groups, no address at all, and what tells a cloud machine's secrets.
NEVER = _networks(
    "0.0.0.0/32",
    "169.254.0.0/16",  # also the metadata of most clouds
    "100.100.100.200/32",  # Alibaba Cloud
    "168.63.129.16/32",  # Azure
    "192.0.0.192/32",  # Oracle Cloud
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fd00:ec2::254/128",  # AWS
    "fd20:ce::254/128",  # Google Cloud
    "fe80::/10",
    "ff00::/8",
)
# What is not one machine on the open internet, by IANA's registries of special addresses.
SPECIAL_V4 = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
)
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_V6 = _networks(
    "2001::/23",  # Teredo, ORCHID and other protocols
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
)
WRAPPINGS = (  # how an IPv4 address hides in the last four bytes of another; a translator on the way unpacks it
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
    ipaddress.IPv6Network("64:ff9b::/96"),
)


@frozen(kw_only=True)
class Target:
    """What a URL leads to: a host by name or address, and a port."""

    scheme: str
    host: str  # in lower case; an address without brackets, in its shortest form
    port: int
    plain: bool  # whether http is good enough for whoever calls

    @property
    def address(self) -> Address | None:
        """Where the host is one."""
        return None if is_name(self.host) else ipaddress.ip_address(self.host)

    @property
    def entry(self) -> str:
        """What would list it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def usual(self) -> bool:
        """Whether scheme and port need no listing."""
        return self.port in USUAL_PORTS.values() and (self.plain or self.scheme == "https")


def _nobody(_: RemoteRefused) -> None:
    """Nobody is told."""


@define
class Targets:
    """By `targets.allow` of the settings, which may be read again."""

    allow: tuple[Listed, ...] = ()
    on_refused: Callable[[RemoteRefused], None] = field(default=_nobody, kw_only=True)  # told what was to be called

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Targets":
        return cls(tuple(map(listed, lines)))

    def adopt(self, lines: Iterable[str]) -> None:
        self.allow = tuple(map(listed, lines))

    def check_url(self, url: str, *, plain: bool = False) -> Target:
        """What the URL leads to, or Invalid with the reason why nobody may go there.

        `plain`: http will do without a listing. A name may still turn out to lead astray: see `admits`.
        """
        target = target_of(url, plain=plain)
        address = target.address
        if address is not None:
            if never(address):
                raise Invalid("targets.never", entry=target.entry)
            if not self.admits(target, address):
                raise Invalid(_reason(target), entry=target.entry)
        elif not target.usual and not any(_may_lead(entry, target) for entry in self.allow):
            raise Invalid(_reason(target), entry=target.entry)
        elif _is_local(target.host) and not any(self.admits(target, address) for address in LOCAL):
            raise Invalid("targets.private", entry=target.entry)
        return target

    def admits(self, target: Target, address: Address) -> bool:
        """Whether a connection to the address, for this target, may be made."""
        if never(address):
            return False
        return any(_lists(entry, target, address) for entry in self.allow) or (target.usual and public(address))


def target_of(url: str, *, plain: bool = False) -> Target:
    """What a URL names, read strictly: where two programs could read two hosts out of it, there is none. Or Invalid."""
    if len(url) > MOST_URL:
        raise Invalid("targets.long", most=MOST_URL)
    if not url.isascii():
        raise Invalid("targets.not_ascii")
    parts, port = _parts(url)
    if parts.scheme not in USUAL_PORTS:
        raise Invalid("targets.scheme")
    if "@" in parts.netloc:
        raise Invalid("targets.user")
    return Target(
        scheme=parts.scheme, host=_host(parts), port=USUAL_PORTS[parts.scheme] if port is None else port, plain=plain
    )


def never(address: Address) -> bool:
    """Whether nobody may call it at all, also not who set its address as an admin."""
    return any(one.version == network.version and one in network for one in _faces(address) for network in NEVER)


def public(address: Address) -> bool:
    """Whether it is one machine on the open internet, without a second address in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return not never(address) and not any(address in network for network in SPECIAL_V4)
    special = address.scope_id is not None or any(address in network for network in SPECIAL_V6)
    return address in GLOBAL_V6 and not special


def well_formed(url: str) -> bool:
    """Whether it can be taken apart: has a host, and a port that there is, if any."""
    try:
        _parts(url)
    except Invalid:
        return False
    return True


def _parts(url: str) -> tuple[SplitResult, int | None]:
    try:
        # whatever a parser may drop, or take for something else: blanks, controls, backslashes
        if re.search(r"[\x00-\x20\x7f\\]", url):
            raise ValueError(url)
        parts = urlsplit(url)
        if not parts.netloc or not parts.hostname or parts.netloc.endswith(":") or parts.port == 0:
            raise ValueError(url)
        return parts, parts.port
    except ValueError:
        raise Invalid("targets.no_url") from None


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if is_name(host) and "[" not in parts.netloc:
        return host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Invalid("targets.host", host=host) from None
    if (address.version == 6) != ("[" in parts.netloc) or getattr(address, "scope_id", None) is not None:
        raise Invalid("targets.host", host=host)
    return str(address)


def _reason(target: Target) -> str:
    """Why a target that is not listed is refused."""
    if target.port not in USUAL_PORTS.values():
        return "targets.port"
    return "targets.private" if target.usual else "targets.plain"


def _lists(entry: Listed, target: Target, address: Address) -> bool:
    """Whether an entry of the settings lets the target's connection go to the address."""
    if entry.port not in (None, target.port) or entry.host not in (None, target.host):
        return False
    network = entry.network
    return network is None or (network.version == address.version and address in network)


def _may_lead(entry: Listed, target: Target) -> bool:
    """Whether an entry may turn out to list a host that is a name."""
    return entry.port in (None, target.port) and entry.host in (None, target.host)


def _is_local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _faces(address: Address) -> tuple[Address, ...]:
    """The address, and the IPv4 ones that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) for network in WRAPPINGS if address in network]
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    return (address, *inner)
