"""The WeChat side of the GeWe simulator: people who write, an owner with a phone, and what has reached them."""

import asyncio
from collections.abc import Sequence

from attrs import define

from daemon.errors import Invalid, Problem
from daemon.sim.gewe_accounts import Device
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.wechat_events import PRIVATE_SOURCE, Body, Line, renumbered, room_source
from daemon.sim.wechat_friends import Befriending
from daemon.sim.wechat_logins import Logins
from daemon.sim.wechat_people import Senders
from daemon.sim.wechat_rooms import Rooming

PATIENCE_S = 10.0  # how long a wait for texts lasts, unless it says otherwise
MOST_AT_ONCE = 32  # pushes of a burst under way at the same time


@define(eq=False, kw_only=True)
class WeChat(Senders, Befriending, Rooming, Logins):
    """Who writes is awaited until GeWe has pushed the event, or given up."""

    async def person_writes(self, app_id: str, wxid: str, words: str, *, name: str = "", age_s: int = 0) -> Delivery:
        device = self.accounts.get(app_id)
        return await self._push(device, self._private(device, wxid, words, name=name, age_s=age_s))

    async def group_writes(
        self, app_id: str, room: str, wxid: str, words: str, *, at: Sequence[str] = (), name: str = ""
    ) -> Delivery:
        """`at`: whom it mentions; `notify@all` for everybody. The `@name` in the words is the writer's business."""
        device = self.accounts.get(app_id)
        called = self.people.name(wxid, name)
        members = self.people.room(room, wxid, device.wxid).members
        mentioned = device.wxid in at
        line = Line(
            app_id=app_id,
            wxid=device.wxid,
            sender=room,
            to=device.wxid,
            content=f"{wxid}:\n{words}",
            push=f"{called}在群聊中@了你" if mentioned else f"{called} : {words}",
            source=room_source(at, len(members)),
        )
        return await self._push(device, self._text(line))

    async def owner_writes_on_phone(self, app_id: str, to: str, words: str) -> Delivery:
        """A callback with the account itself as sender: sends by API have none."""
        device = self.accounts.get(app_id)
        line = Line(
            app_id=app_id,
            wxid=device.wxid,
            sender=device.wxid,
            to=to,
            content=words,
            push=None,
            source=room_source((), 3) if to.endswith("@chatroom") else PRIVATE_SOURCE,
        )
        return await self._push(device, self._text(line))

    async def sample(self, app_id: str, name: str, *, fresh: bool = True) -> Delivery:
        """A sample of the contract, E1 to E29; not `fresh`: with its own ids and its old time."""
        device = self.accounts.get(app_id)
        if name not in self.samples.bodies:
            raise Invalid(problems=[Problem("name", f"one of {', '.join(self.samples.bodies)}")])
        body = self.samples.body(name, app_id, device.wxid)
        if fresh:
            new_id, now = self.sends.new_id(), self._now()
            body = renumbered(body, numbers=self.numbers, new_msg_id=new_id, create_time=now)
        return await self._push(device, body)

    async def raw(self, app_id: str, body: Body) -> Delivery:
        """Any v1 event, whatever state the account is in."""
        device = self.accounts.get(app_id)
        return await self.callbacks.deliver(device.token, body)

    async def history_burst(
        self, app_id: str, wxid: str, number: int = 20, *, age_s: int = 3600, shuffled: bool = True
    ) -> list[Delivery]:
        """Old messages, pushed again as after a login; one second apart, the newest `age_s` old."""
        device = self.accounts.get(app_id)
        ages = range(age_s + number - 1, age_s - 1, -1)
        bodies = [self._private(device, wxid, f"历史消息 {n}", age_s=age) for n, age in enumerate(ages, 1)]
        if shuffled:
            self.random.shuffle(bodies)
        return await self.burst(app_id, bodies)

    async def burst(self, app_id: str, bodies: Sequence[Body]) -> list[Delivery]:
        """Many events at once, at most MOST_AT_ONCE on the way."""
        device, room = self.accounts.get(app_id), asyncio.Semaphore(MOST_AT_ONCE)

        async def one(body: Body) -> Delivery:
            async with room:
                return await self._push(device, body)

        return list(await asyncio.gather(*(one(body) for body in bodies)))

    def received(self, to: str) -> list[str]:
        """The texts this person or room has, in order; of other kinds, what describes them."""
        return [sent.text for sent in self.sends.received(to)]

    async def wait_for_texts(self, to: str, number: int = 1, *, timeout: float = PATIENCE_S) -> list[str]:
        """Those texts once there are `number` of them; TimeoutError otherwise."""
        await self.sends.bell.until(lambda: self.sends.count(to) >= number, timeout=timeout)
        return self.received(to)

    def _private(self, device: Device, wxid: str, words: str, *, name: str = "", age_s: int = 0) -> Body:
        return self._said(device, wxid, words, push=f"{self.people.name(wxid, name)} : {words}", age_s=age_s)
