"""What `qiaod chat` shows of an answer: its text on stdout as it comes, and how it came about on stderr."""

import json
import os
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any
from unicodedata import east_asian_width

import click
from attrs import define, field

from daemon.cli.chat_session import Event
from daemon.cli.main import language
from daemon.domain.cost import plain
from daemon.errors import QiaodError
from daemon.exits import UNAVAILABLE
from daemon.texts import render

_KEPT = {"\n", "\t"}
_LINE = "  {mark} {type:<10} {ms:>7} ms  "
_LEAST = 20  # columns for what a node made


class NoAnswer(QiaodError):
    """The workflow ran, and failed. Its text is the service's reason."""

    exit_code = UNAVAILABLE


@define
class Screen:
    as_json: bool
    nodes: bool
    _heard: str = field(default="", init=False)  # of the answer under way
    _usage: Mapping[str, Any] | None = field(default=None, init=False)

    def follow(self, events: Generator[Event, None, None]) -> None:
        """Show one answer while it is made. NoAnswer where the workflow failed, once all it did is shown."""
        self._heard, self._usage = "", None
        with closing(events):
            for name, document in events:
                match name:
                    case "answer":
                        self._hear(document["text"])
                    case "node":
                        self._step(document)
                    case "restart" | "renewed":
                        self._end_line()
                        self.notice(name)
                    case "usage":
                        self._usage = document
                    case "end":
                        self._end(document["messages"])

    def stopped(self) -> None:
        """Somebody wants no more of it."""
        self._end_line()
        self.notice("stopped")

    def notice(self, code: str, **facts: object) -> None:
        """Something beside the answer; programs are told nothing of it."""
        if not self.as_json:
            aside(say(code, **facts))

    def _hear(self, text: str) -> None:
        self._heard += text
        if not self.as_json:
            click.echo(tidy(text), nl=False)

    def _step(self, begun: Mapping[str, Any]) -> None:
        """While there is no text, what it is at: only for somebody who looks on."""
        if self.nodes and not self._heard and sys.stderr.isatty():
            self.notice("step", name=tidy(begun["name"]).replace("\n", " "), kind=begun["nodeType"] or "-")

    def _end(self, messages: list[dict[str, Any]]) -> None:
        asked = max(number for number, one in enumerate(messages) if one["role"] == "user")
        said = messages[asked + 1 :]
        answer = next((one for one in said if one["role"] == "assistant"), None)
        if answer is None:
            raise NoAnswer("cli.chat.none")
        meta = answer["meta"]
        if self.as_json:
            click.echo(json.dumps({**answer, "usage": self._usage}, ensure_ascii=False))
        else:
            self._tell(answer["content"])
            for one in said:
                if one["role"] == "system":
                    aside(tidy(one["content"]))
            self._tell_run(meta)
        if not meta["success"]:
            raise NoAnswer("cli.chat.failed", reason=tidy(meta["errorMessage"] or "-"))

    def _tell(self, content: str) -> None:
        """What was not heard yet; all of it where what was heard is not its beginning."""
        if content.strip() != self._heard.strip():
            if not content.startswith(self._heard):
                self._end_line()
            rest = content.removeprefix(self._heard)
            click.echo(tidy(rest), nl=False)
            self._heard += rest
        self._end_line()

    def _tell_run(self, meta: Mapping[str, Any]) -> None:
        if meta["needHumanTransfer"]:
            self.notice("person")
        if self.nodes:
            for node in meta["nodeDetails"]:
                aside(_node(node, shutil.get_terminal_size().columns))
        parts = [say("seconds", seconds=f"{meta['durationMs'] / 1000:.2f}")]
        if self._usage is not None:
            parts += _spent(self._usage)
        aside("  " + " · ".join(parts))

    def _end_line(self) -> None:
        if self._heard and not self.as_json:
            click.echo(nl=not self._heard.endswith("\n"))
            self._heard = ""


def say(code: str, **facts: object) -> str:
    return render(f"cli.chat.{code}", language(os.environ), facts)


def aside(line: str) -> None:
    """On stderr, paler than the answer where that is a terminal that wants colours."""
    click.echo(click.style(line, dim=True), err=True, color=False if "NO_COLOR" in os.environ else None)


def tidy(text: str) -> str:
    """Without the control characters that would move the cursor, rename the window or worse."""
    return "".join(letter for letter in text if letter in _KEPT or letter.isprintable())


def shortened(text: str, columns: int) -> str:
    """In one line of so many columns; a Chinese letter takes two."""
    line, wide = "", 0
    for letter in " ".join(tidy(text).split()):
        wide += 2 if east_asian_width(letter) in "WF" else 1
        if wide >= columns:
            return line + "…"
        line += letter
    return line


def _node(node: Mapping[str, Any], columns: int) -> str:
    head = _LINE.format(mark="✓" if node["success"] else "✗", type=tidy(node["nodeType"]), ms=node["durationMs"])
    return (head + shortened(node["output"], max(columns - len(head), _LEAST))).rstrip()


def _spent(usage: Mapping[str, Any]) -> list[str]:
    parts = [] if usage["known"] else [say("unsaid")]
    if usage["inputTokens"] or usage["outputTokens"]:
        parts.append(say("tokens", input=usage["inputTokens"], output=usage["outputTokens"]))
    if usage["pointsMicro"]:
        parts.append(say("points", points=plain(usage["pointsMicro"])))
    if usage["costMicro"] is None:
        return [*parts, say("unpriced")]
    return [*parts, say("cost", cost=plain(usage["costMicro"]), currency=usage["currency"])]
