"""What the chats of the simulated n8n remember, as LangChain writes it down (contract 1.5)."""

from typing import Any

from attrs import define, field

from daemon.sim.n8n_script import Flow

MOST = 1000  # sessions


@define(eq=False)
class Memory:
    _said: dict[tuple[str, str], list[tuple[str, str]]] = field(factory=dict, init=False)

    def remember(self, flow: Flow, session: str, question: str, answer: str) -> None:
        if not (flow.remembers and session) or len(self._said) >= MOST:
            return
        lines = self._said.setdefault((flow.workflow_id, session), [])
        lines += [("HumanMessage", question), ("AIMessage", answer)]

    def told(self, flow: Flow, session: str) -> list[dict[str, Any]]:
        return [
            {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", kind], "kwargs": {"content": words}}
            for kind, words in self._said.get((flow.workflow_id, session), [])
        ]
