"""A recorder that records nothing: monitoring that an operator switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from traingauge.core.collectors import Setup
from traingauge.core.event_queue import BACKLOG_STEPS
from traingauge.core.guard import Guard
from traingauge.core.reader import RunReader
from traingauge.core.recorder import Recorder
from traingauge.stats.streaming.not_given import masked, not_given

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription
    from traingauge.core.step_log import ReadRows
    from traingauge.stats.streaming.not_given import Column

V = TypeVar("V")


class DisabledRecorder(Recorder):
    """Takes everything and keeps nothing; only the state of the run is known.

    Integrations see :attr:`~traingauge.core.recorder.Recorder.enabled` and leave training as it is.
    """

    enabled = False

    def __init__(self, setup: Setup, *, digest_every: int = BACKLOG_STEPS) -> None:
        super().__init__(replace(setup, guard=_Silent()), digest_every=digest_every)
        self.reader = _ReaderOfNothing(self.collectors, self.queue, self.guard)

    def retire(self, why: str) -> None:
        """Do nothing: nothing is lost."""

    def step(  # noqa: PLR0917 as in the recorder
        self,
        loss: Any,
        y_true: Any,
        y_pred: Any,
        features: Any,
        sample_weight: Any,
        samples: int,
        scalars: Mapping[str, Any],
        steps: int = 1,
    ) -> None:
        """Do nothing."""

    def shortcut(self, step: Callable[..., None]) -> Callable[..., None]:
        """A step that does nothing."""

        def nothing(*args: Any, **numbers: Any) -> None:
            return None

        return nothing

    def record(self, event: object) -> None:
        """Do nothing."""

    def alive(self) -> None:
        """Do nothing."""

    @contextmanager
    def busy(self, what: str, at_most: float) -> Iterator[None]:
        """Do nothing."""
        yield

    def encode(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any,
        split: str = "train",
        output: str = "",
        *,
        later: bool = False,
    ) -> None:
        """Do nothing."""

    def see(self, features: Any) -> None:
        """Do nothing."""

    def bin(self, features: Any, y_true: Any, y_pred: Any) -> None:
        """Do nothing."""

    def describe(self, description: ModelDescription) -> None:
        """Do nothing."""


def recorder_of_nothing() -> DisabledRecorder:
    """A recorder without any settings."""
    return DisabledRecorder(Setup())


class _ReaderOfNothing(RunReader):
    """Knows every name and no value, so that a script that reads what it recorded need not ask whether there is any."""

    def history(self) -> dict[str, list[float]]:
        """An empty list under any name."""
        return _Any(list[float])

    def rows(self, split: str, read: ReadRows) -> dict[str, Column]:
        """An empty column under any name."""
        return _Any(_empty_column)


def _empty_column() -> Column:
    """A function of the module, as workers pickle what they read."""
    return masked(not_given(0))


class _Any(dict[str, V]):
    """Holds nothing, and gives an empty value for any name; looking a name up leaves no trace."""

    def __init__(self, empty: Callable[[], V]) -> None:
        super().__init__()
        self._empty = empty

    def __missing__(self, name: str) -> V:
        return self._empty()


class _Silent(Guard):
    """Counts and logs nothing: no metric would carry it."""

    def report(self, reason: str, error: BaseException) -> None:
        """Do nothing."""
