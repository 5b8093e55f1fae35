"""What a process knows of its own memory."""

from daemon import memory


def test_more_memory_shows_as_more() -> None:
    before = memory.resident()
    held = bytearray(50_000_000)
    held[::4096] = b"x" * len(held[::4096])
    assert memory.resident() - before > 40_000_000


def test_the_limit_leaves_room_for_this_process() -> None:
    assert memory.limit() > memory.resident()
