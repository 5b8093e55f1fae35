"""A picture that arrives quickly does not shorten the window in which its question may follow."""

from datetime import timedelta
from pathlib import Path

from daemon.sim.pictures import jpeg
from tests.flows.house import ANN, APP_ID, house

MEDIA = "/api/v1/integrations/gewe/media"
WINDOW = {"merge_window": timedelta(seconds=1), "merge_most": timedelta(seconds=8)}


async def test_a_question_after_its_picture_is_here_is_asked_with_it(tmp_path: Path) -> None:
    async with house(tmp_path, conversation=WINDOW) as h:
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=jpeg(64, 48))
        await h.settled(MEDIA, "state", {"ready"})
        await h.writes("这是什么")
        assert len(await h.replies()) == 1
        (asked,) = h.fastgpt.ledger.of("*/chat/completions")
        text, picture = asked.body["messages"][-1]["content"]
        assert (text["text"], picture["type"]) == ("[图片]\n这是什么", "image_url")
