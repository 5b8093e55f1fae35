"""The services behind us as a whole: how they do, how they are restarted, and whether what we believe of them is so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from attrs import define, frozen

from daemon.clock import from_ms
from daemon.domain.access import Actor
from daemon.domain.account import Account, AccountState
from daemon.domain.checkup import first_failure
from daemon.domain.turn import Degraded
from daemon.domain.workflow import Provider, Workflow
from daemon.engine.account_states import Event
from daemon.engine.accounts import SEND_LANE, Accounts
from daemon.engine.callstats import CallStats
from daemon.engine.gewe_checkup import GeweCheckup
from daemon.engine.health import Health, Probe, ServiceHealth
from daemon.engine.ports import Devices
from daemon.engine.sends import Sends
from daemon.engine.service_desk import WorkflowDesk
from daemon.engine.turn_steps import LANE as TURN_LANE
from daemon.engine.workflows import Workflows
from daemon.errors import RemoteError
from daemon.limits.breaker import Breakers
from daemon.store import audit, due, integration_sums, meta
from daemon.store.database import Database
from daemon.store.integration_sums import Spent
from daemon.store.service_minutes import Sum
from daemon.store.tx import Tx

log = structlog.get_logger()

LAST_SYNC = "integrations.last_sync"  # in the table `meta`
MOST_WORKFLOWS = 50  # that are looked at
NO_STATE = frozenset({AccountState.SUSPENDED})


class Service(StrEnum):
    GEWE = "gewe"
    FASTGPT = "fastgpt"
    ALL = "all"

    def covers(self, other: "Service") -> bool:
        return self in {Service.ALL, other}


@frozen(kw_only=True)
class Action:
    """One thing that a restart did, and to how many."""

    service: Service
    name: str  # breakers_closed, cache_cleared, work_woken, accounts_read
    count: int


@frozen(kw_only=True)
class Difference:
    """What we believed and what the service says. `repaired`: ours is now theirs."""

    service: Service
    object: str  # account:<id>, workflow:<id>
    field: str
    ours: str
    theirs: str
    repaired: bool


@frozen(kw_only=True)
class Synced:
    at: datetime
    looked_at: int
    differences: tuple[Difference, ...]
    unreachable: dict[str, str]  # what could not be asked, and the code of why


@frozen(kw_only=True)
class GeweSums:
    calls: Sum
    sends: dict[str, int]
    received: int


@frozen(kw_only=True)
class FastGptSums:
    calls: Sum
    spent: Spent
    degraded: dict[Degraded, int]


@define
class Integrations:
    db: Database
    accounts: Accounts
    workflows: Workflows
    devices: Devices
    desk: WorkflowDesk
    checkup: GeweCheckup
    breakers: Breakers
    calls: CallStats
    gewe: Health
    fastgpt: Health

    @classmethod
    def over(
        cls,
        db: Database,
        accounts: Accounts,
        workflows: Workflows,
        devices: Devices,
        desk: WorkflowDesk,
        breakers: Breakers,
        calls: CallStats,
        sends: Sends,
    ) -> "Integrations":
        checkup = GeweCheckup(db, accounts, devices, sends)
        return cls(
            db=db,
            accounts=accounts,
            workflows=workflows,
            devices=devices,
            desk=desk,
            checkup=checkup,
            breakers=breakers,
            calls=calls,
            gewe=Health("GeWe", db.clock, partial(_account_probes, accounts, checkup)),
            fastgpt=Health("FastGPT", db.clock, partial(_workflow_probes, workflows, desk)),
        )

    def serving(self, accounts: frozenset[str]) -> set[str]:
        """The workflows that these accounts are answered by; their fallbacks are not looked up."""
        held = [account for account in self.accounts.all() if account.id in accounts]
        return {account.workflow_id for account in held if account.workflow_id is not None}

    async def health(self, service: Service, *, fresh: bool = False) -> ServiceHealth:
        return await (self.gewe if service is Service.GEWE else self.fastgpt)(fresh=fresh)

    async def gewe_sums(self, span: timedelta, accounts: frozenset[str] | None) -> GeweSums:
        """`accounts`: only what passed through these; None: everything. The calls are the service's own figures."""
        since = self.db.clock.now() - span
        return GeweSums(
            calls=await self.calls.over("gewe", span),
            sends=await self.db.read(integration_sums.sends, since, accounts),
            received=await self.db.read(integration_sums.received, since, accounts),
        )

    async def fastgpt_sums(self, span: timedelta, accounts: frozenset[str] | None) -> FastGptSums:
        since = self.db.clock.now() - span
        return FastGptSums(
            calls=await self.calls.over("fastgpt", span),
            spent=await self.db.read(integration_sums.spent, Provider.FASTGPT, since, accounts),
            degraded=await self.db.read(integration_sums.degraded, Provider.FASTGPT, since, accounts),
        )

    async def last_sync(self) -> datetime | None:
        written = await self.db.read(meta.get, LAST_SYNC)
        return None if written is None else from_ms(int(written))

    async def restart(self, service: Service, *, by: Actor) -> tuple[Action, ...]:
        """Forget what we hold against a service, read anew what we keep of it, and begin what waited for it."""
        actions: list[Action] = []
        if service.covers(Service.GEWE):
            await self.accounts.load()
            actions += [
                Action(service=Service.GEWE, name="breakers_closed", count=self._forget(Service.GEWE)),
                Action(service=Service.GEWE, name="accounts_read", count=len(self.accounts.all())),
                Action(service=Service.GEWE, name="work_woken", count=await self.db.write(_wake, SEND_LANE)),
            ]
        if service.covers(Service.FASTGPT):
            actions += [
                Action(service=Service.FASTGPT, name="breakers_closed", count=self._forget(Service.FASTGPT)),
                Action(service=Service.FASTGPT, name="cache_cleared", count=self.workflows.clear()),
                Action(service=Service.FASTGPT, name="work_woken", count=await self.db.write(_wake, TURN_LANE)),
            ]
        await self.db.write(audit.record, by, "service.restarted", f"service:{service}")
        log.info("service.restarted", service=service, by=by.id)
        return tuple(actions)

    def _forget(self, service: Service) -> int:
        mine = [key for key in self.breakers.standings() if key[0] == service]
        for key in mine:
            self.breakers.forget(*key)
        return len(mine)

    async def sync(self, *, by: Actor) -> Synced:
        """Ask GeWe and FastGPT about everything we have of them, and take over what they know better."""
        found: list[Difference] = []
        unreachable: dict[str, str] = {}
        accounts = [a for a in self.accounts.all() if a.has_device and a.state not in NO_STATE]
        for account in accounts:
            try:
                found += await self._sync_account(account)
            except RemoteError as error:
                unreachable[f"account:{account.id}"] = error.code
        self.workflows.clear()
        workflows, _ = await self.workflows.page(provider=Provider.FASTGPT, before=None, limit=MOST_WORKFLOWS)
        for workflow in workflows:
            found += await self._sync_workflow(workflow)
        at = await self.db.write(_synced, by, differences=len(found), unreachable=len(unreachable))
        looked_at = len(accounts) + len(workflows)
        return Synced(at=at, looked_at=looked_at, differences=tuple(found), unreachable=unreachable)

    async def _sync_account(self, account: Account) -> list[Difference]:
        online = await self.devices.check_online(account)
        await self.accounts.observe(account, Event.CHECKED_ONLINE if online else Event.CHECKED_OFFLINE)
        now = self.accounts.get(account.id)
        found: list[Difference] = []
        if online is not (account.state is AccountState.ONLINE):
            theirs = AccountState.ONLINE if online else AccountState.OFFLINE
            found.append(_account(account, "state", account.state, theirs, repaired=now.state is theirs))
        if online:
            found += await self._sync_profile(now)
        return found

    async def _sync_profile(self, account: Account) -> list[Difference]:
        profile = await self.devices.profile(account)
        if account.wxid == profile.wxid:
            return []
        known = account.wxid is not None
        if not known:
            await self.accounts.identify(account, profile.wxid)
        return [_account(account, "wxid", account.wxid or "", profile.wxid, repaired=not known)]

    async def _sync_workflow(self, workflow: Workflow) -> list[Difference]:
        failure = first_failure(await self.desk.check(workflow.id, run=False, name=""))
        if failure is None:
            return []
        return [
            Difference(
                service=Service.FASTGPT,
                object=f"workflow:{workflow.id}",
                field=failure.step,
                ours="",
                theirs=failure.detail or (failure.code or ""),
                repaired=False,
            )
        ]


def _account(account: Account, field: str, ours: str, theirs: str, *, repaired: bool) -> Difference:
    return Difference(
        service=Service.GEWE,
        object=f"account:{account.id}",
        field=field,
        ours=ours,
        theirs=theirs,
        repaired=repaired,
    )


async def _account_probes(accounts: Accounts, checkup: GeweCheckup) -> Sequence[Probe]:
    held = [account for account in accounts.all() if account.state not in NO_STATE]
    return [Probe(id=account.id, name=account.name, ask=partial(checkup, account)) for account in held]


async def _workflow_probes(workflows: Workflows, desk: WorkflowDesk) -> Sequence[Probe]:
    held, _ = await workflows.page(provider=Provider.FASTGPT, before=None, limit=MOST_WORKFLOWS)
    return [
        Probe(id=workflow.id, name=workflow.name, ask=partial(desk.check, workflow.id, run=False, name=""))
        for workflow in held
    ]


def _wake(tx: Tx, lane: str) -> int:
    """All that waits in a lane is due now."""
    return due.hasten_all(tx, lane=lane)


def _synced(tx: Tx, by: Actor, *, differences: int, unreachable: int) -> datetime:
    meta.put(tx, LAST_SYNC, str(tx.now_ms))
    audit.record(tx, by, "services.synced", "services", detail={"found": differences, "unreachable": unreachable})
    return tx.now
