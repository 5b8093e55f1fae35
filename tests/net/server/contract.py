"""A server held against its own document by schemathesis: every answer as documented, none a crash."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.result import Ok

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "4"))  # an operation and a mode: seconds here, thousands on request

LINE_TOO_LONG = 431

Told = dict[str, Any]  # url, document, the keys to call with; and the schema read off the document
Checks = tuple[Callable[..., Any], ...]
Serve = Callable[[threading.Event, asyncio.Event, Told], Awaitable[None]]


@contextmanager
def beside(serve: Serve) -> Iterator[Told]:
    """A server on a thread of its own: schemathesis waits for its answers."""
    ready, told, loop = threading.Event(), Told(), asyncio.new_event_loop()
    done = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(ready, done, told),))
    thread.start()
    try:
        assert ready.wait(20)
        told["schema"] = schemathesis.openapi.from_dict(told["document"])  # once: it keeps what it has worked out
        yield told
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def hold(
    told: Told,
    mode: GenerationMode,
    *,
    without: tuple[str, ...] = (),
    unchecked: Checks = (),
    examples: int = EXAMPLES,
    callers: int = 1,
) -> int:
    """How many operations were held against the document. Each case is called with so many of the keys in turn."""
    keys, held = cycle(told["keys"]), 0
    for found in told["schema"].get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in without:
            continue

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,  # a mutation that does not survive its way into a URL would fail now and then
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case[Any]) -> None:
            for key in islice(keys, callers):
                _holds(case, told["url"], key, unchecked)

        with suppress(Unsatisfiable):  # what takes nothing cannot be given anything wrong
            holds()
        held += 1
    return held


def _holds(case: schemathesis.Case[Any], url: str, key: str, unchecked: Checks) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = case.call(base_url=url, headers=headers)
    if answer.status_code == LINE_TOO_LONG:
        return  # refused before anything of it is looked at, which schemathesis does not count as a refusal
    # a date may be of the right form and long past
    excluded = [positive_data_acceptance, *unchecked]
    sent = {"base_url": url, "headers": headers}
    case.validate_response(answer, excluded_checks=excluded, headers=headers, transport_kwargs=sent)
