"""The demo's scenes without WeChat: programs that ask, a workflow tried out, and n8n's webhook called by its task."""

from daemon.cli.demo_ai import MODEL, WEBHOOKS, charged
from daemon.cli.demo_play import Play, echo
from daemon.cli.demo_stage import THINKING, Stuck
from daemon.sim.fastgpt_script import Script

CHAT = "/api/chat/demo-visitor"
COMPLETIONS = "/v1/chat/completions"
TRIALS = "/api/v1/workflow-test/sessions"
TASKS = "/api/ai/webhook/"
TASK = "ragAI"
SECRETS_OF_A_CLOUD = "http://169.254.169.254/latest/meta-data/"
KNOWLEDGE = {
    "moduleType": "datasetSearchNode",
    "moduleName": "知识库搜索",
    "query": "保修多久？",
    "runningTime": 0.12,
}


async def programs_ask(play: Play) -> None:
    """A visitor of a website through the chat API; and a program that believes it speaks with OpenAI."""
    stage, question = play.stage, "你们在哪里？"
    play.due.questions += 1
    said = await stage.api(
        "POST", CHAT, {"user_id": "visitor-77", "message": question, "workflow_id": play.workflow_id}
    )
    _expect(said["response"], echo(question))
    for line in (await stage.api("GET", f"{CHAT}/history?user_id=visitor-77"))["messages"]:
        stage.tell(line["created_at"], "", "visitor" if line["is_user"] else "visited", text=line["content"])
    question = "用一句话介绍绿茶"
    play.due.completions += 1
    asked = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    made = await stage.api("POST", COMPLETIONS, asked)
    (choice,) = made["choices"]
    _expect(choice["message"]["content"], echo(question))
    charge = await charged(stage, f"workflow_id={made['qiaod']['workflow_id']}")
    facts = {"text": choice["message"]["content"], "tokens": made["usage"]["total_tokens"]}
    stage.tell(charge["settled_at"], "", "completed", model=made["model"], **facts)


async def workflow_is_tried(play: Play) -> None:
    """What each node did; nothing of it counts, so the bill knows nothing of it."""
    stage, question = play.stage, str(KNOWLEDGE["query"])
    play.due.questions += 1
    stage.fastgpt.play(Script(nodes=[KNOWLEDGE], delay_s=THINKING), times=1)
    session = await stage.api("POST", TRIALS, {"workflowId": play.workflow_id, "variables": {"vip": True}})
    path = f"{TRIALS}/{session['testSessionId']}"
    told = await stage.api("POST", f"{path}/messages", {"message": question})
    _, answer = told["messages"]
    _expect(answer["content"], echo(question))
    for node in answer["meta"]["nodeDetails"]:
        facts = {"type": node["nodeType"], "ms": node["durationMs"], "output": node["output"] or node["input"]}
        stage.tell(answer["timestamp"], "", "node", **facts)
    stage.tell(answer["timestamp"], "", "tried", text=answer["content"], ms=answer["meta"]["durationMs"])
    await stage.api("DELETE", path)


async def webhook_is_called(play: Play) -> None:
    """The same task twice: run once, and answered from the cache the second time. Then two targets that are refused."""
    stage = play.stage
    play.due.runs += 1
    webhook = {"task_type": TASK, "url": stage.n8n.webhook(), "cache": {"ttl_seconds": 300}}
    await stage.api("POST", WEBHOOKS, webhook)
    task = {"task_type": TASK, "chatInput": "退换货政策是什么？", "sessionId": "s1"}
    for _ in range(2):
        done = await stage.api("POST", TASKS, task)
        _expect(done["output"], echo(str(task["chatInput"])))
    calls = await stage.rows(f"{WEBHOOKS}/calls?task_type={TASK}")
    for call in reversed(calls):
        code = "from_cache" if call["cached"] else "called"
        stage.tell(call["created_at"], "", code, task=TASK, ms=call["duration_ms"], attempts=call["attempts"])
    _expect([call["cached"] for call in calls], [True, False])
    for url in (SECRETS_OF_A_CLOUD, f"{stage.bridge.url}/api/v1/keys"):
        problem = await stage.refusal("POST", WEBHOOKS, webhook | {"task_type": "evil", "url": url})
        why = "; ".join(one["message"] for one in problem.get("errors") or []) or problem["detail"]
        stage.say("off_limits", url=url, why=why)


def _expect(got: object, due: object) -> None:
    if got != due:
        raise Stuck(f"{got!r} != {due!r}")
