"""`qiaod sim`: the neighbours' simulators as processes, to try the bridge without WeChat and without an AI."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click
import uvloop
from attrs import evolve

from daemon.cli.sim_openai import openai
from daemon.cli.sim_serve import serve
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSetup, fastgpt_simulator
from daemon.sim.fastgpt_ask import App
from daemon.sim.fastgpt_profiles import PROFILES
from daemon.sim.fastgpt_script import Script
from daemon.sim.gewe import DEMO_ACCOUNTS, TOKEN, GeweSetup, gewe_simulator
from daemon.sim.gewe_callbacks import Knobs
from daemon.sim.gewe_envelopes import Envelope
from daemon.sim.n8n import API_KEY, DEMO_FLOW, N8nSetup, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow
from daemon.sim.n8n_script import Script as N8nScript

GEWE_PORT = 2531  # where a self-hosted GeWe listens
FASTGPT_PORT = 3000  # where a self-hosted FastGPT listens
N8N_PORT = 5678  # where n8n listens


def _pairs(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition(":") for value in values]
    wrong = next((left + colon + right for left, colon, right in pairs if not (left and right)), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not {parameter.metavar}")
    return {left: right for left, _, right in pairs}


def _pair(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, str] | None:
    return next(iter(_pairs(context, parameter, (value,)).items())) if value is not None else None


@click.group()
def sim() -> None:
    """Simulate a neighbour over real HTTP, with faults on demand.

    The URL is the first line printed; SIGTERM or Ctrl-C ends it. Everything is driven by plain HTTP under /_sim:

    \b
      curl $URL/_sim/faults                          the faults in force, and the errors it knows by name
      curl -X POST $URL/_sim/faults -d '{"kind": "drop", "path": "*/postText", "times": 3}'
                                                     kinds: latency status gateway error drop half reset hang nonsense
      curl -X DELETE $URL/_sim/faults                no more faults
      curl "$URL/_sim/ledger?after=0&limit=100"      what it received, and how each request ended
      curl $URL/_sim/traffic                         in flight now, most ever, how many
    """


@sim.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=GEWE_PORT, show_default=True, help="0 lets the system choose.")
@click.option("--callback-url", help="Where WeChat's events go, as if set in GeWe's console; the API can set it, too.")
@click.option(
    "--account", "accounts", multiple=True, metavar="APPID:WXID", callback=_pairs, help="Online from the start."
)
@click.option("--token", "tokens", multiple=True, help=f"Accepted as X-GEWE-TOKEN. [default: {TOKEN}]")
@click.option("--envelope", type=click.Choice([e.value for e in Envelope]), default="v1", show_default=True)
@click.option("--auto-login", is_flag=True, help="Each checkLogin brings a login one step further by itself.")
@click.option("--seed", default=1, show_default=True, help="Of all chance: the same seed, the same run.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Append each request as JSON lines, flushed at once.")
def gewe(
    host: str,
    port: int,
    callback_url: str | None,
    accounts: Mapping[str, str],
    tokens: tuple[str, ...],
    envelope: str,
    auto_login: bool,
    seed: int,
    ledger: Path | None,
) -> None:
    """A simulated GeWe with a WeChat behind it.

    \b
      curl -X POST $URL/_sim/wechat/person -d '{"app_id": "APPID", "wxid": "wxid_ann", "text": "你好"}'
      curl -X POST $URL/_sim/wechat/group  -d '{"app_id": "APPID", "room": "1@chatroom", "wxid": "wxid_ann",
                                                "text": "@Bot 在吗", "at": ["WXID"]}'
      curl -X POST $URL/_sim/wechat/owner  -d '{"app_id": "APPID", "to": "wxid_ann", "text": "我来回"}'
      curl -X POST $URL/_sim/wechat/sample -d '{"app_id": "APPID", "name": "E5"}'
      curl -X POST $URL/_sim/wechat/drop   -d '{"app_id": "APPID"}'
      curl -X POST $URL/_sim/wechat/media  -d '{"app_id": "APPID", "wxid": "wxid_ann", "kind": "image"}'
                                                     also: voice video file emoji link card location
      curl -X POST $URL/_sim/wechat/friend-request -d '{"app_id": "APPID", "wxid": "wxid_new", "greeting": "我是卡尔"}'
      curl -X POST $URL/_sim/wechat/accept -d '{"app_id": "APPID", "wxid": "wxid_new"}'   says yes to being added
      curl -X POST $URL/_sim/wechat/post   -d '{"app_id": "APPID", "wxid": "wxid_ann", "text": "开业", "pictures": 2}'
      curl -X POST $URL/_sim/wechat/react  -d '{"app_id": "APPID", "wxid": "wxid_ann", "sns_id": ID, "text": "恭喜"}'
      curl -X POST $URL/_sim/wechat/room   -d '{"app_id": "APPID", "room": "1@chatroom", "what": "joins",
                                                "wxid": "wxid_bo"}'   also: leaves renamed invites removed
      curl -X PUT $URL/_sim/media/knobs -d '{"gone": true}'          also: empty, fetch_fails, download_s, fetch_s
      curl "$URL/_sim/wechat/received?to=wxid_ann&number=1&timeout=10"
      curl -X POST $URL/_sim/accounts -d '{"app_id": "APPID", "action": "scan"}'     scan, confirm, cancel
      curl -X POST $URL/_sim/accounts -d '{"app_id": "APPID", "false_online": true}' also: silent, needs_code
      curl -X PUT $URL/_sim/callbacks/knobs -d '{"envelope": "v2a", "copies": 1, "hold_chance": 0.2}'
      curl "$URL/_sim/callbacks?after=0"             each push: when, status, how long
    """
    setup = GeweSetup(
        accounts=accounts or DEMO_ACCOUNTS,
        tokens=tokens or (TOKEN,),
        callback_url=callback_url,
        knobs=Knobs(envelope=Envelope(envelope)),
        auto_login=auto_login,
        seed=seed,
        ledger_file=ledger,
    )
    uvloop.run(serve(gewe_simulator(setup, host=host, port=port)))


@sim.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=FASTGPT_PORT, show_default=True, help="0 lets the system choose.")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY:APPID", callback=_pairs, help=f"[default: {DEMO_KEY}:{DEMO_APP.id}]"
)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="current", show_default=True)
@click.option("--answer", default="收到：{question}", show_default=True, help="Also {number}, {app_id}, {chat_id}.")
@click.option("--delay", default=0.0, show_default=True, help="Seconds before the first word.")
@click.option("--chunk-delay", default=0.0, show_default=True, help="Seconds before each piece of a stream.")
@click.option("--requests-per-minute", type=int, help="The team's limit. [default: none]")
@click.option("--seed", default=1, show_default=True, help="Of all chance: the same seed, the same run.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Append each request as JSON lines, flushed at once.")
def fastgpt(
    host: str,
    port: int,
    keys: Mapping[str, str],
    profile: str,
    answer: str,
    delay: float,
    chunk_delay: float,
    requests_per_minute: int | None,
    seed: int,
    ledger: Path | None,
) -> None:
    """A simulated FastGPT: both completions endpoints, plain and streamed, and the reads around them.

    Profiles are versions: legacy (up to 4.14.10), 4.14.7 (details as an object), current (4.16).

    \b
      curl -X POST $URL/_sim/script -d '{"script": {"answer": "好的", "delay_s": 0.5}}'
      curl -X POST $URL/_sim/script -d '{"app_id": "…", "times": 1, "script": {"mishap": "error-mid-stream"}}'
                                                     mishaps: node-failure error-before error-mid-stream no-done cut
      curl -X POST $URL/_sim/script -d '{"script": {"judging": {"labels": {"complaint": ["投诉"]}}}}'
    """
    bound: dict[str, str | None] = {**keys} or {DEMO_KEY: DEMO_APP.id}
    setup = FastGptSetup(
        keys=bound,
        apps=tuple(App(id=app_id) for app_id in dict.fromkeys(bound.values()) if app_id),
        profile=profile,
        script=Script(answer=answer, delay_s=delay, chunk_delay_s=chunk_delay),
        requests_per_minute=requests_per_minute,
        seed=seed,
        ledger_file=ledger,
    )
    uvloop.run(serve(fastgpt_simulator(setup, host=host, port=port)))


@sim.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=N8N_PORT, show_default=True, help="0 lets the system choose.")
@click.option("--path", "paths", multiple=True, help=f"Of a workflow's webhook. [default: {DEMO_FLOW.path}]")
@click.option(
    "--mode",
    type=click.Choice(["lastNode", "onReceived", "responseNode", "streaming"]),
    default="lastNode",
    show_default=True,
    help="When and how its workflows answer.",
)
@click.option(
    "--answer", default="收到：{question}", show_default=True, help="Also {session}, {task}, {number}, {call}."
)
@click.option("--delay", default=0.0, show_default=True, help="Seconds before the answer.")
@click.option("--chunk-delay", default=0.0, show_default=True, help="Seconds before each piece of a stream.")
@click.option("--header-auth", metavar="NAME:VALUE", callback=_pair, help="Asked of each call. [default: nothing]")
@click.option("--signing-secret", help="whsec_…: the workflows refuse what is not signed with it.")
@click.option("--api-key", default=API_KEY, show_default=True, help="Of the public API.")
@click.option("--at-once", type=int, help="Executions; more wait in line. [default: no limit]")
@click.option("--seed", default=1, show_default=True, help="Of all chance: the same seed, the same run.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Append each request as JSON lines, flushed at once.")
def n8n(
    host: str,
    port: int,
    paths: tuple[str, ...],
    mode: Literal["lastNode", "onReceived", "responseNode", "streaming"],
    answer: str,
    delay: float,
    chunk_delay: float,
    header_auth: tuple[str, str] | None,
    signing_secret: str | None,
    api_key: str,
    at_once: int | None,
    seed: int,
    ledger: Path | None,
) -> None:
    """A simulated n8n 2.41: webhooks, Chat Triggers, streams, executions and the public API.

    \b
      curl $URL/webhook/rag-ai -H 'Content-Type: application/json' -d '{"chatInput": "在吗", "sessionId": "s1"}'
      curl -X POST $URL/_sim/script -d '{"script": {"answer": "好的", "delay_s": 0.5}}'
      curl -X POST $URL/_sim/script -d '{"path": "rag-ai", "times": 1, "script": {"mishap": "fails"}}'
                                                     mishaps: fails fails-after continues unreached no-items
                                                     error-mid-stream error-silent cut
      curl -X POST $URL/_sim/script -d '{"script": {"wait_s": 70}}'          parked: the caller gets the item back
      curl -X POST $URL/_sim/workflows -d '{"path": "busy", "mode": "responseNode",
             "script": {"respond": {"status": 429, "headers": {"Retry-After": "7"}, "body": "later"}}}'
      curl -X POST $URL/_sim/workflows -d '{"path": "hook-1", "trigger": "chat", "mode": "streaming"}'
      curl -X POST $URL/_sim/stage -d '{"stage": "booting"}'                 page booting ready no-database, or null
      curl -X POST "$URL/_sim/listen?path=rag-ai"                            the test URL takes one call
      curl "$URL/api/v1/executions?includeData=true" -H "X-N8N-API-KEY: KEY"
    """
    flow = Flow(
        mode=mode,
        auth=Auth(kind="header", name=header_auth[0], secret=header_auth[1]) if header_auth else Auth(),
        signing_secrets=(signing_secret,) if signing_secret else (),
        script=N8nScript(answer=answer, delay_s=delay, chunk_delay_s=chunk_delay),
    )
    setup = N8nSetup(
        flows=tuple(evolve(flow, path=path, name=path) for path in paths or (DEMO_FLOW.path,)),
        api_key=api_key,
        at_once=at_once,
        seed=seed,
        ledger_file=ledger,
    )
    uvloop.run(serve(n8n_simulator(setup, host=host, port=port)))


sim.add_command(openai)
