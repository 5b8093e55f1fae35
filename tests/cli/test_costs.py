"""`qiaod costs`, over a socket that answers as the daemon does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest

from tests.cli.test_commands import qiaod

SUM: dict[str, Any] = {
    "calls": 2,
    "points_micro": 1_500_000,
    "input_tokens": 10,
    "output_tokens": 5,
    "embedding_tokens": 0,
    "cost_micro": 22_500,
    "estimated": 0,
    "unpriced": 1,
    "reserved": 0,
    "reserved_micro": 0,
}
SUMMARY = {"currency": "CNY", "groups": [SUM | {"key": "2026-01-02"}], "total": SUM | {"key": None}}


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[list[str]]:
    (tmp_path / "s").mkdir()
    paths = list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            written = json.dumps(SUMMARY).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def address_string(self) -> str:
            return "unix"

    with UnixStreamServer(str(tmp_path / "s/api.sock"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield paths
        server.shutdown()
        thread.join()


def test_what_was_spent_is_shown_as_a_table(tmp_path: Path, asked: list[str]) -> None:
    shown = qiaod("costs", "--by", "day", "--since", "2026-01-01", home=tmp_path)
    assert shown.exit_code == 0, shown.output
    assert asked == ["/api/v1/costs/summary?group_by=day&since=2026-01-01T00%3A00%3A00%2B00%3A00"]
    assert shown.output == (
        "            calls  tokens  points    cost  reserved  unpriced\n"
        "2026-01-02      2      15     1.5  0.0225         0         1\n"
        "total, CNY      2      15     1.5  0.0225         0         1\n"
    )


def test_what_was_spent_is_also_there_for_programs(tmp_path: Path, asked: list[str]) -> None:
    assert json.loads(qiaod("costs", "--json", home=tmp_path).output) == SUMMARY
    assert asked == ["/api/v1/costs/summary?group_by=workflow"]
