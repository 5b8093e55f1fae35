"""A name server on loopback that answers as a test says, or not at all."""

import asyncio
import ipaddress
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from attrs import define, field

A, CNAME, AAAA = 1, 5, 28
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
TRUNCATED = 0x0200
ASKED = b"\xc0\x0c"  # a pointer to the name of the question


@define
class Zone:
    """What is said of one name, the next time it is asked for."""

    addresses: Sequence[str] = ()
    ttl: int = 0
    code: int = 0
    silent: bool = False
    cut: bool = False  # over UDP only that there is more
    alias: str | None = None
    later: asyncio.Event | None = None  # answered once it is set


@define
class NameServer:
    """`zones` by name; what is not there does not exist. `then` is called after each answer about IPv4."""

    port: int = 0
    zones: dict[str, Zone] = field(factory=dict)
    asked: Counter[str] = field(factory=Counter)  # for addresses of IPv4
    _stirred: asyncio.Event = field(factory=asyncio.Event)
    asked_by_tcp: int = 0
    then: Callable[[str], None] = field(default=lambda _: None)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def until_asked(self, names: int = 1) -> None:
        """Returns once that many names have been asked for."""
        while len(self.asked) < names:
            self._stirred.clear()
            await self._stirred.wait()

    async def answer(self, query: bytes, *, udp: bool) -> bytes | None:
        name, end = _name(query)
        (kind,) = struct.unpack_from("!H", query, end)
        if kind == A:
            self.asked[name] += 1
            self._stirred.set()
        zone = self.zones.get(name, Zone(code=NXDOMAIN))
        if zone.silent:
            return None
        if zone.later is not None:
            await zone.later.wait()
        cut = zone.cut and udp
        records = [] if zone.code or cut else _records(zone, kind)
        flags = 0x8180 | zone.code | (TRUNCATED if cut else 0)
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        if kind == A:
            self.then(name)
        return head + query[12 : end + 4] + b"".join(records)


@asynccontextmanager
async def name_server(**zones: Zone) -> AsyncIterator[NameServer]:
    """On UDP and TCP; the zones are of `name.example`."""
    server = NameServer(zones={f"{name}.example": zone for name, zone in zones.items()})
    tasks = set[asyncio.Task[None]]()

    async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                server.asked_by_tcp += 1
                reply = await server.answer(await reader.readexactly(length), udp=False)
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    class Udp(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            task = asyncio.get_running_loop().create_task(self.reply(data, addr))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def reply(self, data: bytes, addr: tuple[str, int]) -> None:
            if (reply := await server.answer(data, udp=True)) is not None:
                transport.sendto(reply, addr)

    streams = await asyncio.start_server(tcp, "127.0.0.1", 0)
    server.port = streams.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", server.port))
    try:
        yield server
    finally:
        for task in tasks:
            task.cancel()
        transport.close()
        streams.close()


def _name(query: bytes) -> tuple[str, int]:
    """The name of the question, and where it ends."""
    labels, at = list[bytes](), 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length])
        at += 1 + length
    return b".".join(labels).decode().lower(), at + 1


def _packed(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _records(zone: Zone, kind: int) -> list[bytes]:
    owner, records = ASKED, list[bytes]()
    if zone.alias is not None:
        owner = _packed(zone.alias)
        records.append(_record(ASKED, CNAME, zone.ttl, owner))
    for address in map(ipaddress.ip_address, zone.addresses):
        if (address.version == 4) == (kind == A):
            records.append(_record(owner, kind, zone.ttl, address.packed))
    return records


def _record(owner: bytes, kind: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
