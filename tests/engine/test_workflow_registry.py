"""The registry of workflows: those in use are kept in memory, and a change is seen at once all the same."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.access import SYSTEM
from daemon.domain.workflow import Workflow
from daemon.engine.workflows import Workflows
from daemon.errors import NotFound
from daemon.secret import Redactor
from daemon.store import workflows as stored
from daemon.store.database import open_database
from daemon.vault import Vault
from tests.clock import FakeClock
from tests.engine.samples import DRAFT

OTHER = evolve(DRAFT, name="Service")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Workflows, Workflow]]:
    """With one workflow named Sales."""
    async with open_database(folder / "x.db", FakeClock()) as db:
        registry = Workflows(db, Vault(b"k" * 32, Redactor()))
        yield registry, await registry.add(DRAFT, by=SYSTEM)


async def test_a_name_that_is_known_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as (registry, sales):
        assert await registry.named("Sales") == [sales.id]
        monkeypatch.setattr(stored, "named", None)
        assert await registry.named("Sales") == [sales.id]


async def test_a_name_is_followed_to_whom_it_is_given(tmp_path: Path) -> None:
    async with opened(tmp_path) as (registry, sales):
        assert await registry.named("Service") == []
        service = await registry.add(OTHER, by=SYSTEM)
        assert await registry.named("Service") == [service.id]
        assert await registry.named("Sales") == [sales.id]
        await registry.change(sales.id, OTHER, version=None, by=SYSTEM)
        assert await registry.named("Sales") == []
        assert await registry.named("Service") == [sales.id, service.id]
        await registry.remove(sales.id, version=None, by=SYSTEM)
        assert await registry.named("Service") == [service.id]


async def test_what_another_process_changed_is_seen_after_a_while(tmp_path: Path) -> None:
    async with opened(tmp_path) as (registry, sales):
        await registry.named("Sales")
        await Workflows(registry.db, registry.vault).change(sales.id, OTHER, version=None, by=SYSTEM)
        assert await registry.named("Sales") == [sales.id]
        clock = registry.db.clock
        assert isinstance(clock, FakeClock)
        clock.advance(registry.keep.total_seconds())
        assert await registry.named("Sales") == []


@pytest.mark.parametrize("kind", ["get", "named"])
async def test_what_was_read_while_it_was_changed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async with opened(tmp_path) as (registry, sales):
        wanted = sales.id if kind == "get" else "Sales"
        seen, done = threading.Event(), threading.Event()
        with monkeypatch.context() as patched:
            patched.setattr(stored, kind, held(getattr(stored, kind), seen, done))
            early = asyncio.create_task(getattr(registry, kind)(wanted))
            await asyncio.to_thread(seen.wait, 5)
            await registry.remove(sales.id, version=None, by=SYSTEM)
            done.set()
            assert await early  # it was read before
        if kind == "named":
            assert await registry.named("Sales") == []
        else:
            with pytest.raises(NotFound):
                await registry.get(sales.id)


def held(read: Callable[..., Any], seen: threading.Event, done: threading.Event) -> Callable[..., Any]:
    """The first read has its answer, and keeps it back until it is told to go on."""

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = read(*args, **kwargs)
        if not seen.is_set():
            seen.set()
            assert done.wait(5)
        return found

    return slow
