"""The parts of the daemon as the settings want them: each built of values, none started here."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from socket import socket

from attrs import evolve, frozen

from daemon.clock import Clock
from daemon.domain.access import Role
from daemon.domain.account import ReplyPolicy
from daemon.engine.accounts import SEND_LANE
from daemon.engine.attempt import Lane
from daemon.engine.lifecycle import Handler
from daemon.engine.outbox import dismiss as dismiss_send
from daemon.engine.turn_steps import LANE as TURN_LANE
from daemon.engine.turn_steps import Reply
from daemon.engine.turn_steps import dismiss as dismiss_turn
from daemon.engine.upkeep import Backups
from daemon.ids import Ids
from daemon.limits.bucket import Bucket
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.pace import Pace
from daemon.limits.retry import Retry
from daemon.net.api import accounts, conversations, core, jobs, keys, messages, workflows
from daemon.net.gewe import callback
from daemon.net.server.guard import Limits, Nuisances
from daemon.net.server.listen import API, HTTP, Listener, Stage, open_tcp, open_unix
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.observe import Surroundings
from daemon.net.server.problems import Teller
from daemon.net.server.readiness import Readiness
from daemon.net.server.routes import Routes
from daemon.settings import Settings
from daemon.store.retention import Keep
from daemon.vault import Vault

Sockets = Mapping[str, Sequence[socket]]  # handed over by systemd, by name

TABLES: tuple[Routes, ...] = (
    core.routes,
    keys.routes,
    callback.routes,
    accounts.routes,
    messages.routes,
    conversations.routes,
    workflows.routes,
    jobs.routes,
)

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


def roles_of(settings: Settings) -> dict[int, Role]:
    """Who is who on the Unix socket."""
    return {uid: Role(role) for uid, role in settings.access.roles(os.geteuid()).items()}


@frozen(kw_only=True)
class Face:
    """What the API shows to the outside: how it listens, what it counts, how it speaks, whether it is ready."""

    readiness: Readiness
    metrics: HttpMetrics
    surroundings: Surroundings
    stage: Stage

    @classmethod
    def of(cls, settings: Settings, clock: Clock, vault: Vault) -> "Face":
        readiness, metrics, teller = Readiness(), HttpMetrics.standard(), Teller(vault.redactor)
        http = settings.http
        return cls(
            readiness=readiness,
            metrics=metrics,
            surroundings=Surroundings(
                clock=clock,
                ids=Ids(clock),
                teller=teller,
                metrics=metrics,
                hosts=http.allowed_hosts,
                language=settings.daemon.language,
            ),
            stage=Stage(
                limits=Limits(
                    headers=http.header_timeout,
                    body=http.body_timeout,
                    keep_alive=http.keep_alive,
                    connections=http.connections,
                    per_address=http.per_address,
                ),
                nuisances=Nuisances(clock, metrics),
                teller=teller,
                ids=Ids(clock),
                readiness=readiness,
                drain=settings.daemon.drain_http,
            ),
        )


def listeners_of(settings: Settings, sockets: Sockets) -> list[Listener]:
    """What systemd holds for us; what it does not, we open."""
    held = [Listener(name=name, socket=one) for name in (HTTP, API) for one in sockets.get(name, ())]
    names = {listener.name for listener in held}
    if HTTP not in names:
        held.append(open_tcp(*settings.http.address))
    if API not in names:
        held.append(open_unix(settings.unix_socket))
    return held
