"""The demo: it comes about from beginning to end, and what does not come about, or comes twice, is told."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from attrs import evolve

from daemon.cli.demo_cast import ANN, APP_ID, NAMES, Due
from daemon.cli.demo_play import Scene, begin, echo
from daemon.cli.demo_scenes import people_write
from daemon.cli.demo_stage import Stuck, stage
from daemon.cli.demo_story import SCENES, perform
from daemon.sim.fastgpt import fastgpt_simulator
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import GeweSimulator, gewe_simulator
from daemon.sim.n8n import n8n_simulator
from daemon.sim.openai import openai_simulator
from daemon.sim.sent import Sent
from daemon.texts import TEXTS, render

PEOPLE: tuple[tuple[str, Scene], ...] = (("people", people_write),)


@pytest.mark.timeout(200)
def test_the_whole_demo_comes_about(tmp_path: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("QIAOD_", "LC_"))}
    shown = subprocess.run(
        [sys.executable, "-m", "daemon", "demo", "--once"],
        env={**ours, "LANG": "en_GB.UTF-8", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout + shown.stderr
    told = shown.stdout
    assert re.findall(r"^(\d+)\. ", told, re.MULTILINE) == [str(number) for number in range(1, 14)]
    for step in (
        r"Bao   asked      我想问一下 / 上次那款 / 还有货吗",
        r"Chen  sent       @Chen.收到：明天几点开会？",
        r"Ann   sent       图片收到了：图片 image/jpeg 64×48 \d+ 字节",
        r"Dai   accepted   by the account's rule",
        r"Eva   alert      A quota is used up: .+",
        r"Eva   left       0 of 1, 1 refused; renews at \d{4}-.+",
        r"Fei   taken over: phone, until .+",
        r"Fei   quiet      .+",
        r"Fei   released   .+ by uid:\d+",
        r"Gao   left alone from now on \(stop_word\)",
        r"campaign   begun: 2 recipients, 1 left out",
        r"batch      3 of 3 answered, .+ points",
        r"Han   answered   fastgpt, \d\.\d\d s, \d+ tokens, [\d.]+ points",
        r"Ida   answered   n8n, \d\.\d\d s, 150 tokens, 0 points",
        r"Jin   answered   openai, \d\.\d\d s, \d+ tokens, 0 points",
        r"Ida   charged    n8n, 0\.002 CNY",
        r"Ida   alert      A person is wanted: .+",
        r"Ida   taken over: system, until .+",
        r"website    the answer: 收到：你们在哪里？",
        r"/v1        Demo model: 收到：用一句话介绍绿茶 \(\d+ tokens\)",
        r"node       knowledge   120 ms  .+",
        r"webhook    ragAI: n8n ran, 1 call, \d+ ms",
        r"webhook    ragAI: from the cache, 0 calls, \d+ ms",
        r"fastgpt    13 calls, .+ CNY",
        r"n8n        3 calls, .+ CNY",
        r"openai     2 calls, .+ CNY",
    ):
        assert re.search(rf"^\d\d:\d\d:\d\d\.\d{{3}}  {step}$", told, re.MULTILINE), (step, told)
    assert "refused as a webhook: http://169.254.169.254/latest/meta-data/" in told
    assert "All 16 messages reached their people exactly once. FastGPT answered 14 questions, n8n ran 3 times" in told
    assert list(tmp_path.iterdir()) == []


async def test_replies_that_reach_nobody_fail_it_although_the_daemon_believes_they_were_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path, port=0, language="en") as shown:
        play = await begin(shown)
        shown.gewe.accounts.get(APP_ID).silent = True
        assert await perform(play, PEOPLE) is False
    told = capsys.readouterr().out
    assert "Ann   sent       收到：你好，周末营业吗？" in told
    assert "Ann has [], due was ['收到：你好，周末营业吗？']" in told
    assert told.endswith("Not everything came about exactly once.\n")


async def test_a_lost_answer_of_the_gateway_is_told_and_fails_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path, port=0, language="en") as shown:
        play = await begin(shown)
        shown.gewe.faults.add(Fault(kind=Kind.DROP, path="*/message/postText", times=1, effect=False))
        assert await perform(play, PEOPLE) is False
    told = capsys.readouterr().out
    assert re.search(r"(Ann|Chen)  ? unknown    .*收到：", told), told
    assert " has [], due was ['" in told


async def test_what_does_not_come_in_time_is_named_and_not_waited_for_any_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path, port=0, language="zh", patience=1) as shown:
        play = await begin(shown)
        shown.fastgpt.faults.add(Fault(kind=Kind.HANG, path="*/chat/completions"))
        assert await perform(play, PEOPLE) is False
    assert "1 秒内没有等到：给 Ann, Bao, Chen 的回复" in capsys.readouterr().out


async def test_what_the_api_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async with stage(tmp_path, port=0, language="en") as shown:
        with pytest.raises(Stuck, match=r"GET /api/v1/nowhere did not succeed: 404 .*"):
            await shown.api("GET", "/api/v1/nowhere")


def _sent(gewe: GeweSimulator, to: str, text: str) -> Sent:
    new_id = gewe.sends.new_id()
    return Sent(
        app_id=APP_ID,
        to=to,
        kind="postText",
        text=text,
        ats="",
        msg_id=1,
        new_msg_id=new_id,
        create_time=1,
        monotonic=0.0,
    )


async def test_a_second_time_a_stranger_and_a_missing_friend_are_all_found() -> None:
    async with (
        gewe_simulator() as gewe,
        fastgpt_simulator() as fastgpt,
        n8n_simulator() as n8n,
        openai_simulator() as model,
        aiohttp.ClientSession() as http,
    ):
        due, words = Due(), echo("在吗？")
        due.text(ANN.wxid, words)
        sent = _sent(gewe, ANN.wxid, words)
        gewe.sends.add(sent)
        assert due.wrong(gewe, fastgpt, n8n, model) == []
        async with http.post(n8n.webhook(), json={"chatInput": "hi"}) as answered:
            assert answered.status == 200
        gewe.sends.add(evolve(sent, new_msg_id=gewe.sends.new_id()))
        gewe.sends.add(_sent(gewe, "wxid_stranger", "hello"))
        due.friends.append(ANN.wxid)
        due.questions = 1
        found = [(one.what, one.name, one.got, one.due) for one in due.wrong(gewe, fastgpt, n8n, model)]
    assert found == [
        ("texts", NAMES[ANN.wxid], [words, words], [words]),
        ("texts", "wxid_stranger", ["hello"], []),
        ("friends", "GeWe", 0, 1),
        ("questions", "FastGPT", 0, 1),
        ("questions", "n8n", 1, 0),
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_to_be_tried_are_commands_a_shell_takes(language: str) -> None:
    facts = {
        "url": "http://q",
        "key": "qk_1",
        "gewe": "http://g",
        "folder": "/f",
        "command": "qiaod",
        "workflow": "w-1",
    }
    lines = [shlex.split(line) for line in render("demo.try", language, facts).splitlines() if line.startswith("  ")]
    bodies = [json.loads(line[line.index("-d") + 1]) for line in lines if "-d" in line]
    assert [set(body) for body in bodies] == [
        {"model", "messages", "stream"},
        {"user_id", "message", "workflow_id"},
        {"task_type", "chatInput", "sessionId"},
        {"app_id", "wxid", "text"},
    ]
    assert ["STATE_DIRECTORY=/f", "qiaod", "chat", "Demo"] in lines


def test_every_text_that_is_asked_for_exists() -> None:
    source = "".join(path.read_text("utf-8") for path in Path("daemon/cli").glob("demo*.py"))
    asked = {f"demo.{code}" for code in re.findall(r'(?:say|text)\("([a-z_]+)"', source)}
    asked |= {f"demo.await.{what}" for what in re.findall(r'until\(\s*"([a-z_]+)"', source)}
    asked |= {f"demo.scene.{name}" for name, _ in SCENES}
    asked |= {f"demo.{code}" for code in re.findall(r'tell\([^\n]*?, "([a-z_]+)"', source)}
    asked |= {f"demo.{code}" for code in re.findall(r'code="([a-z_]+)"', source)}
    assert asked - TEXTS.keys() == set()
    assert len(asked) > 30
