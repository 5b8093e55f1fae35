"""The judge of every torture run: what was acknowledged, what the neighbours saw and what the store says must agree.

Pure: a history goes in, what contradicts the promises comes out, each with its evidence. `evidence` reads histories.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise

from attrs import field, frozen


class Rule(StrEnum):
    ACKED_LOST = "an acknowledged callback is not in the store"
    STORED_TWICE = "a message is stored more than once"
    FORGOTTEN = "a message waits for an answer, and no job will give it"
    UNANSWERED = "a message counts as answered, and no turn or no send did it"
    KEPT = "a message was put aside, and nothing of this run should be"
    ANSWERED_TWICE = "a turn was answered more than once"
    ASKED_UNRECORDED = "a question was asked that no turn holds"
    SENT_UNRECORDED = "WeChat received what no send holds"
    SENT_TWICE = "WeChat received a send more than once"
    SENT_UNSEEN = "a send counts as sent, and WeChat never received it"
    RECEIPT_HIDDEN = "WeChat received it, and the send is neither sent nor unknown"
    LOST_ANSWER_HIDDEN = "the answer to a send was lost, and it is not unknown"
    STILL_SENDING = "a send is still `sending`"
    WORK_LEFT = "work that is due was never done"
    QUESTIONS_DISORDERED = "questions of a conversation did not come in the order in which they were kept"
    REPLIES_DISORDERED = "replies to a conversation did not come in the order in which they were written"
    TOO_FAST = "an account sent faster than its limit"
    DAMAGED = "the database is damaged"
    REQUEST_LOST = "a restart lost a request that it must not lose"
    ORPHANS_LEFT = "what a killed process had begun was not taken up again at once"
    STALE_OWNER = "a process of an earlier epoch could end a job"
    UNTOLD = "the service manager was not told what is so"


@frozen
class Violation:
    rule: Rule
    evidence: str


@frozen(kw_only=True)
class Acked:
    """A callback that was answered 200."""

    app: str
    wechat_id: str


@frozen(kw_only=True)
class Asked:
    """A question as FastGPT received it."""

    text: str


@frozen(kw_only=True)
class Received:
    """A text that reached WeChat."""

    app: str
    to: str
    text: str
    wechat_id: str
    at: float
    lost: bool = False  # whether its answer was dropped


@frozen(kw_only=True)
class Message:
    id: str
    app: str
    wechat_id: str
    conversation: str
    standing: str
    reason: str | None = None
    turn: str | None = None


@frozen(kw_only=True)
class Turn:
    id: str
    conversation: str
    state: str
    question: str


@frozen(kw_only=True)
class Sent:
    """A row of `sends`."""

    id: str
    app: str
    to: str
    text: str
    state: str
    batch: str
    turn: str | None = None
    wechat_id: str | None = None


@frozen(kw_only=True)
class Job:
    """One that has not ended well: `ready`, `running` or `dead`."""

    lane: str
    serves: str  # its unique key: the conversation of a turn, the id of a send
    state: str
    due: bool = True


@frozen(kw_only=True)
class Pace:
    """What an account may send: `burst` at once, then `rate` a second, and so never more than both in a window."""

    rate: float
    burst: float
    slack: float = 2.0  # a request that was under way when this machine paused arrives late, and one beside it


@frozen(kw_only=True)
class History:
    """Everything in the order in which it happened."""

    acked: Sequence[Acked] = ()
    asked: Sequence[Asked] = ()
    received: Sequence[Received] = ()
    messages: Sequence[Message] = ()
    turns: Sequence[Turn] = ()
    sends: Sequence[Sent] = ()
    jobs: Sequence[Job] = ()
    damage: Sequence[str] = ()
    may_keep: frozenset[str] = field(default=frozenset({"failed"}))  # reasons for which a message may go unanswered
    pace: Pace | None = None


def check(history: History) -> list[Violation]:
    """What contradicts the promises; an empty list where nothing does."""
    return [violation for rule in _RULES for violation in rule(history)]


def _kept_once(history: History) -> Iterator[Violation]:
    stored = Counter((message.app, message.wechat_id) for message in history.messages)
    for acked in dict.fromkeys((a.app, a.wechat_id) for a in history.acked):
        if not stored[acked]:
            yield Violation(Rule.ACKED_LOST, f"{acked}")
    for key, times in stored.items():
        if times > 1:
            yield Violation(Rule.STORED_TWICE, f"{key}: {times} times")


def _answered(history: History) -> Iterator[Violation]:
    """Each message is answered, or in somebody's hands, or was put aside for a reason that this run may have."""
    in_hand = {job.serves for job in history.jobs if job.lane == "turn"}
    turns = {turn.id: turn for turn in history.turns}
    said = {send.turn for send in history.sends}
    for message in history.messages:
        turn = turns.get(message.turn or "")
        match message.standing:
            case "pending" if message.conversation not in in_hand:
                yield Violation(Rule.FORGOTTEN, f"{message}")
            case "answered" if turn is None or turn.state != "answered" or turn.id not in said:
                yield Violation(Rule.UNANSWERED, f"{message}, {turn}")
            case "kept" if message.reason not in history.may_keep:
                yield Violation(Rule.KEPT, f"{message}")


def _answered_once(history: History) -> Iterator[Violation]:
    batches = defaultdict[str, set[str]](set)
    for send in history.sends:
        if send.turn is not None:
            batches[send.turn].add(send.batch)
    for turn, answers in batches.items():
        if len(answers) > 1:
            yield Violation(Rule.ANSWERED_TWICE, f"turn {turn}: batches {sorted(answers)}")


def _received(history: History) -> Iterator[Violation]:
    """At most once, and nothing that the store does not know of."""
    by_text, received = _by_text(history), Counter((r.to, r.text) for r in history.received)
    for key, times in received.items():
        sends = by_text.get(key, [])
        if not sends:
            yield Violation(Rule.SENT_UNRECORDED, f"{key}")
        elif times > len(sends):
            yield Violation(Rule.SENT_TWICE, f"{key}: received {times} times, sends {[s.id for s in sends]}")
        elif sum(send.state in {"sent", "unknown"} for send in sends) < times:
            yield Violation(Rule.RECEIPT_HIDDEN, f"{sends}")


def _accounted(history: History) -> Iterator[Violation]:
    """The states of the sends say what happened."""
    received = {receipt.wechat_id for receipt in history.received}
    lost = {receipt.wechat_id: receipt for receipt in history.received if receipt.lost}
    by_text = _by_text(history)
    for send in history.sends:
        if send.state == "sent" and send.wechat_id not in received:
            yield Violation(Rule.SENT_UNSEEN, f"{send}")
        elif send.state == "sent" and send.wechat_id in lost:
            yield Violation(Rule.LOST_ANSWER_HIDDEN, f"{send}")
        elif send.state == "sending":
            yield Violation(Rule.STILL_SENDING, f"{send}")
    for receipt in lost.values():
        sends = by_text.get((receipt.to, receipt.text), [])
        if sends and all(send.state != "unknown" for send in sends):
            yield Violation(Rule.LOST_ANSWER_HIDDEN, f"{receipt}, {sends}")


def _nothing_left(history: History) -> Iterator[Violation]:
    for job in history.jobs:
        if job.due and job.state in {"ready", "running"}:
            yield Violation(Rule.WORK_LEFT, f"{job}")
    in_hand = {job.serves for job in history.jobs if job.lane == "send"}
    for send in history.sends:
        if send.state in {"queued", "waiting"} and send.id not in in_hand:
            yield Violation(Rule.WORK_LEFT, f"{send}")


def _questions_in_order(history: History) -> Iterator[Violation]:
    """The order of ids is the order of commits. Asking the same again is allowed, going back behind it is not."""
    turns = {turn.question: turn for turn in history.turns}
    latest: dict[str, str] = {}
    for message in sorted(history.messages, key=lambda message: message.id):
        if message.turn is not None:
            if message.turn < latest.get(message.conversation, ""):
                yield Violation(Rule.QUESTIONS_DISORDERED, f"{message} joined a turn before that of an older one")
            latest[message.conversation] = message.turn
    asked: dict[str, str] = {}
    for question in history.asked:
        turn = turns.get(question.text)
        if turn is None:
            yield Violation(Rule.ASKED_UNRECORDED, f"{question}")
        else:
            if turn.id < asked.get(turn.conversation, ""):
                yield Violation(Rule.QUESTIONS_DISORDERED, f"{turn} after turn {asked[turn.conversation]}")
            asked[turn.conversation] = turn.id


def _replies_in_order(history: History) -> Iterator[Violation]:
    by_text = _by_text(history)
    latest: dict[str, str] = {}
    for receipt in history.received:
        for send in by_text.get((receipt.to, receipt.text), ())[:1]:
            if send.id < latest.get(send.to, ""):
                yield Violation(Rule.REPLIES_DISORDERED, f"{send} after send {latest[send.to]}")
            latest[send.to] = max(send.id, latest.get(send.to, ""))


def _within_pace(history: History) -> Iterator[Violation]:
    """Over every window there is: what came in it is at most the burst and what the rate gave meanwhile."""
    if history.pace is None:
        return
    pace, times = history.pace, defaultdict[str, list[float]](list)
    for receipt in history.received:
        times[receipt.app].append(receipt.at)
    for app, moments in times.items():
        worst, at = _most_above(moments, pace.rate)
        if worst > pace.burst + pace.slack:
            yield Violation(Rule.TOO_FAST, f"{app}: {worst:.1f} above its rate at {at:.3f}, burst is {pace.burst:g}")


def _most_above(moments: Iterable[float], rate: float) -> tuple[float, float]:
    """The most that any window holds beyond `rate` times its length, and when that window ends."""
    ordered = sorted(moments)
    level, worst, at = 1.0, 1.0, ordered[0]
    for before, now in pairwise(ordered):
        level = max(level - (now - before) * rate, 0) + 1
        if level > worst:
            worst, at = level, now
    return worst, at


def _whole(history: History) -> Iterator[Violation]:
    for problem in history.damage:
        yield Violation(Rule.DAMAGED, problem)


def _by_text(history: History) -> dict[tuple[str, str], list[Sent]]:
    found: dict[tuple[str, str], list[Sent]] = {}
    for send in history.sends:
        found.setdefault((send.to, send.text), []).append(send)
    return found


_RULES: tuple[Callable[[History], Iterator[Violation]], ...] = (
    _kept_once,
    _answered,
    _answered_once,
    _received,
    _accounted,
    _nothing_left,
    _questions_in_order,
    _replies_in_order,
    _within_pace,
    _whole,
)
