"""`qiaod keys --rate`, over a socket that answers as the daemon does."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import KEY, Daemon, qiaod
from tests.cli.test_commands import daemon as daemon  # the fixture

TERMS: dict[str, Any] = {"networks": [], "accounts": None, "rate_limit": 100}


def test_a_key_is_made_with_a_rate(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers["POST /api/v1/keys"] = (201, {**KEY, "key": "qk_k3m9x2p7qa_secret"})
    assert qiaod("keys", "create", "website", "--role", "agent", "--rate", "100", home=tmp_path).exit_code == 0
    assert daemon.asked[-1][3]["rate_limit"] == 100


@pytest.mark.parametrize(
    ("given", "wanted"), [((), 100), (("--rate", "7"), 7), (("--rate", "0"), None)], ids=["kept", "changed", "lifted"]
)
def test_a_change_keeps_the_rate_unless_it_is_named(
    daemon: Daemon, tmp_path: Path, given: tuple[str, ...], wanted: int | None
) -> None:
    for method in ("GET", "PUT"):
        daemon.answers[f"{method} /api/v1/keys/k1"] = (200, KEY | TERMS)
    shown = qiaod("keys", "change", "k1", "--name", "other", *given, home=tmp_path)
    assert shown.exit_code == 0, shown.output
    assert daemon.asked[-1][3]["rate_limit"] == wanted
