from collections.abc import AsyncIterator

import pytest

from daemon.engine.targets import Targets
from daemon.net.gewe.client import Gewe
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor


@pytest.fixture
async def gewe() -> AsyncIterator[Gewe]:
    async with open_outbound(Redactor(), Targets.of(["127.0.0.1:*"])) as outbound:
        yield Gewe.over(outbound)
