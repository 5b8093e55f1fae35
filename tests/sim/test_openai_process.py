"""`qiaod sim openai` as a process."""

from click.testing import CliRunner

from daemon.cli.sim import sim
from tests.sim.openais import PATH, asked
from tests.sim.test_sim_process import process
from tests.sim.wires import asking


async def test_openai_answers_for_the_key_and_the_model_it_is_told() -> None:
    options = ("--key", "sk-mine", "--model", "qwen-plus", "--answer", "好的：{question}")
    async with process("openai", "--port", "0", *options) as (_, url), asking(url) as raw:
        said = asked("在吗") | {"model": "qwen-plus"}
        _, document = await raw.post(PATH, said, Authorization="Bearer sk-mine")
        refused, _ = await raw.bytes(PATH, said)

    assert document["choices"][0]["message"]["content"] == "好的：在吗"
    assert refused == 401


def test_the_help_of_openai_teaches() -> None:
    assert "/_sim/faults" in CliRunner().invoke(sim, ["openai", "--help"]).output
