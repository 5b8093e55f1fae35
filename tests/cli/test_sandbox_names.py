"""The unit lets through what looking names up takes: system calls, kinds of sockets, kinds of memory."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.cli.test_sandbox import ANALYZE, ONLY_AS_ROOT, STRACE, filtered
from tests.net.nameserver import Zone, name_server

LOOKING = """
import sys
from datetime import timedelta
import uvloop
from daemon.clock import SystemClock
from daemon.net.resolver import DnsTerms, open_resolver

async def look():
    terms = DnsTerms(servers=(sys.argv[1],), timeout=timedelta(seconds=20))
    async with open_resolver(SystemClock(), terms) as resolver:
        print([(await resolver.resolve(name, 443))[0]["host"] for name in ("n8n.example", "long.example")])

uvloop.run(look())
"""


@pytest.mark.skipif(not (STRACE and ANALYZE), reason="strace and systemd-analyze are needed to compare")
async def test_names_are_looked_up_within_the_sandbox(tmp_path: Path) -> None:
    assert STRACE
    trace, unit = tmp_path / "trace", Path("systemd/qiaod.service").read_text("utf-8")
    short, long = Zone(addresses=["192.0.2.7"]), Zone(addresses=["192.0.2.8"], cut=True)  # `long` takes TCP
    async with name_server(n8n=short, long=long) as server:
        command = (STRACE, "-f", "-qq", "-o", str(trace), sys.executable, "-c", LOOKING, server.address)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
    traced = trace.read_text("utf-8", "replace") if trace.exists() else ""
    if not traced:
        pytest.skip("strace may not trace here")
    assert out == b"['192.0.2.7', '192.0.2.8']\n"
    used = set(re.findall(r"^\d+ +(\w+)\(", traced, re.MULTILINE))
    families = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", traced))
    (allowed,) = re.findall(r"^RestrictAddressFamilies=(.*)$", unit, re.MULTILINE)
    assert "sendto" in used
    assert used - filtered() - (ONLY_AS_ROOT if os.geteuid() == 0 else set()) == set()
    assert {"AF_INET"} <= families <= set(allowed.split())
    assert "MemoryDenyWriteExecute=yes" in unit
    assert "PROT_WRITE|PROT_EXEC" not in traced
