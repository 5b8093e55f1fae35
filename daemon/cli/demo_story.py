"""The demo's story: its scenes in their order, and whether all that was due came exactly once."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from daemon.cli.demo_ai import person_is_wanted, three_services_answer
from daemon.cli.demo_desk import batch_is_answered, bill_is_drawn, campaign_goes_out, quota_runs_out
from daemon.cli.demo_play import Play, Scene, begin
from daemon.cli.demo_scenes import friend_asks, people_write, person_takes_over, picture_arrives
from daemon.cli.demo_stage import Stuck, say_pace, stage
from daemon.cli.demo_web import programs_ask, webhook_is_called, workflow_is_tried
from daemon.tasks import running

QUIET = 1.5  # seconds in which nothing may come a second time
GLANCE = 0.5  # seconds between two looks, once the story is over

SCENES: tuple[tuple[str, Scene], ...] = (
    ("people", people_write),
    ("services", three_services_answer),
    ("picture", picture_arrives),
    ("friend", friend_asks),
    ("quota", quota_runs_out),
    ("takeover", person_takes_over),
    ("wanted", person_is_wanted),
    ("campaign", campaign_goes_out),
    ("batch", batch_is_answered),
    ("programs", programs_ask),
    ("trial", workflow_is_tried),
    ("webhook", webhook_is_called),
    ("bill", bill_is_drawn),
)


async def tell(folder: Path, *, port: int, once: bool, language: str) -> int:
    """The exit code."""
    async with stage(folder, port=port, language=language) as shown:
        shown.say(
            "stage",
            url=shown.bridge.url,
            gewe=shown.gewe.url,
            fastgpt=shown.fastgpt.url,
            n8n=shown.n8n.url,
            model=shown.model.url,
        )
        say_pace(shown)
        try:
            play = await begin(shown)
        except Stuck as stuck:
            shown.say("stuck", why=stuck)
            return 1
        complete = await perform(play, SCENES)
        if not once:
            await _stay(play, folder)
        return 0 if complete else 1


async def perform(play: Play, scenes: Sequence[tuple[str, Scene]]) -> bool:
    """Whether all of it came about, and once: what did not is told."""
    shown = play.stage
    for number, (name, scene) in enumerate(scenes, start=1):
        shown.say("scene", number=number, title=shown.text(f"scene.{name}"))
        try:
            await scene(play)
        except Stuck as stuck:
            shown.say("stuck", why=stuck)
            return False
    await asyncio.sleep(QUIET)
    due = play.due
    wrong = due.wrong(shown.gewe, shown.fastgpt, shown.n8n, shown.model)
    for one in wrong:
        shown.say(f"wrong.{one.what}", name=one.name, got=one.got, due=one.due)
    facts = {"questions": due.questions, "runs": due.runs, "completions": due.completions}
    shown.say("failed" if wrong else "complete", replies=sum(map(len, due.texts.values())), **facts)
    return not wrong


async def _stay(play: Play, folder: Path) -> None:
    """Up until it is stopped, telling of whatever else happens."""
    shown = play.stage
    assert shown.bridge.first_key is not None
    url, key = shown.bridge.url, shown.bridge.first_key.reveal()
    shown.say(
        "try", url=url, key=key, gewe=shown.gewe.url, folder=folder, command=sys.argv[0], workflow=play.workflow_id
    )
    shown.say("callback", callback=play.callback)
    async with running(_watch(play), "demo.watch"):
        await _stopped()


async def _watch(play: Play) -> None:
    try:
        while True:
            await play.chats.look()
            await asyncio.sleep(GLANCE)
    except Stuck as stuck:
        play.stage.say("stuck", why=stuck)


async def _stopped() -> None:
    """Until Ctrl-C or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
