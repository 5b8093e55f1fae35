"""Campaigns and acceptances over SIGKILLs: nobody is written to, accepted or greeted twice. See `crowd`."""

from pathlib import Path

import pytest

from tests.torture.crowd import campaign, friends
from tests.torture.history import Rule
from tests.torture.size import LONG, size

pytestmark = [pytest.mark.torture, pytest.mark.timeout(3600 if LONG else 180)]


async def test_a_campaign_that_is_killed_writes_to_nobody_twice_and_ends(tmp_path: Path) -> None:
    people = size(30, 400)
    verdict = await campaign(tmp_path, people=people, kills=size(5, 100))
    assert verdict.broken == [], verdict.figures
    assert sum(verdict.figures["recipients"].values()) == people


async def test_a_campaign_that_repeats_what_was_begun_is_found(tmp_path: Path) -> None:
    verdict = await campaign(tmp_path, people=6, kills=1, bug="resend", slow=0.3, aimed=True)
    assert Rule.SENT_TWICE in verdict.rules, verdict.figures


async def test_who_asks_to_be_a_friend_is_accepted_and_greeted_once_over_kills(tmp_path: Path) -> None:
    verdict = await friends(tmp_path, people=size(8, 150), kills=size(2, 60))
    assert verdict.broken == [], verdict.figures
    assert verdict.figures["requests"]["accepted"] > 0
