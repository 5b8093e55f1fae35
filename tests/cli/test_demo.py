"""The demo: it comes about from beginning to end, and what does not come about, or comes twice, is told."""

import os
import re
import subprocess
import sys
from pathlib import Path

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
from daemon.sim.sent import Sent
from daemon.texts import TEXTS

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
    assert re.findall(r"^(\d)\. ", told, re.MULTILINE) == [str(number) for number in range(1, 9)]
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
        r"fastgpt    11 calls, .+ CNY",
    ):
        assert re.search(rf"^\d\d:\d\d:\d\d\.\d{{3}}  {step}$", told, re.MULTILINE), (step, told)
    assert "All 12 messages reached their people exactly once, and FastGPT answered 11 questions." in told
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
    async with gewe_simulator() as gewe, fastgpt_simulator() as fastgpt:
        due, words = Due(), echo("在吗？")
        due.text(ANN.wxid, words)
        sent = _sent(gewe, ANN.wxid, words)
        gewe.sends.add(sent)
        assert due.wrong(gewe, fastgpt) == []
        gewe.sends.add(evolve(sent, new_msg_id=gewe.sends.new_id()))
        gewe.sends.add(_sent(gewe, "wxid_stranger", "hello"))
        due.friends.append(ANN.wxid)
        due.questions = 1
        found = [(one.what, one.name, one.got, one.due) for one in due.wrong(gewe, fastgpt)]
    assert found == [
        ("texts", NAMES[ANN.wxid], [words, words], [words]),
        ("texts", "wxid_stranger", ["hello"], []),
        ("friends", "GeWe", 0, 1),
        ("questions", "FastGPT", 0, 1),
    ]


def test_every_text_that_is_asked_for_exists() -> None:
    source = "".join(path.read_text("utf-8") for path in Path("daemon/cli").glob("demo*.py"))
    asked = {f"demo.{code}" for code in re.findall(r'(?:say|text)\("([a-z_]+)"', source)}
    asked |= {f"demo.await.{what}" for what in re.findall(r'until\(\s*"([a-z_]+)"', source)}
    asked |= {f"demo.scene.{name}" for name, _ in SCENES}
    asked |= {f"demo.{code}" for code in re.findall(r'tell\([^\n]*?, "([a-z_]+)"', source)}
    asked |= {f"demo.{code}" for code in re.findall(r'code="([a-z_]+)"', source)}
    assert asked - TEXTS.keys() == set()
    assert len(asked) > 30
