"""The executions of the simulated n8n: admitted in order, run on whoever leaves, and kept for the public API."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from attrs import define, field

from daemon.clock import Clock, rfc3339
from daemon.sim.bell import Bell
from daemon.sim.n8n_errors import PROBLEM, Reply, unclassified
from daemon.sim.n8n_script import Flow, Script, Told

KEPT = 10_000


@define(eq=False)
class Row:
    """One run of one node."""

    name: str
    type: str
    started: datetime
    seconds: float
    output: Any = None
    error: str = ""
    tokens: tuple[int, int] = (0, 0)
    model: str = ""
    parameters: dict[str, Any] = field(factory=dict)
    branch: int = 0  # the output that its items left by


@define(eq=False, kw_only=True)
class Execution:
    """`replied` is what its caller is told; a stream's caller reads `lines` until None."""

    id: str
    flow: Flow
    script: Script
    told: Told
    item: Any  # what its trigger gives
    status: str = "new"  # running, success, error, waiting, crashed, canceled
    started: datetime
    stopped: datetime | None = None
    rows: list[Row] = field(factory=list)
    error: str = ""
    failed_node: str = ""
    signature: str = ""
    replied: asyncio.Future[Reply]
    lines: asyncio.Queue[bytes | None] = field(factory=asyncio.Queue)

    @property
    def over(self) -> bool:
        return self.stopped is not None

    def tell(self, reply: Reply) -> None:
        """The first answer is the answer."""
        if not self.replied.done():
            self.replied.set_result(reply)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "finished": self.status == "success",
            "mode": "webhook",
            "retryOf": None,
            "retrySuccessId": None,
            "status": self.status,
            "startedAt": rfc3339(self.started),
            "stoppedAt": rfc3339(self.stopped) if self.stopped else None,
            "workflowId": self.flow.workflow_id,
            "waitTill": None,
        }


Work = Callable[[Execution], Awaitable[None]]


@define(eq=False)
class Executions:
    """`limit`: how many run at once; None: as many as come."""

    clock: Clock
    limit: int | None = None
    changed: Bell = field(factory=Bell, init=False)
    _kept: OrderedDict[str, Execution] = field(factory=OrderedDict, init=False)
    _seats: asyncio.Semaphore | None = field(default=None, init=False)
    _tasks: dict[asyncio.Task[None], Execution] = field(factory=dict, init=False)
    _last: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._seats = asyncio.Semaphore(self.limit) if self.limit is not None else None

    def __iter__(self) -> Iterator[Execution]:
        return iter(tuple(self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, number: str) -> Execution | None:
        return self._kept.get(number)

    def remove(self, number: str) -> None:
        self._kept.pop(number, None)

    def begin(self, flow: Flow, script: Script, told: Told, item: Any, work: Work) -> Execution:
        """It is `new` until a seat is free, first come first served; then `work` runs to its end."""
        self._last += 1
        execution = Execution(
            id=str(self._last),
            flow=flow,
            script=script,
            told=told,
            item=item,
            started=self.clock.now(),
            signature=f"{self._last:08x}{0xA11CE:08x}",
            replied=asyncio.get_running_loop().create_future(),
        )
        self._kept[execution.id] = execution
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.start(execution, work)
        self.changed.ring()
        return execution

    def start(self, execution: Execution, work: Work) -> None:
        task = asyncio.create_task(self._run(execution, work))
        self._tasks[task] = execution
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))

    async def wait_for(self, holds: Callable[[], bool], *, timeout: float = 5.0) -> None:
        """Looks again each time an execution begins, waits or ends."""
        await self.changed.until(holds, timeout=timeout)

    async def settle(self) -> None:
        """Return once none runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def crash(self) -> None:
        """The process is killed: what ran is only marked, and never run again (contract 2.2)."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.settle()

    def stop(self, execution: Execution) -> None:
        """Somebody stops it; its caller is told so."""
        execution.tell(unclassified(PROBLEM))
        self.end(execution, "canceled", error="The execution was cancelled manually")
        for task, running in self._tasks.items():
            if running is execution:
                task.cancel()

    def end(self, execution: Execution, status: str, *, error: str = "", node: str = "") -> None:
        if execution.over:
            return
        execution.status, execution.stopped = status, self.clock.now()
        execution.error, execution.failed_node = error, node
        self.changed.ring()

    def park(self, execution: Execution) -> None:
        execution.status = "waiting"
        self.changed.ring()

    async def _run(self, execution: Execution, work: Work) -> None:
        try:
            if self._seats is None:
                return await self._admitted(execution, work)
            async with self._seats:
                await self._admitted(execution, work)
        except asyncio.CancelledError:
            self.end(execution, "crashed", error="Workflow did not finish, possible out-of-memory issue")
            raise
        finally:
            execution.lines.put_nowait(None)
            execution.replied.cancel()

    async def _admitted(self, execution: Execution, work: Work) -> None:
        execution.status, execution.started = "running", self.clock.now()
        self.changed.ring()
        await work(execution)
