"""Opening the file: whose it is, whether it is whole, and whether anybody else has it."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.errors import CannotOpen, MustNotOpen
from daemon.store import backup, connect
from daemon.store.database import open_database
from daemon.store.lock import locked
from daemon.store.migrate import latest, migrate
from daemon.store.opening import damage as damage_of
from daemon.store.tx import Tx
from tests.clock import FakeClock

FILE = "qiaod.db"


def put(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, 1)", name)


def names(tx: Tx) -> list[str]:
    return [row["name"] for row in tx.all("SELECT name FROM levels ORDER BY name")]


def add_turn(tx: Tx) -> str:
    identifier = tx.new_id()
    tx.run(
        "INSERT INTO turns (id, conversation_id, account_id, state, question, created_ms)"
        " VALUES ($1, 'c', 'a', 'asking', '', $2)",
        identifier,
        tx.now_ms,
    )
    return identifier


async def run(code: str, path: Path) -> tuple[int | None, str]:
    """Another process: how it ended, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output.decode()


def damage(path: Path) -> None:
    """Turn one bit in the head of every page but the first."""
    text = bytearray(path.read_bytes())
    for at in range(4096, len(text), 4096):
        text[at] ^= 0x40
    path.write_bytes(text)


async def test_the_file_and_what_lies_beside_it_are_private(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        async with open_database(tmp_path / FILE, FakeClock()) as db:
            await db.write(put, "a")
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    assert set(modes) == {FILE, f"{FILE}-wal", f"{FILE}-shm", "qiaod.lock"}
    assert set(modes.values()) == {0o600}


async def test_the_epoch_grows_with_each_start(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        async with open_database(tmp_path / FILE, FakeClock()) as db:
            epochs.append((db.epoch, await db.write(lambda tx: tx.epoch)))
    assert epochs == [(1, 1), (2, 2), (3, 3)]


async def test_ids_go_on_after_the_greatest_stored_one_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / FILE, clock) as db:
        before = await db.write(add_turn)
    clock.jump_wall(-86_400)
    async with open_database(tmp_path / FILE, clock) as db:
        assert await db.write(add_turn) > before


async def test_a_second_daemon_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    async with open_database(tmp_path / FILE, FakeClock()):
        code = (
            "import sys, pathlib\nfrom daemon.store.lock import locked\n"
            "from daemon.errors import CannotOpen\n"
            "try:\n    with locked(pathlib.Path(sys.argv[1])): pass\n"
            "except CannotOpen as error:\n    print(error.code, error.facts['pid'], error.exit_code)\n"
        )
        status, output = await run(code, tmp_path)
    assert status == 0
    assert output.split() == ["store.locked", str(os.getpid()), "75"]


def test_the_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path), pytest.raises(CannotOpen, match=str(os.getpid())):
            locked(tmp_path).__enter__()


async def test_a_file_of_a_newer_program_is_not_touched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(f"PRAGMA user_version = {latest() + 1}")
    with pytest.raises(MustNotOpen) as refused:
        async with open_database(tmp_path / FILE, FakeClock()):
            pass
    assert (refused.value.code, refused.value.exit_code) == ("store.schema_too_new", 78)


async def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    (tmp_path / "other").hardlink_to(tmp_path / FILE)
    with pytest.raises(MustNotOpen) as refused:
        async with open_database(tmp_path / FILE, FakeClock()):
            pass
    assert refused.value.code == "store.linked"


@pytest.mark.parametrize("kind", ["symlink", "directory", "fifo"])
async def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / FILE
    if kind == "symlink":
        (tmp_path / "elsewhere").touch()
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(MustNotOpen):
        async with open_database(path, FakeClock()):
            pass


async def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.touch()
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    else:  # who may give no file away can only be kept out of one
        path.chmod(0)
    with pytest.raises(MustNotOpen) as refused:
        async with open_database(path, FakeClock()):
            pass
    assert refused.value.exit_code == 78


async def test_a_missing_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    async with open_database(tmp_path / "state" / FILE, FakeClock()):
        pass
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


async def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(CannotOpen):
        async with open_database(tmp_path / "state" / FILE, FakeClock()):
            pass


async def test_a_damaged_file_is_set_aside_and_the_newest_whole_backup_takes_its_place(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / FILE
    backups = tmp_path / "backups"
    for name in ("one", "two", "three"):
        async with open_database(path, clock) as db:
            await db.write(put, name)
            backup.make(path, backups, clock)
        clock.advance(3600)
    damage(max(backups.glob("*.db")))  # the newest of the three is not whole
    damage(path)
    damaged = path.read_bytes()
    async with open_database(path, clock) as db:
        assert await db.read(names) == ["one", "two"]
        await db.write(put, "four")
    aside = next(tmp_path.glob("corrupt-*"))
    assert (aside / FILE).read_bytes() == damaged


async def test_a_damaged_file_without_a_backup_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE
    async with open_database(path, FakeClock()) as db:
        await db.write(put, "a")
    damage(path)
    damaged = path.read_bytes()
    with pytest.raises(MustNotOpen) as refused:
        async with open_database(path, FakeClock()):
            pass
    assert refused.value.code == "store.no_backup"
    assert path.read_bytes() == damaged


async def test_a_file_that_was_not_closed_is_checked_and_one_that_was_is_not(tmp_path: Path) -> None:
    path, clock = tmp_path / FILE, FakeClock()
    async with open_database(path, clock) as db:
        await db.write(_fill)
        root = await db.read(lambda tx: tx.value("SELECT rootpage FROM sqlite_schema WHERE name = 'levels'"))
    _garble(path, root)
    async with open_database(path, clock) as db:  # closed cleanly: not worth reading all of it at each start
        pass
    _pretend_killed(path)
    with pytest.raises(MustNotOpen):
        async with open_database(path, clock):
            pass


def _fill(tx: Tx) -> None:
    tx.many("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, 1)", ((f"{n:0100}",) for n in range(300)))


def _garble(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 64)


def _pretend_killed(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM meta WHERE key = 'clean_shutdown'")


async def test_a_killed_daemon_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, pathlib, signal, sys\nfrom daemon.clock import SystemClock\n"
        "from daemon.store.database import open_database\nfrom tests.store.test_opening import put\n"
        "async def main():\n"
        "    async with open_database(pathlib.Path(sys.argv[1]), SystemClock()) as db:\n"
        "        for n in range(1000):\n"
        "            await db.write(put, f'{n:04}')\n"
        "            print(n, flush=True)\n"
        "            if n == 100: os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / FILE
    status, output = await run(code, path)
    assert status == -9
    acknowledged = [line for line in output.splitlines() if line.isdecimal()]
    async with open_database(path, FakeClock(elapsed=timedelta(days=1).total_seconds())) as db:
        assert await db.read(names) == [f"{int(n):04}" for n in acknowledged]
        assert db.epoch == 2


@pytest.mark.parametrize("looks", [["garbage", "whole"], ["whole", "garbage"]])
def test_one_bad_look_among_two_is_not_taken_for_damage(tmp_path: Path, looks: list[str]) -> None:
    (tmp_path / "garbage").write_bytes(b"no database at all" * 1000)
    with closing(connect.for_writing(tmp_path / "whole")) as db:
        migrate(db)
    seen = iter(looks)
    assert damage_of(tmp_path / "whole", lambda _: sqlite3.connect(tmp_path / next(seen))) == ()
    assert damage_of(tmp_path / "garbage", sqlite3.connect) != ()
