"""Supabase's data API as a store of conversations: what is kept comes back, and each refusal means what it says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.dialogue import Dialogue, Line
from daemon.errors import (
    NotFound,
    QiaodError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.outbound import open_outbound
from daemon.net.supabase.client import Supabase
from daemon.secret import Redactor, Secret
from daemon.sim.faults import Fault, Kind
from daemon.sim.supabase import SupabaseSimulator, supabase_simulator

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
DIALOGUE = Dialogue(id='网站/客服 1+1=2,"a"', user_id="user-1", made_by="key:a", chat="dlg-1", created_at=NOW)


@pytest.fixture
async def sim() -> AsyncIterator[SupabaseSimulator]:
    async with supabase_simulator() as sim:
        yield sim


@pytest.fixture
async def store(sim: SupabaseSimulator) -> AsyncIterator[Supabase]:
    async with open_outbound(Redactor()) as outbound:
        yield Supabase(outbound, sim.url + "/", Secret(sim.key))


def line(number: int, dialogue: Dialogue = DIALOGUE) -> Line:
    return Line(
        id=f"01a1fc8e-8a33-7000-85d6-{number:012}",
        dialogue_id=dialogue.id,
        content=f"第 {number} 句",
        is_user=number % 2 == 0,
        workflow_id=None if number % 2 == 0 else "w",
        created_at=NOW + timedelta(milliseconds=number),
    )


async def test_a_conversation_comes_back_as_it_was_kept(store: Supabase) -> None:
    assert await store.find(DIALOGUE.id) is None
    assert await store.open(DIALOGUE) == DIALOGUE
    assert await store.find(DIALOGUE.id) == DIALOGUE
    await store.append([line(1), line(2)])
    assert await store.page(DIALOGUE.id, before=None, limit=10) == [line(1), line(2)]


async def test_who_was_first_has_it(store: Supabase) -> None:
    await store.open(DIALOGUE)
    second = Dialogue(id=DIALOGUE.id, user_id="user-2", made_by="key:b", chat="dlg-2", created_at=NOW)
    assert await store.open(second) == DIALOGUE


async def test_lines_that_are_there_already_stay_as_they_are(store: Supabase, sim: SupabaseSimulator) -> None:
    await store.open(DIALOGUE)
    await store.append([line(1)])
    await store.append([line(1), line(2)])
    assert [row["content"] for row in sim.lines(DIALOGUE.id)] == ["第 1 句", "第 2 句"]


async def test_a_page_is_the_latest_before_a_line_oldest_first(store: Supabase) -> None:
    await store.open(DIALOGUE)
    await store.append([line(number) for number in range(10)])
    assert await store.page(DIALOGUE.id, before=line(7).id, limit=3) == [line(4), line(5), line(6)]


async def test_a_line_without_its_conversation_is_refused(store: Supabase) -> None:
    with pytest.raises(NotFound):
        await store.append([line(1)])


async def test_what_is_forgotten_takes_its_lines_with_it(store: Supabase, sim: SupabaseSimulator) -> None:
    other = Dialogue(id="other", user_id="u", made_by="", chat="", created_at=NOW)
    for one in (DIALOGUE, other):
        await store.open(one)
        await store.append([line(1, one) if one is DIALOGUE else line(2, one)])
    await store.forget(DIALOGUE.id)
    await store.forget(DIALOGUE.id)
    assert (await store.find(DIALOGUE.id), await store.page(DIALOGUE.id, before=None, limit=9)) == (None, [])
    assert len(sim.lines("other")) == 1


async def test_a_character_that_postgresql_does_not_take_is_left_out(store: Supabase) -> None:
    await store.open(DIALOGUE)
    await store.append([Line(id="1", dialogue_id=DIALOGUE.id, content="a\x00b", is_user=True, workflow_id=None,
                             created_at=NOW)])  # fmt: skip
    assert [one.content for one in await store.page(DIALOGUE.id, before=None, limit=1)] == ["ab"]


async def test_only_the_service_key_is_let_in(store: Supabase) -> None:
    store.key = Secret("sb_publishable_demo0123456789abcdefghij")
    with pytest.raises(RemoteUnauthorized):
        await store.find("a")
    store.key = Secret("sb_secret_of_another_project")
    with pytest.raises(RemoteUnauthorized) as caught:
        await store.find("a")
    assert caught.value.code == "supabase.unauthorized"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(kind=Kind.ERROR, name="no-database"), RemoteUnavailable, "supabase.unavailable"),
        (Fault(kind=Kind.ERROR, name="pool-timeout"), RemoteUnavailable, "remote.gateway"),
        (Fault(kind=Kind.ERROR, name="statement-timeout"), RemoteUnavailable, "supabase.unavailable"),
        (Fault(kind=Kind.ERROR, name="paused"), RemoteUnavailable, "supabase.unavailable"),
        (Fault(kind=Kind.ERROR, name="jwt-expired"), RemoteUnauthorized, "supabase.unauthorized"),
        (Fault(kind=Kind.ERROR, name="permission"), RemoteUnauthorized, "supabase.unauthorized"),
        (Fault(kind=Kind.ERROR, name="no-table"), RemoteRefused, "supabase.no_table"),
        (Fault(kind=Kind.STATUS, status=400, body="{}"), RemoteRefused, "supabase.refused"),
        (Fault(kind=Kind.STATUS, status=429, headers={"Retry-After": "7"}), RemoteLimited, "supabase.limited"),
        (Fault(kind=Kind.NONSENSE), RemoteNonsense, "supabase.not_an_answer"),
        (Fault(kind=Kind.STATUS, status=200, body="<html>"), RemoteNonsense, "supabase.not_an_answer"),
        (Fault(kind=Kind.DROP), RemoteUnavailable, "remote.cut"),
    ],
)
async def test_each_refusal_means_what_it_says(
    store: Supabase, sim: SupabaseSimulator, fault: Fault, kind: type[QiaodError], code: str
) -> None:
    sim.faults.add(fault)
    with pytest.raises(kind) as caught:
        await store.page("a", before=None, limit=1)
    assert caught.value.code == code
    assert sim.key not in str(caught.value)
