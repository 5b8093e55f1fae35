"""The spool: what was appended comes back, whole and in order, whatever happened to the file."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import StoreUnavailable
from daemon.store.spool import Spool, framed, records

CAP = 1 << 20


async def test_what_is_appended_is_replayed_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool" / "callbacks.jsonl", CAP)
    await asyncio.gather(*(spool.append(b'{"n": %d}' % n) for n in range(50)))
    spool.close()
    again = Spool(tmp_path / "spool" / "callbacks.jsonl", CAP)
    assert list(again.replay()) == [b'{"n": %d}' % n for n in range(50)]
    again.close()


async def test_what_was_not_cleared_is_replayed_again_and_what_came_meanwhile_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "callbacks.jsonl", CAP)
    await spool.append(b"a")
    assert list(spool.replay()) == [b"a"]
    await spool.append(b"b")
    assert list(spool.replay()) == [b"a"]
    spool.clear()
    assert spool.pending()
    assert list(spool.replay()) == [b"b"]
    spool.clear()
    assert not spool.pending()
    assert list(spool.replay()) == []
    spool.close()


async def test_draining_hands_over_everything_also_what_comes_meanwhile(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path / "callbacks.jsonl", CAP), list[bytes]()

    async def take(record: bytes) -> None:
        taken.append(record)
        if record == b"a":
            await spool.append(b"late")

    for record in (b"a", b"b"):
        await spool.append(record)
    assert await spool.drain(take) == 3
    assert taken == [b"a", b"b", b"late"]
    assert list(tmp_path.iterdir()) == []
    spool.close()


async def test_a_record_that_cannot_be_taken_leaves_all_for_the_next_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "callbacks.jsonl", CAP)
    await spool.append(b"a")

    async def refuse(record: bytes) -> None:
        raise StoreUnavailable("store.full", retry_after=timedelta(seconds=1))

    with pytest.raises(StoreUnavailable):
        await spool.drain(refuse)
    assert list(spool.replay()) == [b"a"]
    spool.close()


async def test_the_cap_is_kept_and_smaller_records_still_fit(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "callbacks.jsonl", 100)
    await spool.append(b"a" * 40)
    with pytest.raises(StoreUnavailable) as refused:
        await spool.append(b"b" * 40)
    assert refused.value.code == "store.spool_full"
    await spool.append(b"c" * 10)
    assert list(spool.replay()) == [b"a" * 40, b"c" * 10]
    spool.close()


def test_a_file_that_may_grow_no_further_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, resource, signal, sys\nfrom daemon.errors import StoreUnavailable\n"
        "from daemon.store.spool import Spool\n"
        "async def main():\n"
        "    spool = Spool(pathlib.Path(sys.argv[1]), 1 << 20)\n"
        "    for n in range(100):\n"
        "        try: await spool.append(b'%04d' % n + b'x' * 996)\n"
        "        except StoreUnavailable as error: print(error.code); break\n"
        "        print(n)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "    await spool.append(b'after')\n"
        "    spool.close()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "callbacks.jsonl"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.splitlines() if line.isdecimal() or line.startswith("store.")]
    assert lines[-1] == "store.full"
    kept = list(records(path.read_bytes()))
    assert [record[:4] for record in kept[:-1]] == [b"%04d" % int(n) for n in lines[:-1]]
    assert kept[-1] == b"after"


async def test_only_we_may_read_it(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        spool = Spool(tmp_path / "spool" / "callbacks.jsonl", CAP)
        await spool.append(b"a")
        spool.close()
    finally:
        os.umask(previous)
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "spool" / "callbacks.jsonl").stat().st_mode & 0o777 == 0o600


RECORDS = st.lists(st.binary(max_size=60), max_size=8)


@given(RECORDS)
def test_any_records_survive_their_framing(wanted: list[bytes]) -> None:
    assert list(records(b"".join(map(framed, wanted)))) == wanted


@given(RECORDS, st.integers(0, 600))
def test_a_torn_end_costs_only_the_last_record(wanted: list[bytes], cut: int) -> None:
    text = b"".join(map(framed, wanted))
    found = list(records(text[:cut]))
    assert found == wanted[: len(found)]
    assert sum(len(framed(record)) for record in wanted[: len(found) + 1]) > min(cut, len(text)) or found == wanted


@given(st.lists(st.from_regex(rb"[a-z{}:,]{1,30}", fullmatch=True), min_size=2, max_size=6), st.data())
def test_a_garbled_byte_costs_at_most_its_record_and_the_next(wanted: list[bytes], draw: st.DataObject) -> None:
    lines = [framed(record) for record in wanted]
    hit = draw.draw(st.integers(0, len(lines) - 2))
    at = draw.draw(st.integers(0, len(lines[hit]) - 1))
    garbled = bytearray(lines[hit])
    garbled[at] ^= 0x80
    found = list(records(b"".join([*lines[:hit], bytes(garbled), *lines[hit + 1 :]])))
    assert set(wanted[:hit] + wanted[hit + 2 :]) <= set(found)
    assert all(record in wanted for record in found)
