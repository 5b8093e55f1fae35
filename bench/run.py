"""Every bench, one after the other, each in a process of its own: `python -m bench.run [--json]`.

One that fails or takes too long is said so, and the others still run; then the exit code is 1.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.report import Figure, left_out, printer

LIMIT = 60.0  # seconds for one bench
TOTAL = 15 * 60.0  # seconds for all of them


def main() -> None:
    say = printer(sys.argv[1:])
    ends_at = time.monotonic() + TOTAL
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    sound = [_run(name, min(LIMIT, ends_at - time.monotonic()), say) for name in names]
    sys.exit(0 if all(sound) else 1)


def _run(name: str, limit: float, say: Callable[[Figure], None]) -> bool:
    """Whether it ended well within its limit; its figures are shown either way."""
    short = name.removeprefix("bench_")
    if limit <= 0:
        say(left_out(short, "all", because=f"the {TOTAL:.0f} s for all benches are over"))
        return False
    command = [sys.executable, "-m", f"bench.{name}", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True) as process:
        out, code = _ended(process, limit)
    for line in out.splitlines():
        if line.startswith('{"bench":'):
            say(Figure(**json.loads(line)))
    if code is None:
        say(left_out(short, "rest", because=f"not done after {limit:.0f} s"))
    elif code != 0:
        say(left_out(short, "rest", because=f"it failed with exit code {code}"))
    return code == 0


def _ended(process: subprocess.Popen[str], limit: float) -> tuple[str, int | None]:
    """What it said and its exit code; None where it had to be killed. Nothing that it started stays behind."""
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        return out, None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return out, process.returncode


if __name__ == "__main__":
    main()
