import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.sim import sim
from daemon.codec import parse
from daemon.sim.fastgpt import DEMO_KEY
from daemon.sim.gewe import HEADER
from tests.sim.streams import asked
from tests.sim.wires import ANN, asking

START = "from daemon.cli.sim import sim; sim()"


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The simulator as a process of its own, and its URL."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        url = await asyncio.wait_for(started.stdout.readline(), 30)
        yield started, url.decode().strip()
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_gewe_prints_its_url_serves_its_accounts_and_stops_when_told(number: signal.Signals) -> None:
    account = ("--account", "wx_a:wxid_a", "--token", "secret-token")
    async with process("gewe", "--port", "0", *account) as (running, url):
        async with asking(url, {HEADER: "secret-token"}) as raw:
            _, online = await raw.post("/v2/api/login/checkOnline", {"appId": "wx_a"})
        running.send_signal(number)

        assert await asyncio.wait_for(running.wait(), 30) == 0
        assert online["data"] is True


async def test_the_ledger_file_outlives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "gewe.jsonl"
    account = ("--account", "wx_a:wxid_a", "--token", "secret-token", "--ledger", str(file))
    async with process("gewe", "--port", "0", *account) as (running, url):
        async with asking(url, {HEADER: "secret-token"}) as raw:
            await raw.post("/v2/api/message/postText", {"appId": "wx_a", "toWxid": ANN, "content": "你好"})
        running.kill()
        await running.wait()

    assert [parse(line)["event"] for line in file.read_bytes().splitlines()] == ["received", "ended"]


async def test_fastgpt_serves_the_version_and_the_answer_it_is_told() -> None:
    options = ("--profile", "legacy", "--answer", "好的", "--requests-per-minute", "1")
    key = {"Authorization": f"Bearer {DEMO_KEY}"}
    async with process("fastgpt", "--port", "0", *options) as (_, url), asking(url, key) as raw:
        _, document = await raw.post("/api/v1/chat/completions", asked())
        limited, _ = await raw.post("/api/v1/chat/completions", asked())

    assert document["choices"][0]["message"]["content"] == "好的"
    assert "title" not in document
    assert limited == 500


@pytest.mark.parametrize(("command", "taught"), [("gewe", "/_sim/wechat/person"), ("fastgpt", "/_sim/script")])
def test_the_help_teaches(command: str, taught: str) -> None:
    assert taught in CliRunner().invoke(sim, [command, "--help"]).output


def test_an_account_that_is_no_pair_is_refused() -> None:
    result = CliRunner().invoke(sim, ["gewe", "--account", "wx_a"])

    assert result.exit_code == 2
    assert "APPID:WXID" in result.output


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    async with process("gewe", "--port", "0") as (_, url):
        port = url.rpartition(":")[2]
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, "gewe", "--port", port, stderr=asyncio.subprocess.PIPE
        )
        _, said = await second.communicate()

    assert second.returncode == 1
    assert said.decode().startswith("Error: cannot listen there")
