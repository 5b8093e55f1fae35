"""The daemon beside LiteLLM's proxy, where that is installed: the same completions, passed on to the same model.

`litellm` is looked for on the PATH; LITELLM_BIN names it elsewhere. It runs with one worker, no database and no keys of
its own: it admits nobody and keeps no account of what is spent, which the daemon does for each.
"""

import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.asks import Answers, Party, completion, party
from bench.models import PATH, Scene, scene
from bench.processes import LOAD, SERVER
from bench.report import PAIRS, Figure, figure_of, left_out, main, pin
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL

ANSWER_S = 0.1
CALLERS = 50
SECONDS = 1.0
PATIENCE = 40.0  # seconds for it to start
CONFIG = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: {url}/v1, api_key: {key}}}
litellm_settings: {{num_retries: 0, telemetry: false}}
general_settings: {{master_key: {key}}}
"""


def run() -> Iterator[Figure]:
    pin(LOAD)
    program = os.environ.get("LITELLM_BIN") or shutil.which("litellm")
    if program is None:
        yield left_out("litellm", "all", because="litellm is not installed")
        return
    with scene() as both, _peer(program, both) as peer:
        both.play()
        yield figure_of("litellm", "plain.rps", unit="1/s", pairs=_rates(both, peer), baseline="LiteLLM", goal=">=10")
        both.play(delay_s=ANSWER_S)
        taken = [_added(both, peer) for _ in range(PAIRS)]
        yield figure_of("litellm", "plain.50.added", unit="ms", pairs=taken, baseline="LiteLLM", goal="<=0.1")


def _rates(both: Scene, peer: Party) -> list[tuple[float, float]]:
    _answers(both.ours(stream=False)), _answers(peer)
    return [(_answers(both.ours(stream=False)).rate, _answers(peer).rate) for _ in range(PAIRS)]


def _added(both: Scene, peer: Party) -> tuple[float, float]:
    """Milliseconds at p50 that we and the peer add to the model's."""
    ours, theirs, straight = (_answers(who).at(0.5) for who in (both.ours(stream=False), peer, _straight(both)))
    return ours - straight, theirs - straight


def _straight(both: Scene) -> Party:
    return both.straight(stream=False)


def _answers(who: Party) -> Answers:
    return who.answers(at_once=CALLERS, seconds=SECONDS, spread=ANSWER_S)


@contextmanager
def _peer(program: str, both: Scene) -> Iterator[Party]:
    """On the daemon's core, which idles meanwhile."""
    with tempfile.TemporaryDirectory(prefix="qiaod-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG.format(model=DEMO_MODEL, url=both.model, key=DEMO_KEY))
        port = _free_port()
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                pin(SERVER, child.pid)
                _wait_for(port)
                yield party(f"http://127.0.0.1:{port}{PATH}", [DEMO_KEY], completion(DEMO_MODEL, stream=False))
            finally:
                child.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])


def _wait_for(port: int) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            select.select([], [], [], 0.2)
    raise RuntimeError("LiteLLM did not start")


if __name__ == "__main__":
    main(run)
