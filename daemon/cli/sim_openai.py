"""`qiaod sim openai`: a simulated OpenAI-compatible service."""

from pathlib import Path

import click
import uvloop

from daemon.cli.sim_serve import serve
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSetup, openai_simulator
from daemon.sim.openai_script import PROFILES, Script

OPENAI_PORT = 8000  # where vLLM listens


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=OPENAI_PORT, show_default=True, help="0 lets the system choose.")
@click.option("--key", "keys", multiple=True, help=f"Accepted as a Bearer token. [default: {DEMO_KEY}]")
@click.option("--model", "models", multiple=True, help=f"That it knows. [default: {DEMO_MODEL}]")
@click.option("--profile", type=click.Choice(list(PROFILES)), default="openai", show_default=True)
@click.option("--answer", default="收到：{question}", show_default=True, help="Also {number}, {model}, {earlier}.")
@click.option("--delay", default=0.0, show_default=True, help="Seconds before the first word.")
@click.option("--chunk-delay", default=0.0, show_default=True, help="Seconds before each piece of a stream.")
@click.option("--requests-per-minute", type=int, help="Of all callers together. [default: no limit]")
@click.option("--seed", default=1, show_default=True, help="Of all chance: the same seed, the same run.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Append each request as JSON lines, flushed at once.")
def openai(
    host: str,
    port: int,
    keys: tuple[str, ...],
    models: tuple[str, ...],
    profile: str,
    answer: str,
    delay: float,
    chunk_delay: float,
    requests_per_minute: int | None,
    seed: int,
    ledger: Path | None,
) -> None:
    """A simulated OpenAI-compatible model: chat completions, plain and streamed, and the list of models.

    Profiles are makes of servers: openai, older (refuses stream_options), last-chunk (usage with the last words),
    null-choices (usage beside choices: null), local (no key, no list of models, no usage in streams).

    \b
      curl $URL/v1/chat/completions -H "Authorization: Bearer KEY" -H 'Content-Type: application/json' \\
           -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "在吗"}], "stream": true}'
      curl -X POST $URL/_sim/script -d '{"script": {"answer": "好的", "delay_s": 0.5}}'
      curl -X POST $URL/_sim/script -d '{"model": "…", "times": 1, "script": {"mishap": "error-mid-stream"}}'
                                                     mishaps: error-before error-mid-stream no-done ends-early cut
      curl -X POST $URL/_sim/script -d '{"script": {"finish": "content_filter"}}'    also: length, tool_calls
      curl -X POST $URL/_sim/faults -d '{"kind": "error", "name": "limited", "headers": {"retry-after-ms": "250"}}'
    """
    setup = OpenAiSetup(
        keys=keys or (DEMO_KEY,),
        models=models or (DEMO_MODEL,),
        profile=profile,
        script=Script(answer=answer, delay_s=delay, chunk_delay_s=chunk_delay),
        requests_per_minute=requests_per_minute,
        seed=seed,
        ledger_file=ledger,
    )
    uvloop.run(serve(openai_simulator(setup, host=host, port=port)))
