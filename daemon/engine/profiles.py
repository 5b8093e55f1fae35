"""Who an account is, as WeChat shows it: asked of GeWe now, within the budget of such questions."""

from functools import partial

from attrs import define

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import ActKind
from daemon.domain.login import Profile
from daemon.engine.acts import Acts
from daemon.engine.ports import Devices


@define
class Profiles:
    acts: Acts
    port: Devices

    async def show(self, account: Account, *, by: Actor) -> Profile:
        call = partial(self.port.profile, account)
        return await self.acts.do(account, ActKind.PROFILE_READ, "", by=by, call=call)
