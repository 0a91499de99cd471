"""What every collector has: hooks for what happens in a run, and the metrics that it publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from traingauge.core.families import Family

if TYPE_CHECKING:
    from traingauge.core.step_batch import StepBatch

#: Takes an event, and what added to its clock reading gives Unix time.
Handler = Callable[[Any, float], None]


class Reading(NamedTuple):
    """What was read of a split: at the end of a diagnostic interval of ``train``, or of a whole pass.

    Attributes:
        split: Which it was read of.
        scores: The few that a run is diagnosed by, by name.
        loss: Of the pass; ``None`` if unknown, and at the end of an interval.
    """

    split: str
    scores: Mapping[str, float]
    loss: float | None = None


class Collector:
    """A group of the catalogue's metrics: takes what happens in a run, gives what is published of it.

    Every hook has a default that does nothing. All of them run under the recorder's lock, one at a time.

    Training steps come in batches. :meth:`on_batch` takes a whole batch. It is then cut into slices that end where
    diagnostic intervals do; each is given to :meth:`on_slice`, and :meth:`on_reading` follows at the end of an interval.
    """

    #: What to call for each event that is no training step, by its class. All of these are in :mod:`traingauge.core.events`.
    handlers: Mapping[type, Handler] = MappingProxyType({})

    def on_batch(self, batch: StepBatch) -> None:
        """Take training steps."""

    def on_slice(self, batch: StepBatch, piece: slice) -> None:
        """Take part of the last batch."""

    def on_reading(self, reading: Reading) -> None:
        """Take the scores that were read at the end of an interval or a pass."""

    def families(self) -> Iterable[Family]:
        """What is published now."""
        raise NotImplementedError

    @property
    def dropped(self) -> Mapping[str, int]:
        """Series left out, by the cap that was reached: see ``model_monitor_dropped_series_total``."""
        return {}

    def save(self) -> Any:
        """What survives the process, as a tree of plain values and arrays; ``None`` if nothing does."""
        return None

    def restore(self, saved: Any) -> None:
        """Take what :meth:`save` gave."""
