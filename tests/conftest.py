"""What every test may ask for."""

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse
from aioresponses import aioresponses


class UnsentResponse(ClientResponse):
    """aioresponses 0.7 makes responses without the writer of their request, which aiohttp 3.14 asks for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"stream_writer": SimpleNamespace(output_size=0), **kwargs})


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Stands for the whole internet: for addresses that no loopback server can have."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", UnsentResponse)
    with aioresponses() as mocked:
        yield mocked


def plain_log() -> None:
    """What tests print of the log. With rich around, which comes with schemathesis, structlog draws each crash for
    some 100 ms."""
    structlog.reset_defaults()
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """structlog's and logging's set-up belong to the process: put back what a command or a test changes."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, level, disabled = root.handlers[:], root.level, access.disabled
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    access.disabled = disabled
    plain_log()
    structlog.contextvars.clear_contextvars()


def pytest_configure(config: pytest.Config) -> None:
    """With `SHOWN=FILE` what each test really called is written down, for docs/shown.md."""
    gc.disable()  # till all is collected: what is made until then stays to the end
    plain_log()
    if file := os.environ.get("SHOWN"):
        from tests.shown import Recorder  # only then: the client's methods are replaced

        recorder = Recorder(Path(file).absolute())
        recorder.begin()
        config.pluginmanager.register(recorder)


def pytest_collection_finish() -> None:
    """Eleven thousand tests, and the trees of the code: nobody need look through them again."""
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])  # as the daemon has it
    gc.enable()
