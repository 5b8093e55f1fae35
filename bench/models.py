"""A simulated model, a daemon that passes completions on to it, and both as those who are asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from attrs import frozen

from bench.asks import Answers, Party, completion, keys_of, party
from bench.processes import LOAD, daemon, server
from daemon.codec import encode
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL

PATH = "/v1/chat/completions"
ANSWER = "您好，未穿过的鞋可以在三十天内退货，运费由我们承担。" * 4
WORKFLOWS = {False: "whole", True: "streamed"}  # the daemon asks the model as it is asked itself


@frozen
class Scene:
    """Both are asked the same; straight is the model itself."""

    model: str  # its URL
    bridge: str
    keys: list[str]

    def ours(self, *, stream: bool) -> Party:
        return party(self.bridge + PATH, self.keys, completion(WORKFLOWS[stream], stream=stream))

    def straight(self, *, stream: bool) -> Party:
        return party(self.model + PATH, [DEMO_KEY], completion(DEMO_MODEL, stream=stream))

    def pair(self, *, stream: bool, callers: int, seconds: float, spread: float = 0.0) -> tuple[Answers, Answers]:
        """Ours, and then straight."""
        ours = self.ours(stream=stream).answers(at_once=callers, seconds=seconds, spread=spread)
        return ours, self.straight(stream=stream).answers(at_once=callers, seconds=seconds, spread=spread)

    def play(self, **script: Any) -> None:
        play(self.model, {"answer": ANSWER, **script})


@contextmanager
def scene() -> Iterator[Scene]:
    """The model shares its core with the load: beside the daemon it would slow it down."""
    with server("daemon", "sim", "openai", "--port", "0", core=LOAD) as model, daemon() as bridge:
        asked = {"provider": "openai", "base_url": f"{model}/v1", "key": DEMO_KEY, "model": DEMO_MODEL}
        for stream, name in WORKFLOWS.items():
            workflow = {"name": name, "stream": stream, "check": False, **asked}
            bridge.call("POST", "/api/v1/workflows", workflow)
        yield Scene(model, bridge.url, keys_of(bridge))


def play(simulator: str, script: Mapping[str, Any]) -> None:
    """How a simulator answers from now on."""
    told = Request(f"{simulator}/_sim/script", encode({"script": script}), method="POST")
    with urlopen(told, timeout=5) as answer:
        answer.read()
