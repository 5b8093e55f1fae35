"""One entry of `targets.allow`: which host, or which network, on which port.

`host:port`, `address:port`, `network:port`, an IPv6 one in brackets, `*` for any port; `host:port=network` where the
name may lead into that network alone.
"""

import ipaddress
import re

from attrs import frozen

from daemon.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY_PORT = "*"
LONGEST_NAME = 253  # characters: RFC 1035
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # with the underscore of container names
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ENTRY = re.compile(
    r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:=\[\]\s]+)):(?P<port>\*|[0-9]{1,5})(?:=(?P<into>[^=\s]+))?", re.ASCII
)


@frozen(kw_only=True)
class Listed:
    """Exactly one of `host` and `network` says what is listed; with both, the host may lead into the network alone."""

    host: str | None  # in lower case
    network: Network | None
    port: int | None  # None: any


def is_name(host: str) -> bool:
    """Whether it is a host name in plain ASCII, in lower case, that no resolver takes for an address.

    A last part that is a number, also a hexadecimal one, makes an address of the whole: `127.1`, `0x7f000001`.
    """
    numeric = _NUMBER.fullmatch(host.rpartition(".")[2])
    return len(host) <= LONGEST_NAME and not numeric and _NAME.fullmatch(host) is not None


def listed(line: str) -> Listed:
    """The entry, or Invalid."""
    entry = _ENTRY.fullmatch(line)
    if entry is None:
        raise Invalid("settings.want_target", value=line)
    place, into = entry["v6"] or entry["host"].lower(), entry["into"]
    port = None if entry["port"] == ANY_PORT else int(entry["port"])
    try:
        if port is not None and not 0 < port < 65536:
            raise ValueError(port)
        if is_name(place) and entry["v6"] is None:
            return Listed(host=place, network=None if into is None else ipaddress.ip_network(into), port=port)
        if into is not None:
            raise ValueError(into)
        return Listed(host=None, network=ipaddress.ip_network(place), port=port)
    except ValueError:
        raise Invalid("settings.want_target", value=line) from None
