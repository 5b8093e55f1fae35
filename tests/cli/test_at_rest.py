"""What a daemon holds in memory once it has started, and what it does not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 30
WATCHED = """
import atexit, gc, json, linecache, sys
from daemon.cli.main import main

def tell():
    print(json.dumps({
        "modules": sorted(sys.modules),
        "collector": [gc.isenabled(), *gc.get_threshold()],
        "set_aside": gc.get_freeze_count(),
        "kept_texts": [name for name in linecache.cache if name.startswith("<attrs")],
    }))

atexit.register(tell)
sys.argv = ["qiaod", "serve"]
main()
"""
RARE = {  # of one command, of the demo, of the simulators, or of the tests
    *("segno", "daemon.sim", "daemon.cli.demo", "daemon.cli.chat", "daemon.cli.sim"),
    *("schemathesis", "jsonschema", "openapi_spec_validator", "hypothesis", "pytest"),
}


def test_a_started_daemon_holds_only_what_it_works_with(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "QIAOD_DAEMON_STATE_DIR": str(tmp_path / "s"),
        "QIAOD_DAEMON_RESERVE_MB": "0",
        "QIAOD_HTTP_LISTEN": "127.0.0.1:0",
    }
    command = [sys.executable, "-c", WATCHED]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any('"event":"daemon.ready"' in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        told = json.loads(process.communicate(timeout=LIMIT)[0])
    assert not RARE & set(told["modules"])
    assert told["kept_texts"] == []  # 3 MB of the methods that attrs wrote
    assert told["collector"] == [True, 20_000, 10, 10]
    assert told["set_aside"] == pytest.approx(200_000, rel=0.5)  # a collection need not look at them any more
