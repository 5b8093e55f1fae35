"""Whoever hears an answer while it is made: its text, its steps, and that what was heard counts no more."""

from collections.abc import Callable

from attrs import define, field

from daemon.domain.workflow import NodeBegun


def _nobody(_: NodeBegun) -> None:
    """Most followers hear the text alone."""


@define(kw_only=True)
class Follower:
    """Hears an answer as it is made."""

    heard: Callable[[str], None]  # the next piece of its text
    restarted: Callable[[], None]  # what was heard so far counts no more: the next piece is another run's first
    stepped: Callable[[NodeBegun], None] = _nobody  # a step of the workflow begins
    final: bool = False  # nothing that was heard can be taken back
    _begun: bool = field(default=False, init=False)
    _heard: bool = field(default=False, init=False)

    @property
    def bound(self) -> bool:
        """Whether nobody but who spoke already may go on."""
        return self.final and self._heard

    def on_text(self, text: str) -> None:
        self._begun = self._heard = True
        self.heard(text)

    def on_node(self, node: NodeBegun) -> None:
        self._begun = True
        self.stepped(node)

    def restart(self) -> None:
        """A run begins; of the first there is nothing to take back."""
        if self._begun:
            self._begun = False
            self.restarted()
