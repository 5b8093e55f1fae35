"""The parts of the daemon as the settings want them: each built of values, none started here."""

from datetime import timedelta
from random import Random

from attrs import evolve

from daemon.clock import Clock
from daemon.domain.account import ReplyPolicy
from daemon.engine.accounts import SEND_LANE
from daemon.engine.attempt import Lane
from daemon.engine.lifecycle import Handler
from daemon.engine.outbox import dismiss as dismiss_send
from daemon.engine.turn_steps import LANE as TURN_LANE
from daemon.engine.turn_steps import Reply
from daemon.engine.turn_steps import dismiss as dismiss_turn
from daemon.engine.upkeep import Backups
from daemon.limits.bucket import Bucket
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.pace import Pace
from daemon.limits.retry import Retry
from daemon.settings import Settings
from daemon.store.retention import Keep

MINUTE = timedelta(minutes=1)
SENDS_AT_ONCE = 200  # accounts sending at the same time: each has one
UNFORESEEN = timedelta(days=1)  # for so long a job is tried that fails by a mistake of ours
SPARE = 5  # attempts that a lane allows beyond those its handler uses
TRIGGERS = (50.0, 200.0)  # messages a second that one account may have answered, and its burst: PROMISES T2
SAMPLES = (0.2, 20.0)  # unreadable bodies a second that are kept as samples, and their burst
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
    )


def buckets_of(shape: tuple[float, float], clock: Clock) -> KeyedBuckets:
    rate, burst = shape
    return KeyedBuckets(rate, burst, clock)


def retry_of(settings: Settings, age: timedelta) -> Retry:
    wanted = settings.jobs
    return Retry(base=wanted.retry_base, cap=wanted.retry_cap, attempts=wanted.attempts, age=age)


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


def lanes_of(settings: Settings, *, turns: Handler, outbox: Handler) -> tuple[Lane, ...]:
    """Both handlers decide by themselves when to give up; the lanes' own policy is for what they did not foresee."""
    retry = evolve(retry_of(settings, UNFORESEEN), attempts=settings.jobs.attempts + SPARE)
    asking = settings.fastgpt.in_flight + settings.fastgpt.queue  # as many as the pool takes
    return (
        Lane(
            name=TURN_LANE,
            handler=turns,
            concurrency=asking,
            retry=retry,
            timeout=LEASE,
            dismiss=dismiss_turn,
        ),
        Lane(
            name=SEND_LANE,
            handler=outbox,
            concurrency=SENDS_AT_ONCE,
            retry=retry,
            timeout=LEASE,
            dismiss=dismiss_send,
        ),
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
