"""What one run of a simulated workflow comes to, from the call, the script and the chat's memory (contract 2, 3)."""

import random
from collections.abc import Mapping
from typing import Any

from attrs import define, frozen

from daemon.sim.fastgpt_ask import Ask
from daemon.sim.fastgpt_chats import Chat, Row
from daemon.sim.fastgpt_errors import NAMED, Refusal, plain
from daemon.sim.fastgpt_profiles import Profile
from daemon.sim.fastgpt_script import Script
from daemon.sim.gate import json_of

START = {"moduleName": "common:core.module.template.work_start", "moduleType": "workflowStart", "nodeId": "ws1Aa0"}
AI_NAME = "AI Chat"
PRICE = (0.5, 1.5)  # points per 1,000 tokens in and out, invented

# node kinds that tell when they start (contract 1.5); the others only leave a row
SHOWS_STATUS = {
    "chatNode", "datasetSearchNode", "classifyQuestion", "contentExtract", "httpRequest468", "ifElseNode", "tools",
    "agent", "code", "cfr", "loop", "parallelRun", "loopRun", "app",
}  # fmt: skip


@frozen(kw_only=True)
class Run:
    """`rows` in the order of finishing; `answer` is "" when the run paused or its node failed."""

    answer: str
    reasoning: str
    fixed_text: str
    tool: Mapping[str, str]
    rows: list[Row]
    variables: dict[str, Any]
    changed: bool  # did a node set variables?
    interactive: Mapping[str, Any] | None
    error: str | None  # of a node, in a run that succeeds
    seconds: float
    title: str
    chat_id: str
    data_id: str


@define(eq=False)
class Planner:
    """Draws the ids."""

    random: random.Random
    profile: Profile

    def id(self, length: int = 12) -> str:
        return f"{self.random.getrandbits(4 * length):0{length}x}"

    def plan(self, ask: Ask, script: Script, chat: Chat | None, answer: str) -> Run:
        paused = chat.paused if chat else None
        if script.interactive and paused is None:
            return self._run(ask, script, chat, answer="", rows=[self._row(START)], interactive=script.interactive)
        if paused is None:
            return self._answered(ask, script, chat, answer, [self._row(START)])
        row, understood = resumed(paused.interactive, ask.question)
        rows = [self._row(row)]
        if not understood:  # no branch was chosen: the run ends empty, without an error
            return self._run(ask, script, chat, answer="", rows=rows)
        return self._answered(ask, script, chat, answer, rows)

    def _answered(self, ask: Ask, script: Script, chat: Chat | None, answer: str, rows: list[Row]) -> Run:
        rows = rows + [self._row(row) for row in script.nodes]
        if script.fixed_text:
            fixed = {"moduleName": "Fixed reply", "moduleType": "answerNode", "nodeId": "an1Ff1"}
            rows.append(self._row({**fixed, "textOutput": script.fixed_text}))
        if script.plugin_output:
            output = {"moduleName": "Plugin output", "moduleType": "pluginOutput", "nodeId": "po1Gg1"}
            rows.append(self._row({**output, "pluginOutput": script.plugin_output}))
        if script.mishap == "node-failure":
            return self._failed(ask, script, chat, rows)
        rows.append(self._row(_ai_row(ask, script, answer), seconds=1.86))
        return self._run(ask, script, chat, answer=answer, rows=rows)

    def _failed(self, ask: Ask, script: Script, chat: Chat | None, rows: list[Row]) -> Run:
        text = script.error or "429 upstream rate limit"
        failed = {"moduleName": AI_NAME, "moduleType": "chatNode", "nodeId": "ai7Lw9", "errorText": text, "error": text}
        rows.append(self._row(failed, seconds=0.4))
        return self._run(ask, script, chat, answer="", rows=rows, error=text)

    def _run(
        self,
        ask: Ask,
        script: Script,
        chat: Chat | None,
        *,
        answer: str,
        rows: list[Row],
        interactive: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> Run:
        whole = bool(answer)
        stored = chat.variables if chat else {}
        set_now = script.variables if interactive is None else {}
        return Run(
            answer=answer,
            reasoning=script.reasoning if whole else "",
            fixed_text=script.fixed_text if interactive is None else "",
            tool=script.tool if whole else {},
            rows=rows,
            variables={**stored, **ask.variables, **set_now},
            changed=bool(set_now),
            interactive=interactive,
            error=error,
            seconds=round(sum(row.get("runningTime", 0) for row in rows), 2),
            title=script.title or (chat.title if chat else "") or ask.question[:20],
            chat_id=ask.chat_id if ask.named or self.profile.resolved_id else "",
            data_id=chat.paused.data_id if chat and chat.paused else (ask.data_id or self.id(24)),
        )

    def _row(self, row: Mapping[str, Any], *, seconds: float = 0.0) -> Row:
        return {"nodeId": "nd0Xx0", "runningTime": seconds, **row, "id": self.id()}


def points(rows: list[Row]) -> float:
    """The true cost: root rows only, for parents contain their children."""
    return float(sum(row.get("totalPoints", 0) for row in rows))


def resumed(interactive: Mapping[str, Any], content: str) -> tuple[Row, bool]:
    """The row of the node that waited, and whether the content was an answer to it."""
    if interactive["type"] == "userSelect":
        options = [option["value"] for option in interactive["params"].get("userSelectOptions", [])]
        row = {"moduleName": "Select", "moduleType": "userSelect", "nodeId": "us3Rt8", "userSelectResult": content}
        return row, content in options
    filled = json_of(content.encode())  # what is no JSON becomes {} silently
    form = filled if isinstance(filled, dict) else {}
    return {"moduleName": "Form", "moduleType": "formInput", "nodeId": "fi4Hj2", "formInputResult": form}, True


def mishap_error(script: Script) -> Refusal:
    return NAMED.get(script.error) or plain(script.error or "fetch failed")


def _ai_row(ask: Ask, script: Script, answer: str) -> Row:
    into = script.input_tokens if script.input_tokens is not None else 20 + len(ask.question)
    out = script.output_tokens if script.output_tokens is not None else max(1, len(answer))
    now = (("Human", ask.question), ("AI", answer))
    by_price = PRICE[0] * into / 1000 + PRICE[1] * out / 1000  # left unrounded, as FastGPT does
    return {
        "moduleName": AI_NAME,
        "moduleType": "chatNode",
        "moduleLogo": "core/workflow/template/aiChat",
        "totalPoints": by_price if script.points is None else script.points,
        "model": script.model,
        "inputTokens": into,
        "outputTokens": out,
        "query": ask.question,
        "maxToken": 2000,
        "reasoningText": script.reasoning,
        "historyPreview": [{"obj": who, "value": said} for who, said in (*ask.earlier, *now)],
        "contextTotalLen": len(ask.earlier) + len(now),
        "finishReason": "stop",
        "nodeId": "ai7Lw9",
    }
