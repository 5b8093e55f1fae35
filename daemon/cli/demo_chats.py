"""Tells each step of the demo's conversations once, in the order it happened, as the API knows it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from daemon.cli.demo_cast import NAMES
from daemon.cli.demo_stage import Stage
from daemon.domain.conversation import Kept
from daemon.domain.cost import plain

CONVERSATIONS = "/api/v1/integrations/conversations"
MESSAGES = "/api/v1/integrations/gewe/messages"
MEDIA = "/api/v1/integrations/gewe/media"
SYSTEM = frozenset({"fmessage"})  # WeChat's own, which carries friend requests: those have a list of their own
ENDED = frozenset({"sent", "failed", "unknown", "cancelled", "expired"})  # states of a send that nobody waits for
OURS = frozenset({Kept.SELF, Kept.FAILED})  # told in other words than "kept"


@frozen(kw_only=True)
class Step:
    """What happened in a conversation, to be told."""

    key: str  # tells it from all others
    at: str
    code: str
    facts: Mapping[str, object] = field(factory=dict)


@frozen(kw_only=True)
class Chat:
    """A conversation as the API shows it, newest first."""

    id: str
    peer: str
    lines: Sequence[Mapping[str, Any]] = ()
    turns: Sequence[Mapping[str, Any]] = ()

    @property
    def ended(self) -> int:
        """How many messages of ours are through, well or badly."""
        return sum(line["author"] != "peer" and line["state"] in ENDED for line in self.lines)


@define
class Chats:
    stage: Stage
    providers: dict[str, str] = field(factory=dict)  # by workflow
    _told: set[str] = field(factory=set, init=False)

    async def look(self, peers: Collection[str] | None = None) -> dict[str, Chat]:
        """Those conversations (all where none are named) by peer, and what is new in them told."""
        found, steps = {}, []
        for row in await self.stage.rows(CONVERSATIONS):
            peer = row["peer"]
            if peer not in SYSTEM and (peers is None or peer in peers):
                chat = found[peer] = await self._read(row)
                name = NAMES.get(peer, peer)
                steps += [(step, name) for step in await self._steps(chat) if step.key not in self._told]
        for step, name in sorted(steps, key=lambda pair: (pair[0].at, pair[0].key)):
            self._told.add(step.key)
            self.stage.tell(step.at, name, step.code, **step.facts)
        return found

    async def follow(self, due: Mapping[str, int]) -> dict[str, Chat]:
        """Tell of these conversations until as many messages of ours are through in each as are due there."""

        async def through() -> dict[str, Chat] | None:
            chats = await self.look(due)
            return chats if all(peer in chats and chats[peer].ended >= count for peer, count in due.items()) else None

        names = ", ".join(NAMES.get(peer, peer) for peer in due)
        return await self.stage.until("replies", through, names=names)

    async def _read(self, row: Mapping[str, Any]) -> Chat:
        path = f"{CONVERSATIONS}/{row['id']}"
        return Chat(
            id=row["id"],
            peer=row["peer"],
            lines=await self.stage.rows(f"{path}/history"),
            turns=await self.stage.rows(f"{path}/turns"),
        )

    async def _steps(self, chat: Chat) -> list[Step]:
        steps = [step for turn in chat.turns for step in _turn(turn, self.providers.get(turn["workflow_id"], "-"))]
        for line in chat.lines:
            if line["received_at"] is not None:
                steps += _received(line)
                steps += await self._brought(line)
            elif line["state"] in ENDED:
                steps += await self._sent(line)
        return steps

    async def _brought(self, line: Mapping[str, Any]) -> list[Step]:
        """The picture or file that came with it, once it is here."""
        key = f"{line['id']}+"
        if line["media"] != "ready" or key in self._told:
            return []
        medium = await self.stage.api("GET", f"{MEDIA}/{line['id']}")
        facts = {"type": medium["media_type"], "size": medium["size"]}
        return [Step(key=key, at=medium["fetched_at"], code="fetched", facts=facts)]

    async def _sent(self, line: Mapping[str, Any]) -> list[Step]:
        key = f"{line['id']}>"
        if key in self._told:
            return []
        send = await self.stage.api("GET", f"{MESSAGES}/{line['id']}")
        at = send["ended_at"] or send["started_at"] or send["created_at"]
        if send["state"] == "sent":
            return [Step(key=key, at=at, code="sent", facts={"text": line["text"]})]
        facts = {"text": line["text"], "state": send["state"], "reason": send["error"] or ""}
        return [Step(key=key, at=at, code="unsent", facts=facts)]


def _received(line: Mapping[str, Any]) -> list[Step]:
    """A message that came in, and why it stays without an answer, where it does."""
    text, at = line["text"], line["received_at"]
    if line["author"] == "person":
        return [Step(key=line["id"], at=at, code="phoned", facts={"text": text})]
    steps = [Step(key=line["id"], at=at, code="received", facts={"text": text})]
    if line["state"] == "kept" and line["reason"] not in OURS:
        code = "held" if line["reason"] == Kept.HELD else "kept"
        steps.append(Step(key=f"{line['id']}.", at=at, code=code, facts={"reason": line["reason"]}))
    return steps


def _turn(turn: Mapping[str, Any], provider: str) -> list[Step]:
    """A question was put, unless something forbade it, and it was answered or not."""
    key, at, steps = turn["id"], turn["ended_at"], []
    if turn["attempts"]:
        steps.append(Step(key=f"{key}?", at=turn["created_at"], code="asked", facts={"text": turn["question"]}))
    if turn["state"] == "answered":
        facts = {
            "provider": provider,
            "seconds": f"{turn['duration_seconds'] or 0:.2f}",
            "tokens": turn["input_tokens"] + turn["output_tokens"],
            "points": plain(turn["points_micro"]),
        }
        steps.append(Step(key=f"{key}!", at=at, code="answered", facts=facts))
    elif turn["state"] == "failed":
        steps.append(Step(key=f"{key}!", at=at, code="unanswered", facts={"why": turn["error"]}))
    return steps
