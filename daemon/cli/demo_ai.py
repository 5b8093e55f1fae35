"""The demo's scenes with three AI services: one contact is answered by each, and one of them asks for a person."""

import asyncio
from typing import Any

from daemon.cli.demo_cast import HAN, IDA, JIN, MODEL_APP, MODEL_BOT, N8N_APP, N8N_BOT
from daemon.cli.demo_chats import CONVERSATIONS
from daemon.cli.demo_desk import NOTIFICATIONS
from daemon.cli.demo_play import ACCOUNTS, WORKFLOWS, Play, echo
from daemon.cli.demo_stage import THINKING, Stage
from daemon.domain.cost import plain
from daemon.sim.n8n_script import Script
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL

PRICES = "/api/v1/prices"
RECORDS = "/api/v1/costs/records"
WEBHOOKS = "/api/v1/webhooks"
MODEL = "Demo model"
N8N_PRICE = {"provider": "n8n", "act_micro": 2_000}  # for a run; these are invented
MODEL_PRICE = {"provider": "openai", "input_micro": 1_100, "output_micro": 4_300}  # for 1,000 tokens


async def three_services_answer(play: Play) -> None:
    """FastGPT, n8n and a plain model, each behind an account of its own; and what each answer cost."""
    await _n8n(play)
    await _plain_model(play)
    asked = {HAN: "周六发货吗？", IDA: "订单到哪儿了？", JIN: "帮我起个店名"}
    play.due.questions += 1
    play.due.runs += 1
    play.due.completions += 1
    for person, question in asked.items():
        play.due.text(person.wxid, echo(question))
    await asyncio.gather(
        *(play.writes(person, question) for person, question in asked.items()),
        play.chats.follow({person.wxid: 1 for person in asked}),
    )
    currency = play.stage.bridge.settings.costs.currency
    for person in asked:
        charge = await charged(play.stage, f"contact={person.wxid}&kind=workflow")
        facts = {"provider": charge["provider"], "cost": plain(charge["cost_micro"]), "currency": currency}
        play.stage.tell(charge["settled_at"], person.name, "charged", **facts)


async def charged(stage: Stage, which: str) -> dict[str, Any]:
    """The latest of these calls, once its cost is known."""

    async def settled() -> dict[str, Any] | None:
        return next(iter(await stage.rows(f"{RECORDS}?{which}&state=settled")), None)

    return await stage.until("bill", settled)


async def person_is_wanted(play: Play) -> None:
    """n8n's workflow says that a person should go on: the assistant keeps quiet, and somebody is told."""
    stage, answer = play.stage, "好的，马上为您转接店长。"
    stage.n8n.play(Script(answer=answer, fields={"needHumanTransfer": True}, delay_s=THINKING), times=1)
    play.due.runs += 1
    chat = await play.is_answered(IDA, "我要投诉，找你们店长", reply=answer)

    async def held() -> dict[str, Any] | None:
        shown: dict[str, Any] = await stage.api("GET", f"{CONVERSATIONS}/{chat.id}")
        return shown if shown["answered_by"] == "person" else None

    async def alarm() -> dict[str, Any] | None:
        told = await stage.rows(NOTIFICATIONS)
        return next((row for row in told if row["code"] == "conversation.person_wanted"), None)

    alert = await stage.until("wanted", alarm, name=IDA.name)
    stage.tell(alert["created_at"], IDA.name, "alert", title=alert["title"], message=alert["message"])
    found = await stage.until("taken", held, name=IDA.name)
    stage.tell(alert["created_at"], IDA.name, "taken_over", until=found["held_until"], by=found["held_by"])


async def _n8n(play: Play) -> None:
    """A webhook of n8n's, the workflow that runs through it, its price, and an account that it answers."""
    stage = play.stage
    (flow,) = stage.n8n.flows
    tells = {"url": stage.n8n.url, "key": stage.n8n.api_key, "workflow_id": flow.workflow_id}
    webhook = await stage.api("POST", WEBHOOKS, {"task_type": "orders", "url": stage.n8n.webhook(), "api": tells})
    workflow = {"name": "Demo n8n", "provider": "n8n", "webhook_id": webhook["id"]}
    await stage.api("POST", PRICES, N8N_PRICE)
    await _answers(play, workflow, app_id=N8N_APP, wxid=N8N_BOT)


async def _plain_model(play: Play) -> None:
    stage = play.stage
    workflow = {"name": MODEL, "provider": "openai", "base_url": stage.model.base_url, "key": DEMO_KEY}
    await stage.api("POST", PRICES, MODEL_PRICE)
    await _answers(play, workflow | {"model": DEMO_MODEL}, app_id=MODEL_APP, wxid=MODEL_BOT)


async def _answers(play: Play, workflow: dict[str, Any], *, app_id: str, wxid: str) -> None:
    """The workflow, and an account that it answers."""
    stage = play.stage
    made = await stage.api("POST", WORKFLOWS, workflow)
    play.chats.providers[made["id"]] = made["provider"]
    account = {"name": made["name"], "app_id": app_id, "wxid": wxid, "workflow_id": made["id"]}
    await stage.api("POST", ACCOUNTS, account | {"token": stage.gewe.token, "base_url": stage.gewe.base_url})
