"""Keeps the store writable: what follows a fault, step by step, until writing works again or a restart is asked for."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Protocol

import structlog
from attrs import define, field

from daemon.clock import Clock
from daemon.errors import CannotOpen, StoreUnavailable
from daemon.store.faults import WINDOW, Fault, Step, fault_of, next_step, refusal
from daemon.store.identity import Identity
from daemon.store.reserve import Reserve

log = structlog.get_logger()

EVERY = 0.5  # seconds between looks, and between probes: writing again within a second of the disk


class State(StrEnum):
    OPEN = "open"
    SHORT = "short"  # the disk is full and the reserve given up: only what ends something begun is written
    REFUSING = "refusing"  # nothing is written; being repaired
    DEAD = "dead"  # a restart has been asked for


class Hands(Protocol):
    """What can be done to the connections."""

    async def probe(self) -> None:
        """A small real write."""

    async def renew(self) -> None:
        """Fresh connections in place of all."""

    async def whole(self) -> bool:
        """What fresh connections find; marks the file for the next start where it is not."""

    async def rest(self) -> None:
        """Called now and then while all is well."""

    async def save_room(self, *, on: bool) -> None:
        """Keep the WAL as short as can be, or let it grow as usual."""

    def turn_away(self, error: StoreUnavailable) -> None:
        """Tell everybody who waits to write."""


@define(eq=False)
class Keeper:
    """Says whether the store may be written to."""

    hands: Hands
    clock: Clock
    identity: Identity
    reserve: Reserve
    every: float = EVERY
    on_fatal: Callable[[str], None] = field(default=lambda _: None, init=False)
    on_mended: Callable[[Fault, float], None] = field(default=lambda *_: None, init=False)  # after how many seconds
    state: State = field(default=State.OPEN, init=False)
    fault: Fault | None = field(default=None, init=False)  # the last one, until it is over
    _since: float | None = field(default=None, init=False)  # when the store stopped taking writes
    _reason: str | None = field(default=None, init=False)  # why a restart was asked for
    _given: bool = field(default=False, init=False)  # the reserve, for those who settle: writing waits until it is back
    _times: dict[Fault, list[float]] = field(factory=dict, init=False)
    _called: asyncio.Event = field(factory=asyncio.Event, init=False)

    def admit(self, *, settling: bool = False) -> None:
        """Raise what a write would only wait for."""
        if self.state is not State.OPEN and not (settling and self.state is State.SHORT):
            raise refusal(self.fault)

    def guard(self) -> Fault | None:
        """Asked before each commit: 50 of 50 rows acknowledged after an `rm` were gone."""
        return None if self.identity.holds() else Fault.REPLACED

    def met(self, fault: Fault) -> None:
        """A fault was seen, by whoever reads or writes."""
        if self.state is State.DEAD:
            return
        if fault is not self.fault:
            log.error("store.fault", fault=fault)
        self._note(fault)
        self._since = self._now() if self._since is None else self._since
        if fault is Fault.FULL and self.reserve.held():
            self.give_reserve()
        else:
            self.state = State.REFUSING
        self.hands.turn_away(refusal(fault))
        if self._step() is Step.GIVE_UP:
            self.give_up(f"store.{fault}")
        self._called.set()

    def give_reserve(self) -> None:
        """The disk is full: what was held back is for those who end something."""
        self.reserve.release()
        self._given, self.state, self.fault = True, State.SHORT, Fault.FULL
        self._times.setdefault(Fault.FULL, [])

    def give_up(self, reason: str) -> None:
        """Only a new process can help."""
        if self.state is State.DEAD:
            return
        self.state, self._reason = State.DEAD, reason
        log.critical("store.given_up", reason=reason)
        self.hands.turn_away(refusal(self.fault))
        self.on_fatal(reason)

    def tell(self, on_fatal: Callable[[str], None]) -> None:
        """Have `on_fatal` called when a restart is asked for; at once where that was before."""
        self.on_fatal = on_fatal
        if self._reason is not None:
            on_fatal(self._reason)

    async def run(self) -> None:
        """Look after the store until cancelled."""
        while True:
            self._called.clear()
            await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.every):
                    await self._called.wait()

    async def _look(self) -> None:
        if self.state is not State.DEAD and self.guard() is not None:
            self.met(Fault.REPLACED)
        if self.state is State.OPEN:
            self.reserve.hold()
            await self.hands.rest()
        elif self.state in (State.REFUSING, State.SHORT):
            await self._repair()

    async def _repair(self) -> None:
        try:
            if await self._mended():
                await self._resume()
        except (sqlite3.Error, StoreUnavailable, CannotOpen) as error:
            again = fault_of(error) or self.fault
            log.warning("store.probe_failed", fault=again, error=str(error))
            if again is not None:
                self._note(again)
            if self._step() is Step.GIVE_UP:
                self.give_up(f"store.{again}")

    async def _mended(self) -> bool:
        step = self._step()
        if self.fault is Fault.FULL:
            await self.hands.save_room(on=True)
            if self.state is State.SHORT and not self.reserve.hold():
                return False
        if step is Step.EXAMINE and not await self.hands.whole():
            self.give_up("store.corrupt")
            return False
        if step in (Step.REOPEN, Step.EXAMINE):
            await self.hands.renew()
        await self.hands.probe()
        return self.state is not State.DEAD

    async def _resume(self) -> None:
        if self.fault is Fault.FULL:
            if self._given and not self.reserve.hold():
                self.state = State.SHORT
                return
            self._given = False
            await self.hands.save_room(on=False)
        log.warning("store.resumed", after=self.fault)
        fault, since = self.fault, self._since
        self.state, self.fault, self._since = State.OPEN, None, None
        if fault is not None and since is not None:
            self.on_mended(fault, self._now() - since)

    def _step(self) -> Step:
        return Step.PROBE if self.fault is None else next_step(self.fault, self._counted(), self._now())

    def _counted(self) -> list[float]:
        return [] if self.fault is None else self._times[self.fault]

    def _note(self, fault: Fault) -> None:
        now = self._now()
        recent = [time for time in self._times.get(fault, ()) if now - time <= WINDOW]
        self._times[fault] = [*recent, now]
        self.fault = fault

    def _now(self) -> float:
        return self.clock.monotonic()
