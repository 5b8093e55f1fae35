"""What every part of the simulated WeChat works with: the accounts, the people, and the way to push an event."""

import random

from attrs import define, field

from daemon.clock import Clock
from daemon.sim.circles import Circles
from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_callbacks import Callbacks, Delivery
from daemon.sim.gewe_media import Media
from daemon.sim.moments import Moments
from daemon.sim.people import People
from daemon.sim.sent import Sends
from daemon.sim.wechat_events import PRIVATE_SOURCE, Body, Line, Numbers, Samples, room_source, text


@define(eq=False, kw_only=True)
class Session:
    """Who acts is awaited until GeWe has pushed the event, or given up."""

    clock: Clock
    random: random.Random
    accounts: Accounts
    callbacks: Callbacks
    sends: Sends
    people: People
    media: Media
    circles: Circles
    moments: Moments
    samples: Samples = field(factory=Samples)
    numbers: Numbers = field(factory=Numbers, init=False)

    def _said(
        self,
        device: Device,
        wxid: str,
        content: str,
        *,
        kind: int = 1,
        room: str = "",
        push: str | None = None,
        inline: bytes = b"",
        age_s: int = 0,
    ) -> Body:
        """A message of this person, alone with the account or in a room. `push`: what a telephone would show."""
        source = PRIVATE_SOURCE
        if room:
            source = room_source((), len(self.people.room(room, wxid, device.wxid).members))
        line = Line(
            app_id=device.app_id,
            wxid=device.wxid,
            sender=room or wxid,
            to=device.wxid,
            content=f"{wxid}:\n{content}" if room else content,
            push=push,
            source=source,
            kind=kind,
            inline=inline,
        )
        return self._text(line, age_s=age_s)

    def _noticed(self, device: Device, content: str, *, sender: str, kind: int = 10000) -> Body:
        """What WeChat itself writes into a chat."""
        prefixed = f"{sender}:\n{content}" if kind == 10002 and sender.endswith("@chatroom") else content
        line = Line(
            app_id=device.app_id,
            wxid=device.wxid,
            sender=sender,
            to=device.wxid,
            content=prefixed,
            push=None,
            kind=kind,
            status=4,
        )
        return self._text(line)

    def _text(self, line: Line, *, age_s: int = 0) -> Body:
        new_id = self.sends.new_id()
        return text(line, numbers=self.numbers, new_msg_id=new_id, create_time=self._now() - age_s)

    async def _push(self, device: Device, body: Body) -> Delivery:
        """A session WeChat has ended hears nothing; what was written meanwhile comes with the history, if at all."""
        if not device.alive:
            return self.callbacks.lost(body, "offline")
        return await self.callbacks.deliver(device.token, body)

    def _now(self) -> int:
        return int(self.clock.now().timestamp())
