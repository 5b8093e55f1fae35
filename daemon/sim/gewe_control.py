"""The GeWe simulator's own control routes: its accounts, its WeChat side and its callbacks, for a driver outside."""

from typing import Any, TypeVar

from aiohttp import web
from attrs import asdict, define, field, frozen

from daemon.codec import parse, structure, unstructure
from daemon.errors import Invalid, Problem
from daemon.sim.control import number
from daemon.sim.gate import reply
from daemon.sim.gewe_accounts import Device
from daemon.sim.gewe_callbacks import Delivery, Knobs
from daemon.sim.wechat import PATIENCE_S, WeChat

T = TypeVar("T")


@frozen(kw_only=True)
class Person:
    app_id: str
    wxid: str
    text: str
    name: str = ""
    age_s: int = 0


@frozen(kw_only=True)
class Group:
    app_id: str
    room: str
    wxid: str
    text: str
    at: list[str] = field(factory=list)
    name: str = ""


@frozen(kw_only=True)
class Phone:
    app_id: str
    to: str
    text: str


@frozen(kw_only=True)
class SampleOf:
    app_id: str
    name: str
    fresh: bool = True


@frozen(kw_only=True)
class Raw:
    app_id: str
    body: dict[str, Any]


@frozen(kw_only=True)
class History:
    app_id: str
    wxid: str
    number: int = 20
    age_s: int = 3600


@frozen(kw_only=True)
class Drop:
    app_id: str
    reconnectable: bool = True
    tell: bool = True
    event: str = "LOGOUT"


@frozen(kw_only=True)
class AccountStep:
    """`action`: scan, confirm, cancel, comes-back, or none; the knobs are set where given."""

    app_id: str
    action: str = ""
    wxid: str = ""
    nick_name: str = ""
    false_online: bool | None = None
    silent: bool | None = None
    needs_code: bool | None = None


@define(eq=False)
class GeweControl:
    wechat: WeChat

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_sim/wechat/person", self.person),
            web.post("/_sim/wechat/group", self.group),
            web.post("/_sim/wechat/owner", self.owner),
            web.post("/_sim/wechat/sample", self.sample),
            web.post("/_sim/wechat/raw", self.raw),
            web.post("/_sim/wechat/history", self.history),
            web.post("/_sim/wechat/drop", self.drop),
            web.get("/_sim/wechat/received", self.received),
            web.get("/_sim/accounts", self.list_accounts),
            web.post("/_sim/accounts", self.step),
            web.get("/_sim/callbacks", self.list_callbacks),
            web.get("/_sim/callbacks/knobs", self.show_knobs),
            web.put("/_sim/callbacks/knobs", self.set_knobs),
        ]

    async def person(self, request: web.Request) -> web.Response:
        it = await asked(request, Person)
        return pushed(await self.wechat.person_writes(it.app_id, it.wxid, it.text, name=it.name, age_s=it.age_s))

    async def group(self, request: web.Request) -> web.Response:
        it = await asked(request, Group)
        return pushed(await self.wechat.group_writes(it.app_id, it.room, it.wxid, it.text, at=it.at, name=it.name))

    async def owner(self, request: web.Request) -> web.Response:
        it = await asked(request, Phone)
        return pushed(await self.wechat.owner_writes_on_phone(it.app_id, it.to, it.text))

    async def sample(self, request: web.Request) -> web.Response:
        it = await asked(request, SampleOf)
        return pushed(await self.wechat.sample(it.app_id, it.name, fresh=it.fresh))

    async def raw(self, request: web.Request) -> web.Response:
        it = await asked(request, Raw)
        return pushed(await self.wechat.raw(it.app_id, it.body))

    async def history(self, request: web.Request) -> web.Response:
        it = await asked(request, History)
        pushed = await self.wechat.history_burst(it.app_id, it.wxid, it.number, age_s=it.age_s)
        return reply({"pushed": len(pushed), "accepted": sum(delivery.accepted for delivery in pushed)})

    async def drop(self, request: web.Request) -> web.Response:
        it = await asked(request, Drop)
        delivery = await self.wechat.drop(it.app_id, reconnectable=it.reconnectable, tell=it.tell, event=it.event)
        return pushed(delivery) if delivery is not None else reply({"outcome": "untold"})

    async def received(self, request: web.Request) -> web.Response:
        """?to=; with ?number= it waits for so many, at most ?timeout= seconds."""
        to, wanted = request.query.get("to", ""), number(request, "number", 0)
        if wanted:
            try:
                timeout = number(request, "timeout", int(PATIENCE_S))
                await self.wechat.wait_for_texts(to, wanted, timeout=timeout)
            except TimeoutError:
                return reply({"texts": self.wechat.received(to), "complete": False}, status=408)
        return reply({"texts": self.wechat.received(to), "complete": True})

    async def list_accounts(self, _: web.Request) -> web.Response:
        return reply({"accounts": [_shown(device) for device in self.wechat.accounts]})

    async def step(self, request: web.Request) -> web.Response:
        it = await asked(request, AccountStep)
        await _act(self.wechat, it)
        device = self.wechat.accounts.get(it.app_id)
        for knob in ("false_online", "silent", "needs_code"):
            value = getattr(it, knob)
            if value is not None:
                setattr(device, knob, value)
        return reply(_shown(device))

    async def list_callbacks(self, request: web.Request) -> web.Response:
        after, limit = number(request, "after", 0), number(request, "limit", 1000)
        records = [asdict(record) for record in self.wechat.callbacks.records if record.seq > after]
        return reply({"callbacks": records[:limit]})

    async def show_knobs(self, _: web.Request) -> web.Response:
        return reply(unstructure(self.wechat.callbacks.knobs))

    async def set_knobs(self, request: web.Request) -> web.Response:
        """All of them: what is left out goes back to its usual value."""
        self.wechat.callbacks.knobs = await asked(request, Knobs)
        return reply(unstructure(self.wechat.callbacks.knobs))


async def asked(request: web.Request, shape: type[T]) -> T:
    return structure(parse(await request.read()), shape)


async def _act(wechat: WeChat, it: AccountStep) -> None:
    match it.action:
        case "scan":
            wechat.scan_login(it.app_id)
        case "confirm":
            await wechat.confirm_login(it.app_id, wxid=it.wxid, nick_name=it.nick_name)
        case "cancel":
            wechat.cancel_login(it.app_id)
        case "comes-back":
            await wechat.comes_back(it.app_id)
        case "":
            return
        case _:
            raise Invalid(problems=[Problem("action", "scan, confirm, cancel or comes-back")])


def pushed(delivery: Delivery) -> web.Response:
    return reply(asdict(delivery))


def _shown(device: Device) -> dict[str, Any]:
    hidden = ("token", "uuid", "qr_at", "contacts_at")
    return {name: value for name, value in asdict(device).items() if name not in hidden}
