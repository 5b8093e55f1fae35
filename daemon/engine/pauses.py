"""What becomes of a person's reply to a workflow's question: an answer, the next field, the same again, or the end.

Pure. A pause cannot be cancelled at the service, so who abandons one goes on in a new chat.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve, frozen

from daemon.codec import encode_text
from daemon.domain.pause import Field, FieldKind, OpenPause, Option, Pause, PauseKind
from daemon.texts import render

LIVES = timedelta(minutes=30)  # a question that is not answered by then is forgotten
MOST_WRONG = 3  # answers in a row that do not fit: then the question is given up
LONGEST_TEXT = 4_000  # characters of one answer
CANCEL = frozenset({"取消", "算了", "不用了", "cancel", "quit", "exit"})
SKIP = frozenset({"跳过", "没有", "无", "skip", "none", "-"})
YES = frozenset({"是", "对", "好", "要", "是的", "yes", "y", "true", "1", "on"})
NO = frozenset({"否", "不", "不是", "不要", "没有", "no", "n", "false", "0", "2", "off"})
NUMERALS = {mark: number for number, mark in enumerate("零一二三四五六七八九十")}
_NUMBERED = re.compile(r"[(第#]?\s*(\d{1,3}|[一二三四五六七八九十])\s*(?:[.、,。):：]|号|个|项)?")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?")
_SPLIT = re.compile(r"[\s,，、;；]+")


@frozen
class Resume:
    """All is answered: `content` goes to the workflow."""

    content: str


@frozen
class AskNext:
    """The pause as it stands now, and what the person reads."""

    pause: OpenPause
    text: str


@frozen
class Abandon:
    """It is over without an answer; `text` tells the person so."""

    text: str


Step = Resume | AskNext | Abandon


@frozen
class Misfit:
    """Why an answer does not fit: a text of `daemon.texts` and what it names."""

    code: str
    facts: dict[str, object]


def opening(pause: Pause) -> str:
    """What a person reads when the workflow stops."""
    language = _language(pause)
    first = _prompt(pause.fields[0], language, alone=pause.kind is PauseKind.SELECT)
    return "\n".join(part for part in (pause.description, first) if part)


def reply(open_pause: OpenPause, said: str) -> Step:
    """`said`: what the person wrote, one message a line."""
    language, wanted = _language(open_pause.pause), open_pause.current
    if _plain(said) in CANCEL:
        return Abandon(render("pause.cancelled", language, {}))
    value = _understood(wanted, said)
    if not isinstance(value, Misfit):
        return _answered(open_pause, wanted, value, language)
    if open_pause.wrong + 1 >= MOST_WRONG:
        return Abandon(render("pause.given_up", language, {}))
    prompt = _prompt(wanted, language, alone=open_pause.pause.kind is PauseKind.SELECT)
    again = "\n".join(part for part in (render(value.code, language, value.facts), prompt) if part)
    return AskNext(evolve(open_pause, wrong=open_pause.wrong + 1), again)


def begun(
    pause: Pause, *, conversation: str, workflow_id: str, chat: str, record: str, speaker: str, now: datetime
) -> OpenPause:
    return OpenPause(
        conversation=conversation,
        workflow_id=workflow_id,
        chat=chat,
        record=record,
        speaker=speaker,
        pause=pause,
        asked_at=now,
        expires_at=now + LIVES,
    )


def option_number(options: Sequence[Option], said: str) -> int | None:
    """Which option is meant, from 0: by its exact text, its number, or a beginning that only it has."""
    plain = _plain(said)
    labels = [_plain(option.label) for option in options]
    if plain in labels:
        return labels.index(plain)
    if (number := _number(plain)) is not None and 1 <= number <= len(options):
        return number - 1
    starting = [index for index, label in enumerate(labels) if plain and label.startswith(plain)]
    return starting[0] if len(starting) == 1 else None


def _answered(open_pause: OpenPause, wanted: Field, value: Any, language: str) -> Step:
    answers = {**open_pause.answers, wanted.key: value}
    left = [waiting for waiting in open_pause.pause.fields if waiting.key not in answers]
    if not left:
        return Resume(_content(open_pause.pause, answers))
    return AskNext(evolve(open_pause, answers=answers, wrong=0), _prompt(left[0], language))


def _content(pause: Pause, answers: dict[str, Any]) -> str:
    """As the service reads it: the option's own text, or all of a form as one JSON text."""
    if pause.kind is not PauseKind.FORM and len(pause.fields) == 1:
        return str(answers[pause.fields[0].key])
    return encode_text({key: value for key, value in answers.items() if value is not None})


def _understood(wanted: Field, said: str) -> Any:
    """The value that is meant, or the Misfit; of several messages, the first that fits alone."""
    whole = _value(wanted, said)
    if not isinstance(whole, Misfit):
        return whole
    fitting = (_value(wanted, line) for line in said.splitlines())
    return next((value for value in fitting if not isinstance(value, Misfit)), whole)


def _value(wanted: Field, said: str) -> Any:
    plain = _plain(said)
    if not wanted.required and plain in SKIP:
        return wanted.default
    match wanted.kind:
        case FieldKind.CHOICE:
            return _choice(wanted, said)
        case FieldKind.CHOICES:
            return _choices(wanted, said)
        case FieldKind.NUMBER:
            return _amount(wanted, plain)
        case FieldKind.SWITCH:
            return True if plain in YES else False if plain in NO else Misfit("pause.yes_or_no", {})
        case FieldKind.FILE:
            links = [part for part in said.split() if part.startswith(("http://", "https://"))]
            return links or Misfit("pause.file", {})
        case _:
            return _text(wanted, said.strip())


def _choice(wanted: Field, said: str) -> Any:
    number = option_number(wanted.options, said)
    if number is None:
        return Misfit("pause.choice", {"most": len(wanted.options)})
    return wanted.options[number].value


def _choices(wanted: Field, said: str) -> Any:
    whole = option_number(wanted.options, said)
    parts = [said] if whole is not None else [part for part in _SPLIT.split(said) if part]
    numbers = [option_number(wanted.options, part) for part in parts]
    if not numbers or None in numbers:
        return Misfit("pause.choices", {"most": len(wanted.options)})
    return [wanted.options[number].value for number in dict.fromkeys(numbers) if number is not None]


def _amount(wanted: Field, plain: str) -> Any:
    if not _NUMBER.fullmatch(plain):
        return Misfit("pause.number", {})
    amount = float(plain) if "." in plain else int(plain)
    if wanted.least is not None and amount < wanted.least:
        return Misfit("pause.at_least", {"least": _shown(wanted.least)})
    if wanted.most is not None and amount > wanted.most:
        return Misfit("pause.at_most", {"most": _shown(wanted.most)})
    return amount


def _text(wanted: Field, said: str) -> Any:
    if not said:
        return Misfit("pause.something", {})
    if wanted.least is not None and len(said) < wanted.least:
        return Misfit("pause.longer", {"least": _shown(wanted.least)})
    most = LONGEST_TEXT if wanted.most is None else wanted.most
    if len(said) > most:
        return Misfit("pause.shorter", {"most": _shown(most)})
    return said


def _prompt(wanted: Field, language: str, *, alone: bool = False) -> str:
    """One field's question; of a plain choice, the options alone, for its description was said before."""
    lines = [] if alone else [wanted.label, wanted.description if wanted.description != wanted.label else ""]
    lines += [f"{number}. {option.label}" for number, option in enumerate(wanted.options, 1)]
    if not alone and wanted.kind is FieldKind.SWITCH:
        lines.append(render("pause.say_yes_or_no", language, {}))
    if wanted.kind is FieldKind.CHOICES:
        lines.append(render("pause.say_several", language, {}))
    if not wanted.required:
        lines.append(render("pause.say_skip", language, {}))
    return "\n".join(line for line in lines if line)


def _plain(said: str) -> str:
    """Wide digits and letters as narrow ones, case and outer spaces away."""
    return unicodedata.normalize("NFKC", said).strip().casefold()


def _number(plain: str) -> int | None:
    """ "2", "2.", "(2)", "第二个", "二"."""
    found = _NUMBERED.fullmatch(plain)
    if found is None:
        return None
    return NUMERALS[found[1]] if found[1] in NUMERALS else int(found[1])


def _shown(number: float) -> str:
    return f"{number:g}"


def _language(pause: Pause) -> str:
    """That of the question: whoever asks in Chinese is spoken to in Chinese."""
    words = pause.description + "".join(
        wanted.label + "".join(option.label for option in wanted.options) for wanted in pause.fields
    )
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in words) else "en"
