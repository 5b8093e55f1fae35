"""`qiaod chat` against a daemon and simulated AI services: what a person, a pipe and a program get of an answer."""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field
from click.testing import CliRunner, Result

from daemon.cli.chat_screen import shortened, tidy
from daemon.cli.main import cli
from daemon.sim.fastgpt_script import Script
from daemon.sim.n8n import n8n_simulator
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, openai_simulator
from tests.flows.house import House, house
from tests.flows.test_a_workflow_asks_back import SELECT
from tests.flows.test_workflow_test import CLASSIFIED, PATH

LIMIT = 15.0  # seconds
PRICE = {"provider": "fastgpt", "point_micro": 15_000}


def ours(here: House, **environ: str) -> dict[str, str | None]:
    state = str(here.settings.unix_socket.parent)
    none = {name: None for name in os.environ if name.startswith(("QIAOD_", "XDG_", "LC_", "LANG", "NO_COLOR"))}
    return {**none, "HOME": state, "QIAOD_DAEMON_STATE_DIR": state, **environ}


async def qiaod(here: House, *args: str, typed: str = "", **environ: str) -> Result:
    """In a thread, as the daemon needs this one; its stdin is no terminal."""
    run = CliRunner().invoke
    env = ours(here, **environ)
    return await asyncio.to_thread(run, cli, ["chat", *args], env=env, input=typed, prog_name="qiaod")


async def another(here: House, name: str, **more: Any) -> str:
    workflow = {"name": name, "base_url": here.fastgpt.base_url, "key": "k", "check": False} | more
    return str((await here.api.post("/api/v1/workflows", workflow))["id"])


@define
class Terminal:
    """A `qiaod chat` that believes somebody sits at it."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    _read: int = field(default=0, init=False)

    async def sees(self, wanted: str) -> str:
        """What was shown since the last time, up to `wanted`, which is a pattern."""
        return await asyncio.to_thread(self._sees, wanted)

    def _sees(self, wanted: str) -> str:
        while (found := re.search(wanted, self.shown[self._read :], re.DOTALL)) is None:
            ready, _, _ = select.select([self.master], [], [], LIMIT)
            assert ready, f"{wanted!r} does not come after {self.shown!r}"
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # Linux, once the other side is closed
                piece = b""
            assert piece, f"{wanted!r} is not in {self.shown!r}"
            self.shown += piece.decode(errors="replace")
        before, self._read = self._read, self._read + found.end()
        return self.shown[before : self._read]

    def types(self, line: str) -> None:
        os.write(self.master, f"{line}\n".encode())

    def presses(self, key: bytes) -> None:
        os.write(self.master, key)

    async def ends(self) -> int:
        return await asyncio.to_thread(self.process.wait, LIMIT)


CTRL_C, CTRL_D = b"\x03", b"\x04"


@contextmanager
def terminal(here: House, *args: str, **environ: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    env = {**os.environ, **ours(here, TERM="xterm", **environ)}
    known = {name: value for name, value in env.items() if value is not None}
    command = [sys.executable, "-m", "daemon", "chat", *args]
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=known,
        start_new_session=True,
        preexec_fn=_owns_its_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(master)


def _owns_its_terminal() -> None:
    """So that Ctrl-C in it is a SIGINT."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def sessions(here: House) -> list[Any]:
    found: list[Any] = await here.api.get(PATH)
    return found


async def test_one_question_has_its_answer_alone_on_stdout_and_the_rest_beside_it(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.api.post("/api/v1/prices", PRICE)
        here.fastgpt.play(Script(nodes=[CLASSIFIED], points=0.5, input_tokens=12, output_tokens=3))
        done = await qiaod(here, "Sales", "--once", "多少钱")
        assert (done.exit_code, done.stdout) == (0, "收到：多少钱\n"), done.output
        assert re.search(r"^  ✓ start +\d+ ms$", done.stderr, re.MULTILINE)
        assert re.search(r"^  ✓ intent +200 ms  产品咨询$", done.stderr, re.MULTILINE)
        assert re.search(r"^  ✓ llm +\d+ ms  收到：多少钱$", done.stderr, re.MULTILINE)
        assert re.search(r"^  \d\.\d\d s · 12 \+ 3 tokens · 0\.5 points · 0\.0075 CNY$", done.stderr, re.MULTILINE)
        assert "\x1b" not in done.output
        assert await sessions(here) == []
        assert (await here.api.get("/api/v1/costs/records"))["total"] == 0


async def test_a_message_is_taken_from_a_pipe_and_the_only_workflow_needs_no_name(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        done = await qiaod(here, "--no-nodes", "--var", "vip=true", "--var", "who=王", typed="第一行\n第二行\n")
        assert (done.exit_code, done.stdout) == (0, "收到：第一行\n第二行\n"), done.output
        assert "llm" not in done.stderr
        assert (await qiaod(here, "--once", "两行\n\n")).stdout == "收到：两行\n\n"
        asked, _ = here.fastgpt.ledger.of("*/chat/completions")
        assert asked.body["variables"] == {"vip": True, "who": "王"}


async def test_a_program_gets_the_message_with_its_nodes_and_usage_in_one_line(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        done = await qiaod(here, here.workflow_id, "--json", "--once", "在吗")
        told = json.loads(done.stdout)
        assert (told["role"], told["content"], told["meta"]["success"]) == ("assistant", "收到：在吗", True)
        assert {node["nodeType"] for node in told["meta"]["nodeDetails"]} == {"start", "llm"}
        assert (told["usage"]["known"], told["usage"]["costMicro"]) == (True, None)
        assert done.stderr == ""


async def test_any_provider_is_talked_with(tmp_path: Path) -> None:
    async with house(tmp_path) as here, openai_simulator() as model, n8n_simulator() as n8n:
        hook = await here.api.post("/api/v1/webhooks", {"task_type": "orders", "url": n8n.webhook()})
        await another(here, "Orders", provider="n8n", base_url=None, key=None, webhook_id=hook["id"])
        ran = await qiaod(here, "Orders", "--once", "在吗")
        assert (ran.exit_code, ran.stdout) == (0, "收到：在吗\n"), ran.output
        assert re.search(r"^  ✓ workflow .*\n  \d\.\d\d s · usage not told · 0 CNY$", ran.stderr, re.MULTILINE)
        await another(here, "Plain", provider="openai", base_url=model.base_url, key=DEMO_KEY, model=DEMO_MODEL)
        done = await qiaod(here, "Plain", "--once", "在吗")
        assert (done.exit_code, done.stdout) == (0, "收到：在吗\n"), done.output
        assert re.search(r"^  ✓ llm ", done.stderr, re.MULTILINE)
        assert (len(model.asked), len(n8n.runs)) == (1, 1)


async def test_a_workflow_that_fails_ends_with_69_and_says_why(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.fastgpt.play(Script(mishap="node-failure", error="知识库未配置"))
        done = await qiaod(here, "Sales", "--once", "在吗", LANG="zh_CN.UTF-8")
        assert (done.exit_code, done.stdout) == (69, ""), done.output
        assert "qiaod: 工作流没有给出回答：" in done.stderr
        assert await sessions(here) == []


async def test_a_name_that_is_none_or_several_ends_with_66_and_says_which_there_are(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        twin = await another(here, "Sales")
        wrong = await qiaod(here, "Sale", "--once", "hi")
        assert (wrong.exit_code, f"Sales ({here.workflow_id})" in wrong.stderr) == (66, True)
        assert (await qiaod(here, "Sales", "--once", "hi")).exit_code == 66
        assert (await qiaod(here, "--once", "hi")).exit_code == 66
        assert (await qiaod(here, here.workflow_id.upper(), "--once", "hi")).exit_code == 0
        assert twin in (await qiaod(here, "Sales", "--once", "hi")).stderr


async def test_what_is_no_message_or_no_variable_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        assert (await qiaod(here, "Sales", typed=" \n")).exit_code == 65
        wrong = await qiaod(here, "Sales", "--var", "vip", "--once", "hi")
        assert (wrong.exit_code, "NAME=VALUE" in wrong.stderr) == (2, True)
    nobody = CliRunner().invoke(cli, ["chat", "--once", "hi"], env={"QIAOD_DAEMON_STATE_DIR": str(tmp_path)})
    assert nobody.exit_code == 69


async def test_a_dialogue_at_a_terminal_streams_remembers_and_ends_with_ctrl_d(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await another(here, "Other")
        with terminal(here, "--var", "vip=true") as screen:
            assert re.search(r"1 +Other.*2 +Sales", await screen.sees("Which workflow"), re.DOTALL)
            screen.types("2")
            await screen.sees(r"Sales \(fastgpt\).*> ")
            here.fastgpt.play(Script(answer="{earlier} / {question}", chunks=4))
            screen.types("第一句")
            await screen.sees(r" / 第一句")
            await screen.sees("llm .*tokens.*\n")
            screen.types("第二句")
            await screen.sees("第一句 / .*第一句 / 第二句")
            screen.types("/nodes")
            await screen.sees("Nodes are not shown")
            screen.types("/vars tone=short")
            await screen.sees(re.escape('{"vip": true, "tone": "short"}'))
            screen.types("/clear")
            await screen.sees("forgotten")
            here.fastgpt.play(Script(answer="[{earlier}]{question}"))
            screen.types("//第三句")
            told = await screen.sees(r"\[\]/第三句.*tokens")
            assert "llm" not in told
            screen.types("/what")
            await screen.sees("/quit, Ctrl-D.*> ")
            screen.presses(CTRL_D)
            assert await screen.ends() == 0
        assert here.fastgpt.ledger.of("*/chat/completions")[-1].body["variables"] == {"vip": True, "tone": "short"}
        assert await sessions(here) == []
        assert not [path for path in here.settings.unix_socket.parent.iterdir() if "history" in path.name]


async def test_ctrl_c_stops_an_answer_and_the_dialogue_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as here:
        with terminal(here, "Sales", LANG="zh_CN.UTF-8") as screen:
            await screen.sees("正在与“Sales”")
            here.fastgpt.play(Script(answer="一二三四", chunks=4, chunk_delay_s=30), times=1)
            here.fastgpt.play(Script(answer="好的"))
            screen.types("讲个故事")
            await here.fastgpt.ledger.wait_for("*/chat/completions", timeout=LIMIT)
            screen.presses(CTRL_C)
            await screen.sees("已停止。")
            await here.fastgpt.ledger.wait_for("*/chat/stop", timeout=LIMIT)
            screen.types("算了")
            await screen.sees("好的.*> ")
            screen.presses(CTRL_C)
            await screen.sees("按 Ctrl-D 结束")
            screen.types("/quit")
            assert await screen.ends() == 0


async def test_a_question_back_is_answered_by_the_next_line_and_a_failure_ends_no_dialogue(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as here:
        with terminal(here, "Sales", NO_COLOR="1") as screen:
            await screen.sees("> ")
            here.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
            screen.types("我要退货")
            await screen.sees(r"退款还是换货？\s+1\. 退款\s+2\. 换货")
            screen.types("2")
            await screen.sees("好的：换货")
            here.fastgpt.play(Script(mishap="error-before"), times=1)
            screen.types("再问")
            await screen.sees("gave no answer")
            here.fastgpt.play(Script(answer="马上[[HANDOFF]]"), times=1)
            screen.types("找人工")
            await screen.sees("马上")
            await screen.sees("asks for a person")
            screen.types("/quit")
            assert await screen.ends() == 0
        assert "\x1b[2m" not in screen.shown


async def test_a_session_that_is_over_is_begun_anew_and_said_so(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        with terminal(here, "Sales") as screen:
            await screen.sees("> ")
            (session,) = await sessions(here)
            await here.api.call("DELETE", f"{PATH}/{session['testSessionId']}")
            screen.types("还在吗")
            await screen.sees("a new one is begun")
            await screen.sees("收到：还在吗.*> ")
            screen.presses(CTRL_D)
            assert await screen.ends() == 0
        assert await sessions(here) == []


def test_what_a_service_says_moves_no_cursor_and_is_shortened_by_its_width() -> None:
    assert tidy("a\x1b[2Jb\x07\r\n\tc\u202e") == "a[2Jb\n\tc"
    assert shortened("一二三\n四五", 9) == "一二三 …"
    assert shortened("abc", 8) == "abc"


async def test_a_shell_completes_the_names_of_workflows_and_is_told_nothing_without_a_daemon(tmp_path: Path) -> None:
    asked = {"_QIAOD_COMPLETE": "bash_complete", "COMP_WORDS": "qiaod chat S", "COMP_CWORD": "2"}
    async with house(tmp_path) as here:
        await another(here, "Other")
        assert (await qiaod(here, **asked)).output == "plain,Sales\n"
    nothing = CliRunner().invoke(cli, env={**asked, "QIAOD_DAEMON_STATE_DIR": str(tmp_path)}, prog_name="qiaod")
    assert nothing.output.strip() == ""
