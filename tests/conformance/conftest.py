"""Runs each case for every provider that can have it."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.subject import Subject
from tests.conformance.suite import CANNOT, PROVIDERS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "it" in metafunc.fixturenames:
        able = [name for name in PROVIDERS if metafunc.function.__name__ not in CANNOT[name]]
        metafunc.parametrize("it", able, indirect=True)


@pytest.fixture
async def it(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with PROVIDERS[request.param]() as subject:
        yield subject
