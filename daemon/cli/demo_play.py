"""What every scene of the demo works with: the stage, the conversations, what is due, and people who write."""

import asyncio
from collections.abc import Awaitable, Callable

from attrs import define, field

from daemon.cli.demo_cast import APP_ID, BOT, ROOM, Due, Person
from daemon.cli.demo_chats import Chat, Chats
from daemon.cli.demo_stage import Stage
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY

WORKFLOWS = "/api/v1/workflows"
ACCOUNTS = "/api/v1/integrations/gewe/accounts"
GAP = 0.25  # seconds between half-sentences: well within the merge window
GREETING = "您好，我是小店助手，请问有什么可以帮您？"
SORRY = "今天的自动答复次数已用完，店长稍后回复您。"
POLICY = {
    "on_failure": "sentence",
    "failure_text": SORRY,
    "friends": {"accept": "keywords", "keywords": ["咨询"], "greeting": GREETING},
}
POINT_PRICE = 15_000  # millionths of the currency for a point of FastGPT's, invented


def echo(question: str) -> str:
    """What the simulated FastGPT answers, unless a scene has it say something else."""
    return f"收到：{question}"


@define
class Play:
    stage: Stage
    chats: Chats
    account_id: str
    workflow_id: str
    callback: str  # the address that GeWe is given
    due: Due = field(factory=Due)

    async def writes(self, person: Person, *lines: str, room: bool = False) -> None:
        """To the account alone, or in the room, where it is mentioned."""
        wechat = self.stage.gewe.wechat
        for number, line in enumerate(lines):
            await asyncio.sleep(GAP if number else 0)
            self.stage.say("writes", name=person.name, text=line)
            if room:
                await wechat.group_writes(APP_ID, ROOM, person.wxid, line, at=[BOT], name=person.name)
            else:
                await wechat.person_writes(person.app_id, person.wxid, line, name=person.name)

    async def is_answered(self, person: Person, *lines: str, reply: str | None = None) -> Chat:
        """Writes, and is followed until all that is due there has been said."""
        question = "\n".join(lines)
        if reply is None:
            self.due.questions += 1
        self.due.text(person.wxid, echo(question) if reply is None else reply)
        await self.writes(person, *lines)
        return await self.follow(person)

    async def follow(self, person: Person) -> Chat:
        """Until all that is due to this person has been said."""
        return (await self.chats.follow({person.wxid: len(self.due.texts[person.wxid])}))[person.wxid]


Scene = Callable[[Play], Awaitable[None]]


async def begin(stage: Stage) -> Play:
    """A workflow, its price and an account, made as anybody would make them."""
    workflow = {"name": "Demo", "base_url": stage.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
    workflow_id = (await stage.api("POST", WORKFLOWS, workflow))["id"]
    await stage.api("POST", "/api/v1/prices", {"provider": "fastgpt", "point_micro": POINT_PRICE})
    account = {
        "name": "Demo",
        "app_id": APP_ID,
        "wxid": BOT,
        "token": stage.gewe.token,
        "base_url": stage.gewe.base_url,
        "workflow_id": workflow_id,
        "policy": POLICY,
    }
    added = await stage.api("POST", ACCOUNTS, account)
    callback = stage.bridge.url + added["callback_url"]
    stage.gewe.callbacks.point(stage.gewe.token, callback)
    return Play(
        stage,
        Chats(stage, {workflow_id: "fastgpt"}),
        account_id=added["id"],
        workflow_id=workflow_id,
        callback=callback,
    )
