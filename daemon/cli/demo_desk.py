"""The demo's scenes at the desk: a quota that runs out, one message to many, a batch of questions, and the bill."""

from typing import Any

from daemon.cli.demo_cast import ANN, BAO, EVA, GAO, NAMES
from daemon.cli.demo_play import SORRY, Play
from daemon.domain.cost import plain

QUOTAS = "/api/v1/quotas"
NOTIFICATIONS = "/api/v1/notifications"
LEFT_ALONE = "/api/v1/integrations/gewe/do-not-contact"
CAMPAIGNS = "/api/v1/integrations/gewe/campaigns"
BATCHES = "/api/v1/integrations/fastgpt/batch"
COSTS = "/api/v1/costs/summary"
OVER = frozenset({"done", "stopped", "paused"})  # of a campaign nothing more is to come, without a person
ANY_TIME = {"begin": "00:00", "end": "00:00", "time_zone": "Asia/Shanghai"}
ONE = 1_000_000  # call, in millionths


async def quota_runs_out(play: Play) -> None:
    """One answer a day for Eva: the second question gets the configured sentence, and a person is told."""
    stage = play.stage
    quota = {"name": EVA.name, "scope": "contact", "scope_id": EVA.wxid, "kind": "workflow"}
    made = await stage.api("POST", QUOTAS, quota | {"period": "day", "measure": "calls", "cap_micro": ONE})
    stage.tell(made["created_at"], EVA.name, "quota", cap=plain(made["cap_micro"]))
    await play.is_answered(EVA, "怎么退货？")

    async def alarm() -> dict[str, Any] | None:
        told = await stage.rows(NOTIFICATIONS)
        return next((row for row in told if row["code"] == "quota.used_up" and row["facts"]["id"] == made["id"]), None)

    alert = await stage.until("alert", alarm)
    stage.tell(alert["created_at"], EVA.name, "alert", title=alert["title"], message=alert["message"])
    chat = await play.is_answered(EVA, "邮费谁出？", reply=SORRY)
    (window,) = (await stage.api("GET", f"{QUOTAS}/{made['id']}"))["windows"]
    left, cap = plain(window["left_micro"]), plain(made["cap_micro"])
    at, refused, renews = chat.turns[0]["ended_at"], window["refused"], window["renews_at"]
    stage.tell(at, EVA.name, "left", left=left, cap=cap, refused=refused, renews=renews)


async def campaign_goes_out(play: Play) -> None:
    """One message to three, one of whom has just asked to be left alone."""
    stage, words = play.stage, "{{ name }}，新茶到店了。回复退订不再接收。"
    await play.is_answered(GAO, "退订")

    async def listed() -> dict[str, Any] | None:
        return next(iter(await stage.rows(f"{LEFT_ALONE}?to={GAO.wxid}")), None)

    entry = await stage.until("left_alone", listed, name=GAO.name)
    stage.tell(entry["created_at"], GAO.name, "left_alone", reason=entry["reason"])
    for person in (ANN, BAO):
        play.due.text(person.wxid, words.replace("{{ name }}", person.name))
    campaign = {
        "account_id": play.account_id,
        "name": "Demo",
        "message": {"type": "text", "content": words},
        "recipients": [{"to": one.wxid, "variables": {"name": one.name}} for one in (ANN, BAO, GAO)],
        "quiet_hours": ANY_TIME,
        "per_hour": 2400,
        "min_gap_seconds": 1,
        "max_gap_seconds": 1,
    }
    begun = await stage.api("POST", CAMPAIGNS, campaign)
    path, at = f"{CAMPAIGNS}/{begun['campaign']['id']}", begun["campaign"]["created_at"]
    stage.tell(at, "", "campaign", count=begun["recipients"], left_out=begun["left_out_total"])
    for left in begun["left_out"]:
        stage.tell(at, NAMES.get(left["to"], left["to"]), "left_out", reason=left["reason"])

    async def over() -> dict[str, Any] | None:
        await play.chats.look({ANN.wxid, BAO.wxid, GAO.wxid})
        shown: dict[str, Any] = await stage.api("GET", path)
        return shown if shown["state"] in OVER else None

    ended = await stage.until("campaign", over)
    sent, skipped = ended["progress"]["sent"], ended["progress"]["skipped"]
    stage.tell(ended["ended_at"], "", "campaign_over", state=ended["state"], sent=sent, skipped=skipped)


async def batch_is_answered(play: Play) -> None:
    """Questions that no contact asked: for one workflow, with their progress."""
    stage, questions = play.stage, ("营业时间？", "怎么开发票？", "支持七天退换吗？")
    play.due.questions += len(questions)
    asked = {"workflow_id": play.workflow_id, "messages": [{"message": question} for question in questions]}
    batch = await stage.api("POST", BATCHES, asked)
    stage.tell(batch["created_at"], "", "batch", total=batch["total"])
    path = f"{BATCHES}/{batch['batch_id']}"

    async def over() -> dict[str, Any] | None:
        shown: dict[str, Any] = await stage.api("GET", path)
        return None if shown["queued"] else shown

    ended = await stage.until("batch", over)
    for item in await stage.rows(f"{path}/items"):
        stage.tell(item["ended_at"], "", "item", number=item["position"] + 1, answer=item["answer"] or item["error"])
    points = plain(ended["usage"]["points_micro"])
    stage.tell(ended["ended_at"], "", "batch_over", done=ended["done"], total=ended["total"], points=points)


async def bill_is_drawn(play: Play) -> None:
    """What all of it cost, once every call is settled."""
    stage = play.stage

    async def settled() -> dict[str, Any] | None:
        shown: dict[str, Any] = await stage.api("GET", f"{COSTS}?group_by=provider")
        return None if shown["total"]["reserved"] else shown

    bill = await stage.until("bill", settled)
    for one in bill["groups"]:
        tokens = one["input_tokens"] + one["output_tokens"]
        stage.tell(
            bill["until"],
            "",
            "cost",
            provider=one["key"],
            calls=one["calls"],
            tokens=tokens,
            points=plain(one["points_micro"]),
            cost=plain(one["cost_micro"]),
            currency=bill["currency"],
        )
