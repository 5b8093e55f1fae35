"""What decides and works, put together: every part with those it needs, none started here."""

from collections.abc import Mapping
from functools import partial
from random import Random

from attrs import frozen

from daemon.clock import Clock
from daemon.domain.callback import Callback
from daemon.domain.workflow import Provider
from daemon.engine.account_watch import AccountWatch
from daemon.engine.accounts import Accounts
from daemon.engine.act_desk import ActDesk
from daemon.engine.acts import Acts
from daemon.engine.analysis import Analysis
from daemon.engine.asking import Asking
from daemon.engine.audit import Audit
from daemon.engine.batches import Batches
from daemon.engine.callback_urls import CallbackUrls
from daemon.engine.callstats import CallStats
from daemon.engine.campaign_steps import HandOut
from daemon.engine.campaigns import Campaigns
from daemon.engine.chatting import Chatting
from daemon.engine.contacts import Contacts, Refresh
from daemon.engine.conversations import Conversations
from daemon.engine.do_not_contact import DoNotContact
from daemon.engine.friends import Friends
from daemon.engine.gateway import Gateway
from daemon.engine.intake import Intake
from daemon.engine.integrations import Integrations
from daemon.engine.jobs import Jobs
from daemon.engine.logins import Logins
from daemon.engine.media import Media
from daemon.engine.media_fetch import MediaFetch
from daemon.engine.moments import Moments
from daemon.engine.outbox import Outbox
from daemon.engine.pressure import Pressure
from daemon.engine.prices import Prices
from daemon.engine.profiles import Profiles
from daemon.engine.quotas import Quotas
from daemon.engine.relogin import Relogin
from daemon.engine.revokes import Revokes
from daemon.engine.rooms import Rooms
from daemon.engine.secrets import Secrets
from daemon.engine.sends import Sends
from daemon.engine.service_desk import WorkflowDesk
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.workflows import Workflows
from daemon.limits.breaker import Breakers
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.net.fastgpt.client import FastGpt
from daemon.net.fastgpt.desk import FastGptDesk
from daemon.net.gewe import wire
from daemon.net.gewe.client import Gewe
from daemon.net.outbound import Outbound
from daemon.settings import Settings
from daemon.store.database import Database
from daemon.store.media_files import MediaFiles
from daemon.store.spool import Spool
from daemon.vault import Vault
from daemon.wiring import (
    SAMPLES,
    TRIGGERS,
    at_once_of,
    buckets_of,
    lanes_of,
    mailing_of,
    media_terms_of,
    pace_of,
    policy_of,
    pools_of,
    reply_of,
    retry_of,
    spread_of,
    stop_words_of,
    terms_of,
)


@frozen(kw_only=True)
class Engine:
    """What decides and works: everything between the store and the API."""

    db: Database
    timers: Timers
    pace: Pace
    pools: Mapping[Provider, Pool]
    breakers: Breakers
    audit: Audit
    calls: CallStats
    secrets: Secrets
    accounts: Accounts
    acts: Acts
    act_desk: ActDesk
    contacts: Contacts
    friends: Friends
    media: Media
    moments: Moments
    profiles: Profiles
    rooms: Rooms
    workflows: Workflows
    conversations: Conversations
    intake: Intake
    logins: Logins
    watch: AccountWatch
    callback_urls: CallbackUrls
    asking: Asking
    turns: Turns
    campaigns: Campaigns
    integrations: Integrations
    hand_out: HandOut
    do_not_contact: DoNotContact
    revokes: Revokes
    sends: Sends
    jobs: Jobs
    batches: Batches
    chatting: Chatting
    analysis: Analysis
    workflow_desk: WorkflowDesk
    pressure: Pressure
    gewe: Gewe
    prices: Prices
    quotas: Quotas


def assemble(
    settings: Settings, db: Database, vault: Vault, spool: Spool, outbound: Outbound, random: Random
) -> Engine:
    calls = CallStats(db)
    outbound.meter = calls
    clock, pressure = db.clock, Pressure(db.clock)
    timers, breakers = Timers(clock), Breakers(clock, random)
    gewe = Gewe.over(outbound)
    pools, pace = pools_of(settings), pace_of(settings, clock, random)
    retry = retry_of(settings, settings.fastgpt.answer_age)
    accounts = Accounts(db, vault, policy_of(settings))
    workflows = Workflows(db, vault, settings.fastgpt.workflow_cache)
    asking = Asking(
        db,
        workflows,
        assistants={Provider.FASTGPT: FastGpt(outbound)},
        pools=pools,
        breakers=breakers,
        retry=retry,
        budgets={provider: RetryBudget(clock) for provider in Provider},
        random=random,
        terms=terms_of(settings),
    )
    media = Media(db, MediaFiles(settings.received), media_terms_of(settings))
    turns = Turns(db, accounts, asking, reply=reply_of(settings), pressure=pressure, media=media)
    gateway = Gateway(breakers)
    outbox = Outbox(db, accounts, gewe.messenger, pace, gateway, retry, random, terms_of(settings))
    hand_out = HandOut(db, accounts, random, mailing_of(settings))
    intake = Intake(
        db,
        accounts,
        partial(_read, clock),
        spool,
        triggers=buckets_of(TRIGGERS, clock),
        samples=buckets_of(SAMPLES, clock),
        stop_words=stop_words_of(settings),
    )
    logins = Logins(db, accounts, gewe.devices)
    relogin = Relogin(db, accounts, logins, random)
    acts = Acts(db, accounts, gateway, timers, random, terms_of(settings))
    friends = Friends(db, accounts, acts, gewe.contacts)
    batches = Batches(db, asking, pressure, at_once_of(settings))
    lanes = lanes_of(
        settings,
        turns=turns,
        outbox=outbox,
        relogin=relogin,
        campaigns=hand_out,
        batches=batches,
        friends=friends,
        contacts=Refresh(db, accounts, acts, gewe.contacts),
        media=MediaFetch(db, accounts, acts, gewe.media, media, pressure),
    )
    jobs = Jobs(db, clock, timers, random, lanes)
    sends = Sends(db, settings.gewe.text_bytes, settings.gewe.send_ttl, pressure)
    workflow_desk = WorkflowDesk(db, workflows, {Provider.FASTGPT: FastGptDesk(outbound)}, jobs)
    return Engine(
        db=db,
        timers=timers,
        pace=pace,
        pools=pools,
        breakers=breakers,
        audit=Audit(db),
        calls=calls,
        secrets=Secrets(db, vault),
        accounts=accounts,
        acts=acts,
        act_desk=ActDesk(db),
        contacts=Contacts(db, acts, gewe.contacts),
        friends=friends,
        media=media,
        moments=Moments(acts, gewe.moments),
        profiles=Profiles(acts, gewe.devices),
        rooms=Rooms(db, acts, gewe.rooms),
        workflows=workflows,
        conversations=Conversations(db),
        intake=intake,
        logins=logins,
        watch=AccountWatch(db, accounts, gewe.devices, settings.gewe.check_every, settings.gewe.canary_after),
        callback_urls=CallbackUrls(db, accounts, gewe.devices, intake.probes),
        asking=asking,
        turns=turns,
        campaigns=Campaigns(db, spread_of(settings)),
        hand_out=hand_out,
        do_not_contact=DoNotContact(db),
        revokes=Revokes(db, accounts, gateway, gewe.messenger),
        sends=sends,
        jobs=jobs,
        batches=batches,
        chatting=Chatting(db, asking, pressure),
        analysis=Analysis(db, asking, vault.redactor),
        workflow_desk=workflow_desk,
        integrations=Integrations.over(db, accounts, workflows, gewe.devices, workflow_desk, breakers, calls, sends),
        pressure=pressure,
        gewe=gewe,
        prices=Prices(db),
        quotas=Quotas(db, settings.costs.time_zone),
    )


def _read(clock: Clock, body: bytes) -> Callback:
    return wire.read(body, now=clock.now())
