"""The control routes every simulator has under /_sim: faults and ledger."""

from typing import Any

from aiohttp import web
from attrs import define

from daemon.codec import parse, structure
from daemon.errors import Invalid, Problem
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import Traffic, reply
from daemon.sim.ledger import Ledger

PAGE = 1000  # entries of the ledger in one answer, unless `limit` says otherwise


@define(eq=False, kw_only=True)
class Control:
    faults: Faults
    ledger: Ledger
    traffic: Traffic

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sim/faults", self.list_faults),
            web.post("/_sim/faults", self.add_fault),
            web.delete("/_sim/faults", self.remove_faults),
            web.get("/_sim/ledger", self.list_ledger),
            web.get("/_sim/traffic", self.show_traffic),
        ]

    async def list_faults(self, _: web.Request) -> web.Response:
        return reply({"faults": [s.as_json() for s in self.faults], "names": self.faults.names})

    async def add_fault(self, request: web.Request) -> web.Response:
        return reply({"id": self.faults.add(structure(parse(await request.read()), Fault))}, status=201)

    async def remove_faults(self, request: web.Request) -> web.Response:
        """One, with ?id=; else all."""
        if "id" not in request.query:
            self.faults.clear()
            return reply({"removed": True})
        return reply({"removed": self.faults.remove(number(request, "id", 0))})

    async def list_ledger(self, request: web.Request) -> web.Response:
        entries = self.ledger.after(number(request, "after", 0), number(request, "limit", PAGE))
        return reply({"entries": [entry.as_json() for entry in entries]})

    async def show_traffic(self, _: web.Request) -> web.Response:
        traffic = self.traffic
        shown: dict[str, Any] = {
            "in_flight": traffic.in_flight,
            "most_in_flight": traffic.most_in_flight,
            "requests": traffic.requests,
        }
        return reply(shown)


def number(request: web.Request, name: str, otherwise: int) -> int:
    try:
        return int(request.query.get(name, otherwise))
    except ValueError as error:
        raise Invalid(problems=[Problem(name, "a whole number")]) from error
