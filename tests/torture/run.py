"""Torture at any length: `python -m tests.torture.run kills --size 100 --seed 3`; the verdict is printed as JSON.

`--bug NAME` builds one of the faults of `sabotage` in: then there should be violations.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from daemon.codec import encode_text
from tests.torture import scenarios, starts
from tests.torture.scenarios import Verdict

Sized = Callable[[Path, int, int, str], Coroutine[None, None, Verdict]]
SHOWN = 20  # violations printed


async def _kills(folder: Path, size: int, seed: int, bug: str) -> Verdict:
    return await scenarios.kills(folder, cycles=size, seed=seed, bug=bug)


async def _restarts(folder: Path, size: int, seed: int, bug: str) -> Verdict:
    return await scenarios.restarts(folder, planned=size, crashes=size, seed=seed, bug=bug)


async def _duplicates(folder: Path, size: int, seed: int, bug: str) -> Verdict:
    return await scenarios.duplicates(folder, callbacks=size, kills=max(3, size // 1000), seed=seed, bug=bug)


async def _orphans(folder: Path, size: int, _: int, bug: str) -> Verdict:
    return await starts.orphans(folder, waiting=size, bug=bug)


async def _pause(folder: Path, size: int, _: int, bug: str) -> Verdict:
    return await scenarios.pause(folder, seconds=size, bug=bug, waiting=60 + 10 * size)


async def _stop(folder: Path, size: int, _: int, bug: str, *, hurried: bool) -> Verdict:
    return await scenarios.stop_while_asked(folder, bug=bug, hurried=hurried)


SCENARIOS: dict[str, tuple[Sized, str]] = {
    "kills": (_kills, "SIGKILLs"),
    "restarts": (_restarts, "SIGTERMs, and as many SIGKILLs"),
    "duplicates": (_duplicates, "callbacks, each delivered five times"),
    "orphans": (_orphans, "jobs that wait at the start"),
    "pause": (_pause, "seconds of SIGSTOP"),
    "stop": (partial(_stop, hurried=False), "of no meaning"),
    "hurry": (partial(_stop, hurried=True), "of no meaning"),
}


def main() -> int:
    sizes = "; ".join(f"{name}: {meaning}" for name, (_, meaning) in SCENARIOS.items())
    parser = argparse.ArgumentParser(prog="python -m tests.torture.run", description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--size", type=int, default=10, help=sizes)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bug", default="")
    asked = parser.parse_args()
    scenario = SCENARIOS[asked.scenario][0]
    with tempfile.TemporaryDirectory(prefix="qiaod-torture-") as folder:
        verdict = asyncio.run(scenario(Path(folder), asked.size, asked.seed, asked.bug))
    lines = [encode_text({"scenario": asked.scenario, "seed": asked.seed, "bug": asked.bug, **verdict.figures})]
    lines += [f"{violation.rule.name}: {violation.evidence[:500]}" for violation in verdict.broken[:SHOWN]]
    sys.stdout.write("\n".join(lines) + "\n")
    return min(len(verdict.broken), 1)


if __name__ == "__main__":
    sys.exit(main())
