"""The rules of the house, held by a test rather than by memory; and each rule shown to be able to fail."""

from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from tests import architecture as house
from tests.sources import SOURCES

MODULES = list(SOURCES)
INTRODUCED = [path for path in MODULES if path.name != "__init__.py"]


def test_every_room_is_known() -> None:
    rooms = {house.room_of(path) for path in MODULES}
    assert rooms <= house.BASE | house.ROOMS.keys() | house.TOP


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    assert house.wrong_imports(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_library_is_used_only_in_its_home(path: Path) -> None:
    assert house.libraries_away_from_home(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_keeps_state(path: Path) -> None:
    assert house.module_state(SOURCES[path]) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_time_and_chance_are_injected(path: Path) -> None:
    assert house.clock_and_chance(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_command_line_prints(path: Path) -> None:
    assert house.prints(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    assert house.sizes(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", INTRODUCED, ids=str)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert house.unintroduced(SOURCES[path]) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("daemon/domain/x.py", "from daemon.store import jobs"),
        ("daemon/limits/x.py", "import daemon.engine.jobs"),
        ("daemon/store/x.py", "def f():\n    from daemon.engine import jobs"),
        ("daemon/engine/x.py", "from daemon.net.outbound import call"),
        ("daemon/net/x.py", "from daemon.bridge import open_bridge"),
        ("daemon/sim/x.py", "from daemon.domain.message import Wxid"),
        ("daemon/engine/x.py", "from daemon import net"),
        ("daemon/net/x.py", "from . import y"),
        ("daemon/log.py", "from daemon.domain.job import Job"),
        ("daemon/bridge.py", "from tests.clock import FakeClock"),
    ],
)
def test_an_upward_import_is_seen(path: str, source: str) -> None:
    assert house.wrong_imports(PurePath(path), source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("daemon/domain/x.py", "from daemon.errors import Invalid\nfrom daemon.domain.y import Z"),
        ("daemon/net/x.py", "from daemon.engine.jobs import Jobs\nfrom daemon.store import jobs\nimport os"),
        ("daemon/bridge.py", "from daemon.net.server import app\nfrom daemon.engine import jobs"),
        ("daemon/cli/x.py", "from daemon import __version__\nfrom daemon.sim import gewe"),
    ],
)
def test_an_inward_import_is_fine(path: str, source: str) -> None:
    assert house.wrong_imports(PurePath(path), source) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("daemon/engine/x.py", "import aiohttp"),
        ("daemon/net/x.py", "import aiosqlite"),
        ("daemon/store/x.py", "import orjson"),
        ("daemon/net/x.py", "def f():\n    from cattrs import structure"),
        ("daemon/net/x.py", "from sqlite3 import connect"),
        ("daemon/bridge.py", "import uvloop"),
    ],
)
def test_a_library_away_from_home_is_seen(path: str, source: str) -> None:
    assert house.libraries_away_from_home(PurePath(path), source)


@pytest.mark.parametrize(
    "source", ["cache = {}", "_seen: set[str] = set()", "def f():\n    global x\n    x = 1", "q = asyncio.Queue()"]
)
def test_state_of_a_module_is_seen(source: str) -> None:
    assert house.module_state(source)


@pytest.mark.parametrize(
    "source", ["NAMES = {'a': 1}", "__all__ = ['x']", "log = structlog.get_logger()", "T = TypeVar('T')"]
)
def test_constants_are_no_state(source: str) -> None:
    assert house.module_state(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "import time\nx = time.monotonic",
        "datetime.now(UTC)",
        "from time import monotonic",
        "import random\nrandom.choice([1])",
    ],
)
def test_a_second_door_to_time_or_chance_is_seen(source: str) -> None:
    assert house.clock_and_chance(PurePath("daemon/engine/x.py"), source)


def test_the_clock_itself_may_read_the_time() -> None:
    assert house.clock_and_chance(PurePath("daemon/clock.py"), "datetime.now(UTC)") == []
    assert house.clock_and_chance(PurePath("daemon/engine/x.py"), "def f(random):\n    random.choice(x)") == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (house.unintroduced, "import os"),
        (lambda source: house.sizes(PurePath("daemon/net/x.py"), source), "\n" * 301),
        (lambda source: house.sizes(PurePath("daemon/net/x.py"), source), "def f():\n" + "    x = 1\n" * 50),
        (lambda source: house.prints(PurePath("daemon/net/x.py"), source), "print('x')"),
    ],
)
def test_the_other_rules_can_fail_too(check: Callable[[str], list[str]], source: str) -> None:
    assert check(source)


def test_the_command_line_may_print() -> None:
    assert house.prints(PurePath("daemon/cli/x.py"), "print('x')") == []
