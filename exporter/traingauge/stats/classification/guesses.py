"""What was guessed about a model from its labels and predictions, and what evidence to the contrary changed."""

from __future__ import annotations

from typing import NamedTuple

#: Samples scored under a guess after which a contradicting label is taken for a mistake in the data.
SETTLED_SAMPLES = 10_000


class Guess(NamedTuple):
    """One guess to tell the user about.

    Attributes:
        about: What was guessed; each is said once.
        says: What was found, what it is taken for, and how to say it better.
        changed: Whether it contradicts an earlier guess, under which scores were recorded.
    """

    about: str
    says: str
    changed: bool


class Guesses:
    """Collects the guesses of an encoder until someone reports them.

    Attributes:
        revision: Number of times that a guess was changed; what was encoded before the last time is wrong.
        samples: Samples scored under the present guesses.

    >>> guesses = Guesses(); guesses.say("task", "y_true holds mixtures"); guesses.say("task", "y_true holds mixtures")
    >>> len(guesses.take()), guesses.take()
    (1, [])
    """

    def __init__(self) -> None:
        self.revision = self.samples = 0
        self._said: frozenset[str] = frozenset()
        self._untold: tuple[Guess, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether so much was scored that a contradiction is more likely a mistake in the data."""
        return self.samples >= SETTLED_SAMPLES

    def say(self, about: str, says: str) -> None:
        """Make a guess; the same again is not told."""
        if about not in self._said:
            self._said |= {about}
            self._untold += (Guess(about, says, changed=False),)

    def change(self, about: str, says: str) -> None:
        """Change a guess: what was encoded before is wrong."""
        self.revision, self.samples = self.revision + 1, 0
        self._untold += (Guess(about, says, changed=True),)

    def take(self) -> list[Guess]:
        """What was not told yet."""
        untold, self._untold = self._untold, ()
        return list(untold)

    def mark(self) -> tuple[object, ...]:
        """What :meth:`undo` goes back to."""
        return self.revision, self.samples, self._said, self._untold

    def undo(self, mark: tuple[object, ...]) -> None:
        """Forget what was guessed since."""
        self.revision, self.samples, self._said, self._untold = mark  # type: ignore[assignment]
