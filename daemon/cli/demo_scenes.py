"""The demo's scenes with people of WeChat: questions, a picture, a new friend, and a person who takes over."""

import asyncio
from typing import Any

from daemon.cli.demo_cast import ANN, APP_ID, BAO, CHEN, DAI, FEI, ROOM
from daemon.cli.demo_chats import CONVERSATIONS
from daemon.cli.demo_play import GREETING, Play, echo
from daemon.cli.demo_stage import THINKING
from daemon.sim.fastgpt_script import Script
from daemon.sim.pictures import jpeg

REQUESTS = "/api/v1/integrations/gewe/friend-requests"
DECIDED = frozenset({"accepted", "failed", "unknown", "rejected"})


async def people_write(play: Play) -> None:
    """A question, three half-sentences that belong together, and a mention in a group."""
    halves = ("我想问一下", "上次那款", "还有货吗")
    play.due.questions += 3
    play.due.text(ANN.wxid, echo("你好，周末营业吗？"))
    play.due.text(BAO.wxid, echo("\n".join(halves)))
    play.due.text(ROOM, f"@{CHEN.name}\u2005{echo('明天几点开会？')}")
    await asyncio.gather(
        play.writes(ANN, "你好，周末营业吗？"),
        play.writes(BAO, *halves),
        play.writes(CHEN, "@Bot\u2005 明天几点开会？", room=True),
        play.chats.follow({ANN.wxid: 1, BAO.wxid: 1, ROOM: 1}),
    )


async def picture_arrives(play: Play) -> None:
    """The picture and the question to it are asked together; the answer says what FastGPT was shown."""
    picture = jpeg(64, 48)
    answer = "图片收到了：{files}"
    play.stage.fastgpt.play(Script(answer=answer, delay_s=THINKING), times=1)
    play.due.questions += 1
    play.due.text(ANN.wxid, answer.replace("{files}", f"图片 image/jpeg 64×48 {len(picture)} 字节"))
    play.stage.say("pictures", name=ANN.name)
    await play.stage.gewe.wechat.person_sends_image(APP_ID, ANN.wxid, data=picture, name=ANN.name)
    await play.writes(ANN, "图上这款有货吗？")
    await play.follow(ANN)


async def friend_asks(play: Play) -> None:
    """The account's rule accepts who writes one of its words, and greets them."""
    stage, greeting = play.stage, "您好，想咨询一下产品"
    play.due.friends.append(DAI.wxid)
    play.due.text(DAI.wxid, GREETING)
    stage.say("befriends", name=DAI.name, text=greeting)
    await stage.gewe.wechat.person_asks_to_be_friend(APP_ID, DAI.wxid, greeting=greeting, nickname=DAI.name)

    async def asked() -> dict[str, Any] | None:
        return next((row for row in await stage.rows(REQUESTS) if row["wxid"] == DAI.wxid), None)

    async def decided() -> dict[str, Any] | None:
        request = await asked()
        return request if request and request["state"] in DECIDED else None

    request = await stage.until("request", asked, name=DAI.name)
    stage.tell(request["received_at"], DAI.name, "requested", text=request["greeting"])
    request = await stage.until("friend", decided, name=DAI.name)
    if request["state"] == "accepted":
        rule = stage.text("by_rule") if request["by_rule"] else request["decided_by"]
        stage.tell(request["decided_at"], DAI.name, "befriended", by=rule)
        await play.follow(DAI)
    else:
        stage.tell(request["decided_at"], DAI.name, "not_befriended", state=request["state"], why=request["error"])


async def person_takes_over(play: Play) -> None:
    """While somebody of ours writes from the phone the assistant keeps quiet; handed back, it answers again."""
    stage = play.stage
    chat = await play.is_answered(FEI, "在吗？")
    path = f"{CONVERSATIONS}/{chat.id}"
    words = "我是店长，我来跟您说。"
    stage.say("phones", name=FEI.name, text=words)
    await stage.gewe.wechat.owner_writes_on_phone(APP_ID, FEI.wxid, words)

    async def taken() -> dict[str, Any] | None:
        await play.chats.look({FEI.wxid})
        shown: dict[str, Any] = await stage.api("GET", path)
        return shown if shown["answered_by"] == "person" else None

    held = await stage.until("taken", taken, name=FEI.name)
    stage.tell(held["last_message_at"], FEI.name, "taken_over", until=held["held_until"], by=held["held_by"])
    await play.writes(FEI, "好的，那款多少钱？")

    async def quiet() -> bool | None:
        lines = (await play.chats.look({FEI.wxid}))[FEI.wxid].lines
        return any(line["reason"] == "held" for line in lines) or None

    await stage.until("quiet", quiet, name=FEI.name)
    await stage.api("POST", f"{path}/release")
    (note, *_) = await stage.rows(f"/api/v1/audit?action=conversation.released&target=conversation:{chat.id}")
    stage.tell(note["at"], FEI.name, "released", by=note["actor"])
    await play.is_answered(FEI, "谢谢，明天能送到吗？")
