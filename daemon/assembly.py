"""What decides and works, put together: every part with those it needs, none started here."""

import os
from collections.abc import Mapping
from functools import partial
from random import Random

from attrs import frozen

from daemon.clock import Clock
from daemon.credentials import BadCredential, find_secret
from daemon.domain.callback import Callback
from daemon.domain.workflow import Provider
from daemon.engine.account_watch import AccountWatch
from daemon.engine.accounts import Accounts
from daemon.engine.act_desk import ActDesk
from daemon.engine.acts import Acts
from daemon.engine.ai_webhooks import AiWebhooks
from daemon.engine.analysis import Analysis
from daemon.engine.asking import Asking
from daemon.engine.audit import Audit
from daemon.engine.batches import Batches
from daemon.engine.callback_urls import CallbackUrls
from daemon.engine.callstats import CallStats
from daemon.engine.campaign_steps import HandOut
from daemon.engine.campaigns import Campaigns
from daemon.engine.chatting import Chatting
from daemon.engine.completions import Completions
from daemon.engine.contacts import Contacts, Refresh
from daemon.engine.conversations import Conversations
from daemon.engine.dialogue_carrier import Carrier
from daemon.engine.dialogue_shelf import Elsewhere, Shelf
from daemon.engine.dialogues import Dialogues
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
from daemon.engine.targets import Targets
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.workflow_test import WorkflowTests
from daemon.engine.workflows import Workflows
from daemon.ids import Ids
from daemon.limits.breaker import Breakers
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.net.gewe import wire
from daemon.net.gewe.client import Gewe
from daemon.net.outbound import Outbound
from daemon.net.supabase.client import Supabase
from daemon.providers import providers_of
from daemon.settings import Settings
from daemon.store.database import Database
from daemon.store.media_files import MediaFiles
from daemon.store.spool import Spool
from daemon.vault import Vault
from daemon.wiring import (
    MEGABYTE,
    SAMPLES,
    TRIGGERS,
    at_once_of,
    buckets_of,
    lanes_of,
    mailing_of,
    media_terms_of,
    pace_of,
    policy_of,
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
    targets: Targets
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
    ai_webhooks: AiWebhooks
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
    completions: Completions
    dialogues: Dialogues
    analysis: Analysis
    workflow_desk: WorkflowDesk
    workflow_tests: WorkflowTests
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
    pace = pace_of(settings, clock, random)
    retry = retry_of(settings, settings.fastgpt.answer_age)
    accounts = Accounts(db, vault, policy_of(settings))
    workflows = Workflows(db, vault, settings.fastgpt.workflow_cache)
    providers = providers_of(
        settings, db, outbound, breakers=breakers, timers=timers, random=random, redactor=vault.redactor
    )
    asking = Asking(
        db,
        workflows,
        assistants=providers.assistants,
        pools=providers.pools,
        breakers=breakers,
        retry=retry,
        budgets=providers.budgets,
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
    chatting, elsewhere = Chatting(db, asking, pressure), _elsewhere(settings, vault, outbound, breakers)
    lanes = lanes_of(
        settings,
        turns=turns,
        outbox=outbox,
        relogin=relogin,
        campaigns=hand_out,
        batches=batches,
        dialogues=Carrier(db, elsewhere, retry, random),
        friends=friends,
        contacts=Refresh(db, accounts, acts, gewe.contacts),
        media=MediaFetch(db, accounts, acts, gewe.media, media, pressure),
    )
    jobs = Jobs(db, clock, timers, random, lanes)
    sends = Sends(db, settings.gewe.text_bytes, settings.gewe.send_ttl, pressure)
    workflow_desk = WorkflowDesk(db, workflows, providers.desks, jobs)
    workflow_tests = WorkflowTests(
        db,
        workflows,
        assistants=providers.on_trial,
        pools=providers.pools,
        timers=timers,
        pressure=pressure,
        most=settings.workflow_test.sessions_per_key,
    )
    return Engine(
        db=db,
        timers=timers,
        pace=pace,
        pools=providers.pools,
        breakers=breakers,
        targets=outbound.targets,
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
        ai_webhooks=AiWebhooks.over(
            providers.webhook_runs,
            vault,
            outbound.targets,
            pressure,
            cache_bytes=settings.n8n.cache_mb * MEGABYTE,
            changed=workflows.clear,
        ),
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
        chatting=chatting,
        completions=Completions(db, asking, pressure, Ids(clock)),
        dialogues=Dialogues(chatting, Shelf(db, elsewhere), Ids(clock), settings.chat.workflow, settings.chat.history),
        analysis=Analysis(db, asking, vault.redactor),
        workflow_desk=workflow_desk,
        workflow_tests=workflow_tests,
        integrations=Integrations.over(db, accounts, workflows, gewe.devices, workflow_desk, breakers, calls, sends),
        pressure=pressure,
        gewe=gewe,
        prices=Prices(db),
        quotas=Quotas(db, settings.costs.time_zone),
    )


def _elsewhere(settings: Settings, vault: Vault, outbound: Outbound, breakers: Breakers) -> Elsewhere | None:
    """The other store of conversations, where there is one."""
    chat = settings.chat
    key = find_secret("supabase-key", settings.supabase_key_file, "QIAOD_SUPABASE_KEY", os.environ)
    if chat.store != "supabase":
        return None
    if key is None:
        raise BadCredential("supabase.no_key")
    vault.redactor.add(key)
    return Elsewhere(Supabase(outbound, chat.supabase_url, key), breakers.of("supabase", "chat"))


def _read(clock: Clock, body: bytes) -> Callback:
    return wire.read(body, now=clock.now())
