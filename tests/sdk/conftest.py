"""The whole daemon, and what the official SDKs are given to reach it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from daemon.sim.fastgpt_script import Script
from tests.flows.house import House, house
from tests.sdk.asking import limit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for all tests of a module: it takes longer to build than any of them."""
    async with house(tmp_path_factory.mktemp("sdk")) as h:
        yield h


@pytest.fixture
def home(standing: House) -> House:
    """Without limits and scripts of an earlier test."""
    standing.fastgpt.play(Script())
    limit(standing, rate=1e6, burst=1e6)
    return standing
