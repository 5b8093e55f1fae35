"""The judge finds every broken promise in a made-up history, and none in a history that keeps them all."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from tests.torture.history import Acked, Asked, History, Job, Message, Pace, Received, Rule, Sent, Turn, check


def told(number: int, *, peer: str = "ann", app: str = "shop", state: str = "sent", lost: bool = False) -> History:
    """One question and its answer, all in order."""
    turn, send, message, wechat = f"t{number}", f"s{number}", f"m{number}", f"w{number}"
    question, answer = f"question {number}", f"answer {number}"
    return History(
        acked=[Acked(app=app, wechat_id=message)],
        asked=[Asked(text=question)],
        received=[Received(app=app, to=peer, text=answer, wechat_id=wechat, at=float(number), lost=lost)],
        messages=[
            Message(id=message, app=app, wechat_id=message, conversation=peer, standing="answered", turn=turn),
        ],
        turns=[Turn(id=turn, conversation=peer, state="answered", question=question)],
        sends=[
            Sent(
                id=send,
                app=app,
                to=peer,
                text=answer,
                state=state,
                batch=f"b{number}",
                turn=turn,
                wechat_id=wechat if state == "sent" else None,
            )
        ],
    )


def joined(*parts: History) -> History:
    """One after the other."""
    return History(
        acked=[row for part in parts for row in part.acked],
        asked=[row for part in parts for row in part.asked],
        received=[row for part in parts for row in part.received],
        messages=[row for part in parts for row in part.messages],
        turns=[row for part in parts for row in part.turns],
        sends=[row for part in parts for row in part.sends],
    )


GOOD = joined(told(1), told(2), told(3, peer="bob", state="unknown", lost=True), told(4))


def test_a_history_that_keeps_the_promises_is_not_faulted() -> None:
    assert check(GOOD) == []


def test_a_question_that_was_asked_again_before_the_next_one_is_no_fault() -> None:
    assert check(evolve(GOOD, asked=[GOOD.asked[0], *GOOD.asked])) == []


def test_what_was_stored_and_never_acknowledged_is_no_fault() -> None:
    assert check(evolve(GOOD, acked=GOOD.acked[1:])) == []


def test_an_unknown_send_that_never_arrived_is_no_fault() -> None:
    assert check(evolve(GOOD, received=[r for r in GOOD.received if not r.lost])) == []


def test_a_message_whose_job_is_dead_waits_for_a_person_and_is_no_fault() -> None:
    waiting = evolve(GOOD.messages[0], standing="pending", turn="t1")
    asking = evolve(GOOD.turns[0], state="asking")
    history = evolve(told(1), messages=[waiting], turns=[asking], sends=[], received=[])
    assert check(evolve(history, jobs=[Job(lane="turn", serves="ann", state="dead")])) == []
    assert {v.rule for v in check(history)} == {Rule.FORGOTTEN}


def test_a_job_that_is_due_later_is_no_fault() -> None:
    assert check(evolve(GOOD, jobs=[Job(lane="turn", serves="eve", state="ready", due=False)])) == []


def first_send(**changes: Any) -> History:
    return evolve(GOOD, sends=[evolve(GOOD.sends[0], **changes), *GOOD.sends[1:]])


def first_message(**changes: Any) -> History:
    return evolve(GOOD, messages=[evolve(GOOD.messages[0], **changes), *GOOD.messages[1:]])


PLANTED: dict[Rule, Callable[[], History]] = {
    Rule.ACKED_LOST: lambda: evolve(GOOD, acked=[*GOOD.acked, Acked(app="shop", wechat_id="gone")]),
    Rule.STORED_TWICE: lambda: evolve(GOOD, messages=[*GOOD.messages, evolve(GOOD.messages[3], id="m5")]),
    Rule.FORGOTTEN: lambda: first_message(standing="pending"),
    Rule.UNANSWERED: lambda: evolve(GOOD, turns=[evolve(GOOD.turns[0], state="asking"), *GOOD.turns[1:]]),
    Rule.KEPT: lambda: first_message(standing="kept", reason="flooded"),
    Rule.ANSWERED_TWICE: lambda: evolve(GOOD, sends=[*GOOD.sends, evolve(GOOD.sends[3], id="s5", batch="b5")]),
    Rule.ASKED_UNRECORDED: lambda: evolve(GOOD, asked=[*GOOD.asked, Asked(text="who asks?")]),
    Rule.SENT_UNRECORDED: lambda: evolve(GOOD, received=[*GOOD.received, evolve(GOOD.received[0], text="who says?")]),
    Rule.SENT_TWICE: lambda: evolve(GOOD, received=[*GOOD.received, evolve(GOOD.received[3], wechat_id="w5")]),
    Rule.SENT_UNSEEN: lambda: evolve(GOOD, received=GOOD.received[1:]),
    Rule.RECEIPT_HIDDEN: lambda: first_send(state="failed"),
    Rule.LOST_ANSWER_HIDDEN: lambda: evolve(GOOD, received=[evolve(GOOD.received[0], lost=True), *GOOD.received[1:]]),
    Rule.STILL_SENDING: lambda: first_send(state="sending"),
    Rule.WORK_LEFT: lambda: evolve(GOOD, jobs=[Job(lane="turn", serves="eve", state="ready")]),
    Rule.QUESTIONS_DISORDERED: lambda: evolve(GOOD, asked=[GOOD.asked[1], GOOD.asked[0], *GOOD.asked[2:]]),
    Rule.REPLIES_DISORDERED: lambda: evolve(GOOD, received=[GOOD.received[3], *GOOD.received[:3]]),
    Rule.TOO_FAST: lambda: evolve(GOOD, pace=Pace(rate=0.001, burst=1)),
    Rule.DAMAGED: lambda: evolve(GOOD, damage=("row 7 missing from index",)),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_violation_is_found(rule: Rule) -> None:
    assert rule in {violation.rule for violation in check(PLANTED[rule]())}


def test_a_message_that_joined_the_turn_of_an_older_one_is_found() -> None:
    history = joined(told(1), told(2))
    swapped = [evolve(history.messages[0], turn="t2"), evolve(history.messages[1], turn="t1")]
    assert Rule.QUESTIONS_DISORDERED in {v.rule for v in check(evolve(history, messages=swapped))}


def test_a_send_that_waits_without_a_job_is_found() -> None:
    history = first_send(state="queued")
    assert Rule.WORK_LEFT in {violation.rule for violation in check(history)}


@pytest.mark.parametrize(
    ("moments", "faulted"),
    [
        ([0.0, 0.1, 0.2, 1.0, 2.0, 3.0], False),  # the burst, then the rate
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], True),  # twice the burst
        ([0.0, 5.0, 10.0, 10.0, 10.0], False),  # a pause fills the bucket
        ([0.0, 30.0, 30.1, 30.2, 30.3, 30.4, 30.5], True),  # and no more than that
    ],
)
def test_the_pace_is_held_against_every_window(moments: list[float], faulted: bool) -> None:
    received = [
        Received(app="shop", to="ann", text=f"{index}", wechat_id=f"{index}", at=at) for index, at in enumerate(moments)
    ]
    history = History(received=received, pace=Pace(rate=1, burst=3, slack=0.5))
    assert (Rule.TOO_FAST in {violation.rule for violation in check(history)}) == faulted
