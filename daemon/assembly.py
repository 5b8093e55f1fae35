"""What decides and works, put together: every part with those it needs, none started here."""

from functools import partial
from random import Random

from attrs import frozen

from daemon.clock import Clock
from daemon.domain.callback import Callback
from daemon.domain.workflow import Provider
from daemon.engine.accounts import Accounts
from daemon.engine.conversations import Conversations
from daemon.engine.intake import Intake
from daemon.engine.jobs import Jobs
from daemon.engine.outbox import Outbox
from daemon.engine.pressure import Pressure
from daemon.engine.sends import Sends
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.workflows import Workflows
from daemon.limits.breaker import Breakers
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.net.fastgpt.client import FastGpt
from daemon.net.gewe import wire
from daemon.net.gewe.client import GeweClient
from daemon.net.outbound import Outbound
from daemon.settings import Settings
from daemon.store.database import Database
from daemon.store.spool import Spool
from daemon.vault import Vault
from daemon.wiring import SAMPLES, TRIGGERS, buckets_of, lanes_of, pace_of, policy_of, reply_of, retry_of


@frozen(kw_only=True)
class Engine:
    """What decides and works: everything between the store and the API."""

    db: Database
    timers: Timers
    pace: Pace
    pool: Pool
    breakers: Breakers
    accounts: Accounts
    workflows: Workflows
    conversations: Conversations
    intake: Intake
    turns: Turns
    sends: Sends
    jobs: Jobs
    pressure: Pressure


def assemble(
    settings: Settings, db: Database, vault: Vault, spool: Spool, outbound: Outbound, random: Random
) -> Engine:
    clock, pressure = db.clock, Pressure(db.clock)
    timers, breakers = Timers(clock), Breakers(clock, random)
    pool, pace = Pool(settings.fastgpt.in_flight, settings.fastgpt.queue), pace_of(settings, clock, random)
    retry = retry_of(settings, settings.fastgpt.answer_age)
    accounts = Accounts(db, vault, policy_of(settings))
    workflows = Workflows(db, vault, settings.fastgpt.workflow_cache)
    turns = Turns(
        db,
        accounts,
        workflows,
        assistants={Provider.FASTGPT: FastGpt(outbound)},
        pool=pool,
        breakers=breakers,
        retry=retry,
        budgets={provider: RetryBudget(clock) for provider in Provider},
        random=random,
        reply=reply_of(settings),
        pressure=pressure,
    )
    outbox = Outbox(db, accounts, GeweClient(outbound), pace, breakers, retry, random)
    intake = Intake(
        db,
        accounts,
        partial(_read, clock),
        spool,
        triggers=buckets_of(TRIGGERS, clock),
        samples=buckets_of(SAMPLES, clock),
    )
    return Engine(
        db=db,
        timers=timers,
        pace=pace,
        pool=pool,
        breakers=breakers,
        accounts=accounts,
        workflows=workflows,
        conversations=Conversations(db),
        intake=intake,
        turns=turns,
        sends=Sends(db, settings.gewe.text_bytes, settings.gewe.send_ttl, pressure),
        jobs=Jobs(db, clock, timers, random, lanes_of(settings, turns=turns, outbox=outbox)),
        pressure=pressure,
    )


def _read(clock: Clock, body: bytes) -> Callback:
    return wire.read(body, now=clock.now())
