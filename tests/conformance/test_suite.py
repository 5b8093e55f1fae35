"""What is left out of the suite is left out on purpose, and for every provider."""

import inspect

from daemon.domain.workflow import Provider
from tests.conformance import test_providers, test_what_is_told
from tests.conformance.suite import CANNOT, PROVIDERS

CASES = {
    name
    for module in (test_providers, test_what_is_told)
    for name, test in inspect.getmembers(module, inspect.iscoroutinefunction)
    if name.startswith("test_")
}


def test_every_provider_is_in_the_suite() -> None:
    assert set(PROVIDERS) == set(CANNOT) == {provider.value for provider in Provider}


def test_what_a_provider_cannot_do_is_a_case_with_a_reason() -> None:
    for provider, left_out in CANNOT.items():
        assert left_out.keys() <= CASES, provider
        assert all(len(reason) > 20 for reason in left_out.values()), provider


def test_each_provider_has_most_of_the_cases() -> None:
    for provider, left_out in CANNOT.items():
        assert len(left_out) <= len(CASES) // 3, provider
