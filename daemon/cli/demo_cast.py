"""Who plays in the demo, and what WeChat and the AI must have seen in the end: each thing once, and nothing else."""

from collections.abc import Mapping

from attrs import define, field, frozen

from daemon.sim.fastgpt import COMPLETIONS, FastGptSimulator
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSimulator
from daemon.sim.n8n import N8nSimulator
from daemon.sim.openai import OpenAiSimulator

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
N8N_APP, N8N_BOT = "wx_demoAppId000000000002", "wxid_bot000000000002"
MODEL_APP, MODEL_BOT = "wx_demoAppId000000000003", "wxid_bot000000000003"
LOGGED_IN: Mapping[str, str] = {APP_ID: BOT, N8N_APP: N8N_BOT, MODEL_APP: MODEL_BOT}  # an account for each AI service
ROOM = "10000000001@chatroom"
ACCEPTING = "*/contacts/addContacts"


@frozen(kw_only=True)
class Person:
    name: str
    wxid: str
    app_id: str = APP_ID  # of the account they write to


ANN = Person(name="Ann", wxid="wxid_friend00000001")
BAO = Person(name="Bao", wxid="wxid_friend00000002")
CHEN = Person(name="Chen", wxid="zhangsan2288")
DAI = Person(name="Dai", wxid="wxid_friend00000004")
EVA = Person(name="Eva", wxid="wxid_friend00000005")
FEI = Person(name="Fei", wxid="wxid_friend00000006")
GAO = Person(name="Gao", wxid="wxid_friend00000007")
HAN = Person(name="Han", wxid="wxid_friend00000008")
IDA = Person(name="Ida", wxid="wxid_friend00000009", app_id=N8N_APP)
JIN = Person(name="Jin", wxid="wxid_friend00000010", app_id=MODEL_APP)

NAMES: Mapping[str, str] = {
    **{person.wxid: person.name for person in (ANN, BAO, CHEN, DAI, EVA, FEI, GAO, HAN, IDA, JIN)},
    ROOM: CHEN.name,  # nobody else writes there
}


@frozen(kw_only=True)
class Wrong:
    """Something that is not as it was due. `what` is the code of its text."""

    what: str
    name: str
    got: object
    due: object


@define
class Due:
    """What is to be found in the end. Scenes add to it before they begin, so that what broke off is missed."""

    texts: dict[str, list[str]] = field(factory=dict)  # by whom or which room they reach, in order
    friends: list[str] = field(factory=list)
    questions: int = 0  # that FastGPT answers
    runs: int = 0  # of n8n's workflow
    completions: int = 0  # of the plain model

    def text(self, to: str, *texts: str) -> None:
        self.texts.setdefault(to, []).extend(texts)

    def wrong(
        self, gewe: GeweSimulator, fastgpt: FastGptSimulator, n8n: N8nSimulator, model: OpenAiSimulator
    ) -> list[Wrong]:
        """Held against what the simulated services have truly seen, not against what the daemon says."""
        everybody = {**self.texts, **{sent.to: [] for sent in gewe.sends if sent.to not in self.texts}}
        found = [
            Wrong(what="texts", name=NAMES.get(to, to), got=gewe.received(to), due=texts)
            for to, texts in everybody.items()
            if gewe.received(to) != texts
        ]
        befriended = sorted(gewe.circles.of(APP_ID).befriended)
        tried = len(gewe.ledger.of(ACCEPTING))
        if befriended != sorted(self.friends) or tried != len(self.friends):
            found.append(Wrong(what="friends", name="GeWe", got=tried, due=len(self.friends)))
        asked = {
            "FastGPT": (len(fastgpt.ledger.of(COMPLETIONS)), self.questions),
            "n8n": (len(n8n.runs), self.runs),
            "OpenAI": (len(model.asked), self.completions),
        }
        found += [
            Wrong(what="questions", name=name, got=got, due=due) for name, (got, due) in asked.items() if got != due
        ]
        return found
