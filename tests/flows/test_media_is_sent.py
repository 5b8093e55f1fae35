"""Pictures, files, voices and videos leave through the API: GeWe fetches each from its URL before it sends it."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from daemon.sim.gewe_media import sample
from daemon.store import revokes
from tests.flows.house import APP_ID, Api, House, house, running_daemon
from tests.flows.test_everything_is_sent import BODIES, SENDS, became, queue


def served(h: House, kind: str) -> str:
    """A true file of that kind, where GeWe can fetch it."""
    return h.gewe.media.publish(APP_ID, sample(kind), hosted=True)


def bodies(h: House) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "image": ("postImage", {"type": "image", "url": served(h, "image")}),
        "file": ("postFile", {"type": "file", "url": served(h, "file"), "name": "报价.pdf"}),
        "voice": ("postVoice", {"type": "voice", "url": served(h, "voice"), "seconds": 2}),
        "video": (
            "postVideo",
            {"type": "video", "url": served(h, "video"), "thumb_url": served(h, "image"), "seconds": 3},
        ),
    }


async def test_media_are_fetched_by_gewe_and_arrive_as_what_they_are(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for kind, (method, body) in bodies(h).items():
            sent = await became(h, await queue(h, **body), "sent", "failed", "unknown", "waiting")
            assert (sent["state"], sent["type"]) == ("sent", kind), sent
            assert len(h.gewe.ledger.of(f"*/message/{method}")) == 1
        arrived = [(one.kind, one.seen.type) for one in h.gewe.sends if one.seen is not None]
        (voice,) = h.gewe.ledger.of("*/message/postVoice")
        (video,) = h.gewe.ledger.of("*/message/postVideo")

    assert arrived == [
        ("postImage", "image/jpeg"),
        ("postFile", "application/pdf"),
        ("postVoice", "audio/silk"),
        ("postVideo", "video/mp4"),
    ]
    assert (voice.body["voiceDuration"], video.body["videoDuration"]) == (2000, 3)  # ms, and s


@pytest.mark.parametrize("kind", ["image", "file", "voice", "video"])
async def test_a_url_that_gewe_cannot_reach_is_told_as_that(tmp_path: Path, kind: str) -> None:
    async with house(tmp_path) as h:
        _, body = bodies(h)[kind]
        failed = await became(h, await queue(h, **body | {"url": "http://127.0.0.1:9/none"}), "failed", "unknown")
        assert (failed["state"], failed["error"]) == ("failed", "gewe.media_unfetched")
        assert "下载" in failed["detail"]


async def test_a_file_that_is_no_picture_is_told_as_that(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        failed = await became(h, await queue(h, type="image", url=served(h, "file")), "failed", "sent")
        assert failed["error"] == "gewe.media_bad_format"


async def test_a_revoke_that_a_crash_cut_off_is_unknown_after_the_start_and_not_tried_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        send = await queue(h, **BODIES["link"][1])
        await became(h, send, "sent")
        await h.bridge.engine.db.write(revokes.begin, send)  # as a process leaves it that dies during the call
        settings, key = h.settings, h.api.key
    async with running_daemon(settings) as bridge, aiohttp.ClientSession() as http:
        api = Api(http, bridge.url, key)
        found = await api.get(f"{SENDS}/{send}")
        status, problem = await api.call("POST", f"{SENDS}/{send}/revoke")
    assert (found["state"], found["revoke"], found["error"]) == ("sent", "unknown", "send.revoke_unknown")
    assert (status, problem["code"]) == (409, "send.revoke_begun")
    assert h.gewe.ledger.of("*/message/revokeMsg") == []
