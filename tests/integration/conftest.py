"""What runs only where a real service is named is not even collected elsewhere: nothing is skipped."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from daemon.sim.openai import OpenAiSetup, OpenAiSimulator, openai_simulator
from tests.integration.real_n8n import RealN8n, deployed, removed
from tests.net.loopback import free_port

collect_ignore_glob = [] if os.environ.get("N8N_URL") else ["test_*.py"]


@pytest.fixture(scope="session")
def n8n(worker_id: str) -> Iterator[RealN8n]:
    """A real n8n with our workflows in it, which are gone afterwards. Each worker has its own."""
    there = RealN8n(os.environ["N8N_URL"].rstrip("/"), os.environ["N8N_API_KEY"], worker_id, free_port())
    asyncio.run(removed(there))  # what a run left that was killed
    asyncio.run(deployed(there))
    yield there
    asyncio.run(removed(there))


@pytest.fixture
async def model(n8n: RealN8n) -> AsyncIterator[OpenAiSimulator]:
    """The model that n8n's agent asks: OpenAI's wire, on this machine."""
    async with openai_simulator(OpenAiSetup(models=("demo-model",)), port=n8n.model_port) as there:
        yield there
