"""What docs/n8n.md shows works: the script, and the check of signatures in n8n."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from attrs import evolve

from daemon.clock import SystemClock
from daemon.codec import encode
from daemon.net.n8n import N8nWebhookError
from daemon.net.n8n.sync import Script
from daemon.net.n8n.wire_request import wire
from daemon.secret import Secret
from daemon.sim.faults import Fault, Kind
from daemon.sim.n8n import DEMO_FLOW, N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow
from daemon.texts import TEXTS
from tests.net.n8n.calls import REQUEST, WEBHOOK
from tests.net.n8n.test_wire_request import FIRST, SECOND

PAGE = Path("docs/n8n.md").read_text("utf-8")
SHOP = Flow(auth=Auth(kind="header", name="X-Shop-Key", secret="k-1"))
NODE = shutil.which("node")
HARNESS = """
const {sent, headers} = JSON.parse(process.argv[1]);
const $input = {first: () => ({json: {headers}})};
const helpers = {getBinaryDataBuffer: async () => Buffer.from(sent)};
const told = items => console.log(items[0].json.chatInput);
(async function () { %s }).call({helpers}).then(told, error => console.log(error.message));
"""


def shown(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


async def said(sim: N8nSimulator) -> str:
    """By the script as it is shown, but for its address."""
    example = shown("python").replace("https://n8n.example.com", sim.url)
    out = StringIO()

    def run() -> None:
        with redirect_stdout(out):
            exec(example, {})

    await asyncio.to_thread(run)
    return out.getvalue().strip()


async def test_the_script_that_is_shown_works() -> None:
    async with n8n_simulator(N8nSetup(flows=(SHOP,))) as sim:
        assert await said(sim) == "收到：保修多久？"
        sim.save(evolve(SHOP, active=False))
        assert await said(sim) == "n8n.not_registered False"

    assert sim.runs[0].told.body["shop"] == 7


async def asked(sim: N8nSimulator, *, repeat: bool = False) -> str:
    script = Script(url=sim.webhook())
    quick = evolve(script.retry, base=script.retry.base / 1000, repeat=repeat)

    def ask(one: Script) -> str:
        return one.ask("hello", session_id="s1").text

    return await asyncio.to_thread(ask, evolve(script, retry=quick))


async def test_a_script_repeats_what_did_not_run() -> None:
    async with n8n_simulator() as sim:
        sim.faults.add(Fault(kind=Kind.ERROR, name="starting", path="/webhook/*", times=2))
        assert await asked(sim) == "收到：hello"
        assert len(sim.runs) == 1


async def test_a_script_waits_for_a_workflow_that_was_just_published() -> None:
    async with n8n_simulator(N8nSetup(flows=(evolve(DEMO_FLOW, active=False),))) as sim:
        task = asyncio.create_task(asked(sim))
        await sim.ledger.wait_for("/webhook/*", ended=True)
        sim.save(DEMO_FLOW)
        assert await task == "收到：hello"


@pytest.mark.parametrize(("repeat", "runs"), [(False, 1), (True, 2)])
async def test_a_script_repeats_what_may_have_run_only_when_told(repeat: bool, runs: int) -> None:
    async with n8n_simulator() as sim:
        sim.faults.add(Fault(kind=Kind.DROP, path="/webhook/*", times=1))
        try:
            text = await asked(sim, repeat=repeat)
        except N8nWebhookError as error:
            text = error.code
        assert text == ("收到：hello" if repeat else "remote.cut")
        assert len(sim.runs) == runs
        assert len({run.told.call for run in sim.runs}) == 1


@pytest.mark.skipif(NODE is None, reason="node runs the code that n8n would")
@pytest.mark.parametrize(
    ("keys", "age", "spoil", "verdict"),
    [
        ((FIRST,), 0, str, "hello"),
        ((SECOND, FIRST), 0, str, "hello"),
        ((SECOND,), 0, str, "signature wrong"),
        ((FIRST,), 0, lambda sent: sent.replace("hello", "hullo"), "signature wrong"),
        ((FIRST,), 400, str, "signature too old"),
        ((), 0, str, "signature too old"),
    ],
)
async def test_the_code_that_is_shown_checks_signatures(
    keys: tuple[str, ...], age: int, spoil: Callable[[str], str], verdict: str
) -> None:
    now = SystemClock()
    at = now.now().replace(microsecond=0)
    made = wire(
        evolve(WEBHOOK, signing_keys=tuple(map(Secret, keys))),
        REQUEST,
        now=at.fromtimestamp(at.timestamp() - age, at.tzinfo),
    )
    told = json.dumps({"sent": spoil(encode(made.body).decode()), "headers": made.headers})
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE, "-e", HARNESS % shown("js"), told, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == verdict


@pytest.mark.parametrize("code", sorted(set(re.findall(r"`(n8n[._][a-z_]+)`", PAGE)) - {"n8n_timeout"}))
def test_every_code_that_is_named_has_its_text(code: str) -> None:
    assert code in TEXTS


@pytest.mark.parametrize("code", sorted(code for code in TEXTS if code.startswith("n8n.")))
def test_every_text_is_of_a_code_that_is_used(code: str) -> None:
    sources = [path.read_text("utf-8") for path in Path("daemon").rglob("*.py") if path.name != "texts.py"]
    assert any(f'"{code}"' in source for source in sources)
