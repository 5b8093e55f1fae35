"""Works the queue off: claims what is due on each lane, runs it side by side, and writes down how it went.

One claim serves all lanes that may have something due and have a free slot; a lane is looked at again when a commit,
an end or the time brings something. An attempt holds its slot until its end is durable, so that an outcome that cannot
be written yet keeps its place instead of piling up.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from random import Random

import structlog
from attrs import define, field, frozen

from daemon.clock import Clock, from_ms
from daemon.domain.job import Job, JobId, JobState
from daemon.engine.attempt import Attempt, Lane, Why, failure
from daemon.engine.lifecycle import (
    Cancelled, Done, Failed, Handler, Interrupted, Outcome, Result, Snooze, TimedOut, Work, settle,
)  # fmt: skip
from daemon.engine.timers import Timer, Timers
from daemon.errors import Stale, StoreUnavailable
from daemon.store import job_desk, jobs
from daemon.store.database import Database
from daemon.store.tx import Tx

__all__ = ["Done", "Failed", "Handler", "Jobs", "Lane", "Result", "Snooze", "Work"]

log = structlog.get_logger()

LOOK_AGAIN = 60.0  # seconds; the longest trust in a due time, since somebody may set the wall clock forward
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between tries while the store refuses
LAST_WORDS = 3.0  # seconds for cancelled attempts to end and be written; see the shutdown's steps in docs/jobs.md
