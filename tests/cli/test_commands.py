"""The command line: what it teaches, what it says, and how it ends."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest
from attrs import define, field
from click.testing import CliRunner, Result

from daemon import __version__
from daemon.cli.main import COMMANDS, cli, explain, language
from daemon.cli.options import file_of
from daemon.cli.status import lines


def qiaod(*args: str, home: Path, **environ: str) -> Result:
    """Run it in this process, with an environment of its own."""
    ours = {name: None for name in os.environ if name.startswith(("QIAOD_", "XDG_", "LC_", "LANG"))}
    return CliRunner().invoke(
        cli,
        list(args),
        env={**ours, "HOME": str(home), "QIAOD_DAEMON_STATE_DIR": str(home / "s"), **environ},
        prog_name="qiaod",
    )


@define
class Daemon:
    """Answers on a Unix socket as the daemon would, and remembers what it was asked."""

    path: Path
    answers: dict[str, tuple[int, object]] = field(factory=dict)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(factory=list)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "s").mkdir()
    ours = Daemon(tmp_path / "s/api.sock")

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            ours.asked.append((self.command, self.path, headers, json.loads(content) if content else None))
            status, document = ours.answers.get(f"{self.command} {self.path}", (404, {"detail": "no such route"}))
            written = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def address_string(self) -> str:
            return "unix"

    with UnixStreamServer(str(ours.path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield ours
        server.shutdown()
        thread.join()


KEY = {
    "id": "k3m9x2p7qa",
    "name": "n8n",
    "role": "agent",
    "created_at": "2026-01-02T03:04:05.000Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}


def test_the_help_teaches_the_first_steps_and_names_every_command(tmp_path: Path) -> None:
    shown = qiaod("--help", home=tmp_path).output
    assert "First steps" in shown
    assert all(name in shown for name in COMMANDS)


def test_help_and_version_load_nothing_heavy() -> None:
    script = (
        "import sys\nfrom daemon.cli.main import cli\ncli(['--help'], standalone_mode=False)\n"
        "heavy = {'aiohttp', 'cryptography', 'aiosqlite', 'orjson', 'cattrs', 'structlog'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=30)


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert qiaod("--version", home=tmp_path).output == f"qiaod {__version__}\n"


def test_an_unknown_command_is_wrong_usage(tmp_path: Path) -> None:
    assert qiaod("serv", home=tmp_path).exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(tmp_path: Path, shell: str) -> None:
    shown = qiaod("completion", shell, home=tmp_path)
    assert shown.exit_code == 0
    assert "_QIAOD_COMPLETE" in shown.output


def test_check_tells_every_mistake_and_ends_with_78(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text("[gewe]\nper_minut = 1\nburst = 'x'\n")
    shown = qiaod("check", "--config", str(tmp_path / "q.toml"), home=tmp_path)
    assert shown.exit_code == 78
    assert shown.stderr.splitlines() == [
        f"{tmp_path}/q.toml:2: gewe.per_minut: There is no such setting. Did you mean per_minute?",
        f"{tmp_path}/q.toml:3: gewe.burst: 'x' is no whole number. Write it in digits, without quotes.",
    ]


def test_check_speaks_the_language_of_the_terminal(tmp_path: Path) -> None:
    shown = qiaod("check", "--config", str(tmp_path / "none.toml"), home=tmp_path, LANG="zh_CN.UTF-8")
    assert "文件不存在" in shown.stderr
    assert shown.exit_code == 78


def test_check_answers_programs_in_json(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text("[gewe]\nper_minut = 1\n")
    shown = qiaod("check", "--json", "--config", str(tmp_path / "q.toml"), home=tmp_path)
    assert shown.exit_code == 78
    (mistake,) = json.loads(shown.stdout)["mistakes"]
    assert (mistake["line"], mistake["key"], mistake["code"]) == (2, "gewe.per_minut", "settings.unknown_near")
    assert json.loads(qiaod("check", "--json", home=tmp_path).stdout) == {"ok": True, "file": None, "mistakes": []}


def test_check_is_silent_when_asked_and_all_is_right(tmp_path: Path) -> None:
    assert qiaod("check", "--quiet", home=tmp_path).output == ""
    assert "no mistakes" in qiaod("check", home=tmp_path).output


def test_the_file_is_the_one_named_or_the_users_own(tmp_path: Path) -> None:
    mine = tmp_path / ".config/qiaod/qiaod.toml"
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert file_of(Path("x"), {"HOME": str(tmp_path)}) == Path("x")
    assert file_of(None, {"HOME": str(tmp_path)}) == mine
    assert file_of(None, {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / ".config")}) == mine


@pytest.mark.parametrize(
    ("environ", "tongue"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh"),
    ],
)
def test_the_language_is_the_terminals(environ: dict[str, str], tongue: str) -> None:
    assert language(environ) == tongue


def test_without_a_daemon_the_way_out_is_told(tmp_path: Path) -> None:
    for command in (["status"], ["keys", "list"]):
        shown = qiaod(*command, home=tmp_path)
        assert shown.exit_code == 69
        assert "qiaod serve" in shown.stderr


def test_status_is_shown_to_people_and_programs(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["GET /api/v1/status"] = (200, {"version": "1", "queues": {"ask": 3, "send": None}, "breakers": []})
    assert qiaod("status", home=tmp_path).output.splitlines() == [
        "version   1",
        "queues",
        "  ask   3",
        "  send  -",
        "breakers  -",
    ]
    assert json.loads(qiaod("status", "--json", home=tmp_path).output)["queues"]["ask"] == 3


def test_any_document_can_be_shown() -> None:
    assert list(lines({"a": [{"b": 1}, "c"]})) == ["a", "  -", "    b  1", "  c"]


def test_a_new_key_is_alone_on_stdout(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["POST /api/v1/keys"] = (201, {**KEY, "key": "qk_k3m9x2p7qa_secret"})
    shown = qiaod("keys", "create", "n8n", "--role", "agent", "--days", "90", home=tmp_path, LANG="zh_CN")
    assert shown.exit_code == 0
    assert shown.stdout == "qk_k3m9x2p7qa_secret\n"
    assert "not shown again" in shown.stderr
    ((_, _, headers, body),) = daemon.asked
    assert (body["name"], body["role"]) == ("n8n", "agent")
    assert body["expires_at"].endswith("Z")
    assert headers["accept-language"] == "zh"
    assert headers["idempotency-key"]


def test_keys_are_listed_page_by_page(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["GET /api/v1/keys?limit=500"] = (200, {"data": [KEY], "next_cursor": "c1"})
    daemon.answers["GET /api/v1/keys?limit=500&cursor=c1"] = (
        200,
        {"data": [{**KEY, "id": "other"}], "next_cursor": None},
    )
    shown = qiaod("keys", "list", home=tmp_path)
    assert [line.split()[0] for line in shown.output.splitlines()] == ["id", "k3m9x2p7qa", "other"]
    assert len(json.loads(qiaod("keys", "list", "--json", home=tmp_path).output)) == 2


def test_a_key_is_revoked_only_once_it_was_confirmed(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["DELETE /api/v1/keys/k1"] = (204, None)
    assert qiaod("keys", "revoke", "k1", home=tmp_path).exit_code == 1
    assert daemon.asked == []
    assert qiaod("keys", "revoke", "k1", "--yes", home=tmp_path).exit_code == 0
    assert [method for method, *_ in daemon.asked] == ["DELETE"]


def test_a_key_is_rotated(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["POST /api/v1/keys/k1/rotate"] = (200, {**KEY, "key": "qk_new"})
    assert qiaod("keys", "rotate", "k1", home=tmp_path).stdout == "qk_new\n"


def test_what_is_not_named_of_a_key_stays(daemon: Daemon, tmp_path: Path) -> None:
    limits = {"networks": ["192.0.2.0/24"], "accounts": ["a1"]}
    daemon.answers["GET /api/v1/keys/k1"] = (200, KEY | limits)
    daemon.answers["PUT /api/v1/keys/k1"] = (200, KEY | limits)
    shown = qiaod("keys", "change", "k1", "--role", "operator", "--account", "any", home=tmp_path)
    assert shown.exit_code == 0, shown.output
    sent = daemon.asked[-1][3]
    assert (sent["name"], sent["role"], sent["networks"], sent["accounts"]) == (
        KEY["name"],
        "operator",
        ["192.0.2.0/24"],
        None,
    )
    assert "192.0.2.0/24" in qiaod("keys", "show", "k1", home=tmp_path).stdout


@pytest.mark.parametrize(
    ("status", "code"), [(400, 65), (401, 77), (403, 77), (404, 66), (409, 75), (429, 75), (500, 69), (418, 1)]
)
def test_a_refusal_is_told_in_the_daemons_words(daemon: Daemon, tmp_path: Path, status: int, code: int) -> None:
    problem = {"detail": "The last admin key stays.", "errors": [{"field": "role", "message": "no"}]}
    daemon.answers["DELETE /api/v1/keys/k1"] = (status, problem)
    shown = qiaod("keys", "revoke", "k1", "--yes", home=tmp_path)
    assert shown.exit_code == code
    assert "The last admin key stays. role: no" in shown.stderr


def test_an_answer_that_is_no_json_does_not_break_the_command(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["GET /api/v1/status"] = (502, ["?"])
    shown = qiaod("status", home=tmp_path)
    assert (shown.exit_code, "HTTP 502" in shown.stderr) == (69, True)


def test_a_store_that_is_not_there_is_not_backed_up(tmp_path: Path) -> None:
    shown = qiaod("backup", home=tmp_path)
    assert shown.exit_code == 66
    assert str(tmp_path / "s/qiaod.db") in shown.stderr


def test_a_fault_of_ours_ends_with_70_and_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(ValueError("a bug"), "en") == 70
    assert "ValueError: a bug" in capsys.readouterr().err


def test_what_the_disk_refuses_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(PermissionError(13, "Permission denied", "/etc/x"), "en") == 77
    assert capsys.readouterr().err == "qiaod: [Errno 13] Permission denied: '/etc/x'\n"
