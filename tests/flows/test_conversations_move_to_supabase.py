"""What was kept in the daemon's own store before Supabase was chosen."""

from pathlib import Path

import pytest

from tests.flows.chat import CHAT, Chatroom, chatroom


async def says_before(room: Chatroom, *conversations: str) -> None:
    shelf = room.house.bridge.engine.dialogues.shelf
    later, shelf.elsewhere = shelf.elsewhere, None
    for name in conversations:
        await room.says(name, "从前")
    shelf.elsewhere = later


async def test_a_conversation_that_goes_on_goes_to_supabase_whole(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        await says_before(room, "c1", "c2")
        await room.says("c1", "现在")
        await room.carried()
        said = ["从前", "收到：从前", "现在", "收到：现在"]
        assert [row["content"] for row in room.sim.lines("c1")] == said
        assert [text for _, text in await room.said("c1")] == said
        assert room.sim.lines("c2") == []
        assert [text for _, text in await room.said("c2")] == ["从前", "收到：从前"]  # and can still be read


async def test_one_that_does_not_go_on_is_deleted_like_any_other(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        await says_before(room, "c1")
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await room.carried()
        assert await room.said("c1") == []


async def test_the_log_says_at_start_how_many_are_here_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        await says_before(room, "c1", "c2")
        await room.says("c1", "现在")
        await room.carried()
        capsys.readouterr()
        await room.house.bridge.engine.dialogues.shelf.begin()
        (line,) = capsys.readouterr().out.splitlines()
        assert "dialogues.here_alone" in line
        assert "conversations=1" in line
