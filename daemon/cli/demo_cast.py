"""Who plays in the demo, and what WeChat and FastGPT must have seen in the end: each thing once, and nothing else."""

from collections.abc import Mapping

from attrs import define, field, frozen

from daemon.sim.fastgpt import COMPLETIONS, FastGptSimulator
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSimulator

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
ROOM = "10000000001@chatroom"
ACCEPTING = "*/contacts/addContacts"


@frozen(kw_only=True)
class Person:
    name: str
    wxid: str


ANN = Person(name="Ann", wxid="wxid_friend00000001")
BAO = Person(name="Bao", wxid="wxid_friend00000002")
CHEN = Person(name="Chen", wxid="zhangsan2288")
DAI = Person(name="Dai", wxid="wxid_friend00000004")
EVA = Person(name="Eva", wxid="wxid_friend00000005")
FEI = Person(name="Fei", wxid="wxid_friend00000006")
GAO = Person(name="Gao", wxid="wxid_friend00000007")

NAMES: Mapping[str, str] = {
    **{person.wxid: person.name for person in (ANN, BAO, CHEN, DAI, EVA, FEI, GAO)},
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

    def text(self, to: str, *texts: str) -> None:
        self.texts.setdefault(to, []).extend(texts)

    def wrong(self, gewe: GeweSimulator, fastgpt: FastGptSimulator) -> list[Wrong]:
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
        asked = len(fastgpt.ledger.of(COMPLETIONS))
        if asked != self.questions:
            found.append(Wrong(what="questions", name="FastGPT", got=asked, due=self.questions))
        return found
