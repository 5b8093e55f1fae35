"""The parts of the daemon as the settings want them: each built of values, none started here."""

from datetime import time, timedelta
from functools import partial
from random import Random

from attrs import evolve

from daemon.clock import Clock
from daemon.domain.account import ReplyPolicy
from daemon.domain.campaign import QuietHours, Spread
from daemon.domain.cost import MICRO, Units
from daemon.domain.workflow import Provider
from daemon.engine.account_moves import LOGIN_LANE
from daemon.engine.accounts import SEND_LANE
from daemon.engine.attempt import Lane
from daemon.engine.batches import LANE as BATCH_LANE
from daemon.engine.batches import bury as bury_item
from daemon.engine.batches import dismiss as dismiss_item
from daemon.engine.campaign_jobs import LANE as CAMPAIGN_LANE
from daemon.engine.campaign_steps import Mailing
from daemon.engine.contacts import CONTACTS_LANE
from daemon.engine.costs import Terms
from daemon.engine.dialogue_carrier import bury as bury_dialogue
from daemon.engine.dialogue_shelf import LANE as DIALOGUE_LANE
from daemon.engine.friends import FRIEND_LANE
from daemon.engine.lifecycle import Handler
from daemon.engine.media_fetch import AT_ONCE as MEDIA_AT_ONCE
from daemon.engine.media_units import LANE as MEDIA_LANE
from daemon.engine.media_units import Terms as MediaTerms
from daemon.engine.media_units import dismiss as dismiss_medium
from daemon.engine.outbox import dismiss as dismiss_send
from daemon.engine.turn_steps import LANE as TURN_LANE
from daemon.engine.turn_steps import Reply
from daemon.engine.turn_steps import dismiss as dismiss_turn
from daemon.engine.upkeep import Backups
from daemon.limits.addressees import Addressees
from daemon.limits.bucket import Bucket
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.limits.retry import Retry
from daemon.net.resolver import DnsTerms
from daemon.settings import Settings
from daemon.store.retention import Keep

MINUTE = timedelta(minutes=1)
MEGABYTE = 1024 * 1024
AT_ONCE = 3  # messages to one person or room after a silence: a long answer in its parts
ACTS_AT_ONCE = 20  # accounts reading their address book, or accepting friends, at the same time
SENDS_AT_ONCE = 200  # accounts sending at the same time: each has one
CAMPAIGNS_AT_ONCE = 20  # looked at: each look is short
UNFORESEEN = timedelta(days=1)  # for so long a job is tried that fails by a mistake of ours
LOGINS_AT_ONCE = 20  # accounts that are logged in again at the same time
DIALOGUES_AT_ONCE = 8  # conversations that are carried to Supabase at the same time
SPARE = 5  # attempts that a lane allows beyond those its handler uses
TRIGGERS = (50.0, 200.0)  # messages a second that one account may have answered, and its burst: PROMISES T2
SAMPLES = (0.2, 20.0)  # unreadable bodies a second that are kept as samples, and their burst
KEPT_FREE = 2  # seats of the pool that no batch takes
LEASE = timedelta(minutes=20)  # of one attempt: more than the longest call a workflow may take, and its wait for a seat


def pace_of(settings: Settings, clock: Clock, random: Random) -> Pace:
    gewe = settings.gewe
    overall_burst = max(1, min(gewe.global_per_minute // 10, gewe.global_per_minute - 1))
    return Pace(
        KeyedBuckets.per_window(limit=gewe.per_minute, window=MINUTE, burst=gewe.burst, clock=clock),
        Bucket.per_window(limit=gewe.global_per_minute, window=MINUTE, burst=overall_burst, clock=clock),
        (gewe.pause_low, gewe.pause_high),
        clock,
        random,
        addressees_of(settings, clock, random),
    )


def addressees_of(settings: Settings, clock: Clock, random: Random) -> Addressees:
    gewe = settings.gewe
    people, rooms = (
        KeyedBuckets.per_window(limit=limit, window=MINUTE, burst=min(AT_ONCE, limit // 2), clock=clock)
        for limit in (gewe.person_per_minute, gewe.room_per_minute)
    )
    return Addressees(people, rooms, gewe.switch_pause, (gewe.room_pause_low, gewe.room_pause_high), clock, random)


def buckets_of(shape: tuple[float, float], clock: Clock) -> KeyedBuckets:
    rate, burst = shape
    return KeyedBuckets(rate, burst, clock)


def retry_of(settings: Settings, age: timedelta) -> Retry:
    wanted = settings.jobs
    return Retry(base=wanted.retry_base, cap=wanted.retry_cap, attempts=wanted.attempts, age=age)


def mailing_of(settings: Settings) -> Mailing:
    return Mailing(most_bytes=settings.gewe.text_bytes, lives=settings.gewe.send_ttl)


def spread_of(settings: Settings) -> Spread:
    """What a campaign gets where its maker says nothing."""
    usual = settings.campaign
    quiet = QuietHours(
        begin=time.fromisoformat(usual.quiet_from), end=time.fromisoformat(usual.quiet_to), zone=usual.time_zone
    )
    return Spread(quiet=quiet, per_hour=usual.per_hour, gap_low=usual.gap_low, gap_high=usual.gap_high)


def stop_words_of(settings: Settings) -> frozenset[str]:
    return frozenset(word.strip().casefold() for word in settings.campaign.stop_words)


def reply_of(settings: Settings) -> Reply:
    return Reply(most_bytes=settings.gewe.text_bytes, lives=settings.gewe.reply_ttl)


def policy_of(settings: Settings) -> ReplyPolicy:
    """What a new account's policy starts from."""
    talk = settings.conversation
    return ReplyPolicy(
        merge_window=talk.merge_window,
        merge_most=talk.merge_most,
        history=talk.history,
        takeover=talk.takeover,
        stale_after=talk.stale_after,
    )


def terms_of(settings: Settings) -> Terms:
    costs = settings.costs
    first = Units(points_micro=costs.first_estimate_points * MICRO, input_tokens=costs.first_estimate_tokens)
    return Terms(time_zone=costs.time_zone, refuse_unpriced=costs.refuse_unpriced, first=first)


def media_terms_of(settings: Settings) -> MediaTerms:
    wanted = settings.media
    return MediaTerms(
        most_bytes=wanted.most_mb * MEGABYTE,
        keep_bytes=wanted.keep_mb * MEGABYTE,
        keep=min(wanted.keep, settings.store.keep_messages),
        inline_bytes=wanted.inline_kb * 1024,
        wait=wanted.wait,
    )


def pools_of(settings: Settings) -> dict[Provider, Pool]:
    return {
        Provider.FASTGPT: Pool(settings.fastgpt.in_flight, settings.fastgpt.queue),
        Provider.N8N: Pool(settings.n8n.in_flight, settings.n8n.queue),
        Provider.OPENAI: Pool(settings.openai.in_flight, settings.openai.queue),
    }


def dns_of(settings: Settings) -> DnsTerms:
    wanted = settings.dns
    return DnsTerms(servers=wanted.servers, timeout=wanted.timeout, keep_stale=wanted.keep_stale)


def at_once_of(settings: Settings) -> int:
    """Items of batches under way: seats are left that only conversations take."""
    return max(1, settings.fastgpt.in_flight - KEPT_FREE)


def lanes_of(
    settings: Settings,
    *,
    turns: Handler,
    outbox: Handler,
    relogin: Handler,
    campaigns: Handler,
    batches: Handler,
    dialogues: Handler,
    friends: Handler,
    contacts: Handler,
    media: Handler,
) -> tuple[Lane, ...]:
    """The handlers decide by themselves when to give up; the lanes' own policy is for what they did not foresee."""
    retry = evolve(retry_of(settings, UNFORESEEN), attempts=settings.jobs.attempts + SPARE)
    services = (settings.fastgpt, settings.n8n, settings.openai)
    asking = sum(service.in_flight + service.queue for service in services)  # as many as their pools take together
    lane = partial(Lane, retry=retry, timeout=LEASE)
    return (
        lane(name=TURN_LANE, handler=turns, concurrency=asking, dismiss=dismiss_turn),
        lane(name=SEND_LANE, handler=outbox, concurrency=SENDS_AT_ONCE, dismiss=dismiss_send),
        lane(
            name=BATCH_LANE,
            handler=batches,
            concurrency=at_once_of(settings),
            dismiss=dismiss_item,
            bury=bury_item,
        ),
        lane(name=DIALOGUE_LANE, handler=dialogues, concurrency=DIALOGUES_AT_ONCE, bury=bury_dialogue),
        lane(name=CAMPAIGN_LANE, handler=campaigns, concurrency=CAMPAIGNS_AT_ONCE),
        lane(name=LOGIN_LANE, handler=relogin, concurrency=LOGINS_AT_ONCE),
        lane(name=FRIEND_LANE, handler=friends, concurrency=ACTS_AT_ONCE),
        lane(name=CONTACTS_LANE, handler=contacts, concurrency=ACTS_AT_ONCE),
        lane(name=MEDIA_LANE, handler=media, concurrency=MEDIA_AT_ONCE, dismiss=dismiss_medium),
    )


def keep_of(settings: Settings) -> Keep:
    store = settings.store
    return Keep(
        messages=store.keep_messages,
        jobs=store.keep_jobs,
        dead_jobs=store.keep_dead_jobs,
        dedupe=store.keep_dedupe,
        idempotency=store.keep_idempotency,
        quarantine=store.keep_quarantine,
        audit=store.keep_audit,
        charges=settings.costs.keep_charges,
        webhook_calls=settings.n8n.keep_calls,
        dialogues=settings.chat.keep,
    )


def backups_of(settings: Settings) -> Backups:
    store = settings.store
    return Backups(
        directory=settings.backups,
        every=store.backup_every,
        hourly=store.backup_hourly,
        daily=store.backup_daily,
        weekly=store.backup_weekly,
    )
