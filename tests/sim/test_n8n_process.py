"""`qiaod sim n8n` as a process."""

from click.testing import CliRunner

from daemon.cli.sim import sim
from tests.sim.n8ns import ASKED, JSON
from tests.sim.test_sim_process import process
from tests.sim.wires import asking


async def test_n8n_serves_the_workflows_and_asks_for_the_header_it_is_told() -> None:
    options = ("--path", "shop", "--answer", "好的：{question}", "--header-auth", "X-Token:t0ken")
    async with process("n8n", "--port", "0", *options) as (_, url), asking(url, JSON) as raw:
        _, document = await raw.post("/webhook/shop", ASKED, **{"X-Token": "t0ken"})
        refused, _ = await raw.bytes("/webhook/shop", ASKED)

    assert document["output"] == "好的：hello"
    assert refused == 403


def test_the_help_of_n8n_teaches() -> None:
    assert "/_sim/workflows" in CliRunner().invoke(sim, ["n8n", "--help"]).output


def test_a_header_without_its_value_is_refused() -> None:
    result = CliRunner().invoke(sim, ["n8n", "--header-auth", "X-Token"])

    assert result.exit_code == 2
    assert "NAME:VALUE" in result.output
