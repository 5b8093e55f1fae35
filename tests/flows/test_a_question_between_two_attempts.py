"""What a person writes while an earlier question waits to be asked again is answered after it."""

from datetime import timedelta
from pathlib import Path

from daemon.sim.faults import Fault, Kind
from tests.flows.house import house


async def test_it_is_answered_too(tmp_path: Path) -> None:
    async with house(tmp_path, jobs={"retry_base": timedelta(seconds=1), "retry_cap": timedelta(seconds=1)}) as h:
        h.fastgpt.faults.add(Fault(kind=Kind.STATUS, path="*/chat/completions", times=1, status=503))
        await h.writes("第一个问题")
        await h.fastgpt.ledger.wait_for("*/chat/completions", ended=True)
        await h.settled("/api/v1/integrations/conversations", "answered_by", {"assistant"})
        await h.writes("第二个问题")
        assert await h.replies(2) == ["收到：第一个问题", "收到：第二个问题"]
