"""Keeps a model's thoughts out of its answer, where a server leaves them in it: `<think>…</think>` at its beginning."""

from attrs import define, field

BEGIN, END = "<think>", "</think>"


@define
class Thoughts:
    """Feed it the text in any pieces; it gives back what is answer. Only the very beginning can be a thought."""

    _held: str = field(default="", init=False)
    _thinking: bool = field(default=False, init=False)
    _thought: bool = field(default=False, init=False)  # it is over; of the space after it nothing is answer
    _over: bool = field(default=False, init=False)

    def feed(self, piece: str) -> str:
        if self._over:
            return piece
        self._held += piece
        if not self._thinking and not self._thought:
            begun = self._held.lstrip()
            if BEGIN.startswith(begun):  # more may come, also where nothing did yet
                return ""
            if not begun.startswith(BEGIN):
                return self._released()
            self._thinking, self._held = True, begun[len(BEGIN) :]
        return self._after_thought()

    def end(self) -> str:
        """What was held back and is answer after all."""
        return "" if self._thinking or self._thought or self._over else self._released()

    def _after_thought(self) -> str:
        if self._thinking:
            _, end, answer = self._held.partition(END)
            if not end:
                self._held = self._held[-len(END) :]  # of a thought only what may be the beginning of its end
                return ""
            self._thinking, self._thought, self._held = False, True, answer
        self._held = self._held.lstrip()
        return self._released() if self._held else ""

    def _released(self) -> str:
        text, self._held, self._over = self._held, "", True
        return text
