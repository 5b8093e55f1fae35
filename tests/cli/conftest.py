"""Commands set up logging, which belongs to the process: each test gives it back as it was."""

import logging
from collections.abc import Iterator

import pytest

from tests.conftest import plain_log


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, level, disabled = root.handlers[:], root.level, access.disabled
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    access.disabled = disabled
    plain_log()
