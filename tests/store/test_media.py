"""Received media in the store: rows, the size budget, and the directory of their files."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.clock import from_ms
from daemon.domain.media import Arrived, MediaState, type_of
from daemon.domain.message import AccountId, ConversationId, MessageId
from daemon.store import media
from daemon.store.media_files import MediaFiles
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx

HOSTILE = ["../evil", "/etc/passwd", "a/b", "..", ".", "", "a\x00b", "A", "x" * 65, "a\n", "café", ".part", "a.jpg"]


def want(tx: Tx, name: str) -> MessageId:
    media.want(
        tx, MessageId(name), account_id=AccountId("a"), conversation_id=ConversationId("c"), kind="image", name=""
    )
    return MessageId(name)


def here(tx: Tx, name: str, size: int, *, minute: int = 0) -> MessageId:
    later = Tx(tx.connection, tx.ids, tx.now + timedelta(minutes=minute), 1)
    arrived = Arrived(file=f"file-{name}", media_type="image/jpeg", size=size, sha256="0" * 64)
    assert media.arrive(later, want(tx, name), arrived)
    return MessageId(name)


def states(tx: Tx) -> dict[str, str]:
    return {row["message_id"]: row["state"] for row in tx.all("SELECT message_id, state FROM media")}


def arrive(files: MediaFiles, name: str, *pieces: bytes) -> Arrived:
    arriving = files.begin(name)
    for piece in pieces:
        arriving.write(piece)
    return arriving.finish()


def test_the_oldest_go_until_the_rest_is_within_the_budget() -> None:
    tx = open_tx()
    here(tx, "oldest", 40, minute=1)
    here(tx, "newest", 40, minute=3)
    here(tx, "middle", 40, minute=2)
    assert media.make_room(tx, 120) == []
    assert media.make_room(tx, 119) == ["file-oldest"]
    assert media.kept_bytes(tx) == 80
    assert media.make_room(tx, 0, but="middle") == ["file-newest"]
    assert states(tx) == {"oldest": "dropped", "middle": "ready", "newest": "dropped"}


def test_what_is_older_than_its_time_is_dropped() -> None:
    tx = open_tx()
    here(tx, "old", 1, minute=0)
    here(tx, "young", 1, minute=2)
    assert media.drop_older(tx, tx.now + timedelta(minutes=1)) == ["file-old"]
    assert states(tx) == {"old": "dropped", "young": "ready"}


def test_a_medium_that_nobody_waits_for_any_more_is_not_taken() -> None:
    tx = open_tx()
    media.fail(tx, want(tx, "m"), "gewe.media_gone")
    assert not media.arrive(tx, MessageId("m"), Arrived(file="f", media_type="image/png", size=1, sha256=""))
    failed = media.get(tx, "m")
    assert failed is not None
    assert (failed.state, failed.error) == (MediaState.FAILED, "gewe.media_gone")


def test_a_crash_leaves_neither_a_row_without_its_file_nor_a_file_without_its_row() -> None:
    tx = open_tx()
    for name in ("whole", "gone", "short"):
        here(tx, name, 10)
    lost, extra = media.reconcile(tx, {"file-whole": 10, "file-short": 9, "unnamed": 5, "left.part": 1})
    assert (lost, extra) == (2, ["file-short", "left.part", "unnamed"])
    assert states(tx) == {"whole": "ready", "gone": "dropped", "short": "dropped"}


def test_the_list_is_limited_to_accounts_kinds_and_states() -> None:
    tx = open_tx()
    here(tx, "1", 1)
    want(tx, "2")
    rows = media.page(tx, scope={"a"}, kind=None, state=MediaState.READY, before=None, limit=10)
    assert [row.message_id for row in rows] == ["1"]
    assert media.page(tx, scope=set(), kind=None, state=None, before=None, limit=10) == []
    assert [row.message_id for row in media.page(tx, scope=None, kind=None, state=None, before="2", limit=9)] == ["1"]
    assert media.count(tx, scope=None, kind=None, state=None) == 2


def test_a_file_is_whole_private_and_told_by_its_bytes(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    arrived = arrive(files, "one", b"\xff", b"\xd8\xff\xe0", b"rest")
    assert (arrived.media_type, arrived.size) == ("image/jpeg", 8)
    assert files.read("one") == b"\xff\xd8\xff\xe0rest"
    assert files.found() == {"one": 8}
    assert (tmp_path / "media").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "media" / "one").stat().st_mode & 0o777 == 0o600


def test_what_is_discarded_leaves_nothing_and_may_begin_again(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    files.begin("one").discard()
    (tmp_path / "media" / "one.part").write_bytes(b"half")  # of a process that died
    assert arrive(files, "one", b"whole").size == 5
    assert files.found() == {"one": 5}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    files = MediaFiles(tmp_path / "media")
    (tmp_path / "evil").write_bytes(b"keep")
    for act in (files.begin, files.open, files.remove):
        with pytest.raises(ValueError, match=r"."):
            act(name)
    assert (tmp_path / "evil").read_bytes() == b"keep"


def test_no_link_is_followed_in_or_out(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    arrive(files, "real", b"x")
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    (tmp_path / "media" / "link").symlink_to(outside)
    (tmp_path / "media" / "new.part").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        files.open("link")
    arrive(files, "new", b"y")
    assert (outside.read_bytes(), files.found()) == (b"secret", {"real": 1, "new": 1})
    files.remove("link")
    assert outside.exists()


def test_a_directory_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"."):
        MediaFiles(tmp_path / "media").begin("one")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    files.found()
    os.mkfifo(tmp_path / "media" / "pipe")
    with pytest.raises(FileNotFoundError):
        files.open("pipe")
    assert files.found() == {}


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
        (b"\x02#!SILK_V3", "audio/silk"),
        (b"#!AMR\n", "audio/amr"),
        (b"PK\x03\x04", "application/zip"),
        (b"<html><script>", "application/octet-stream"),
        (b"<svg onload=", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_a_type_is_told_by_the_first_bytes(head: bytes, told: str) -> None:
    assert type_of(head) == told


def test_times_come_back_as_they_were() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    media.locate(tx, want(tx, "m"), "http://store.example/a")
    found = media.get(tx, "m")
    assert found is not None
    assert (found.url_at, found.created_at) == (from_ms(tx.now_ms), from_ms(tx.now_ms))
