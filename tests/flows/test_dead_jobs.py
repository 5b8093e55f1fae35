"""A job that was given up is seen, and there is a way back."""

from datetime import timedelta
from pathlib import Path

from daemon.domain.job import NewJob
from daemon.store import jobs
from tests.flows.house import House, house

JOBS = "/api/v1/jobs"
MESSAGES = "/api/v1/integrations/gewe/messages"


async def broken(h: House) -> str:
    """A job whose arguments no handler can read, so that every attempt fails."""
    added = await h.bridge.engine.db.write(jobs.add, NewJob(lane="send", args=b'{"send_id": 7}'))
    dead = await h.settled(f"{JOBS}?lane=send", "state", {"dead"})
    assert dead[0]["id"] == added.id
    return added.id


async def test_a_job_that_was_given_up_says_why(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        shown = await h.api.get(f"{JOBS}/{await broken(h)}")
        assert (shown["lane"], shown["state"]) == ("send", "dead")
        assert "invalid" in shown["last_error"]


async def test_a_dead_job_is_tried_again_when_somebody_asks_for_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        job = await broken(h)
        assert (await h.api.post(f"{JOBS}/{job}/requeue"))["state"] in {"ready", "running", "dead"}
        await h.settled(f"{JOBS}?state=dead", "id", {job})
        assert await h.api.post(f"{JOBS}/requeue", {"lane": "send"}) == {"count": 1}


async def test_an_unknown_job_is_not_found(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for method, path in (("GET", f"{JOBS}/nothing"), ("POST", f"{JOBS}/nothing/requeue")):
            status, problem = await h.api.call(method, path)
            assert (status, problem["code"]) == (404, "job.not_found")


async def test_cancelling_the_job_of_a_message_cancels_the_message(tmp_path: Path) -> None:
    slowly = {"pause_low": timedelta(seconds=5), "pause_high": timedelta(seconds=5)}
    async with house(tmp_path, pace=slowly) as h:
        for text in ("one", "two"):
            await h.api.post(MESSAGES, {"account_id": h.account_id, "to": "wxid_x", "content": text})
        await h.settled(MESSAGES, "state", {"sent"})
        await h.settled(MESSAGES, "state", {"waiting"})  # it was tried once, and is not being tried now
        waiting = await h.settled(f"{JOBS}?lane=send", "state", {"ready"})
        await h.api.post(f"{JOBS}/{waiting[0]['id']}/cancel")
        cancelled = await h.settled(MESSAGES, "state", {"cancelled"})
        assert [(row["content"], row["error"]) for row in cancelled] == [("two", "send.cancelled")]


async def test_cancelling_the_job_of_a_question_leaves_nothing_waiting(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"merge_window_seconds": 30, "merge_most_seconds": 60}) as h:
        await h.writes("在吗")
        job = (await h.settled(f"{JOBS}?lane=turn", "state", {"ready"}))[0]["id"]
        await h.api.post(f"{JOBS}/{job}/cancel")
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        history = await h.api.get(f"/api/v1/integrations/conversations/{conversation}/history")
        assert [(line["state"], line["reason"]) for line in history["data"]] == [("kept", "cancelled")]
