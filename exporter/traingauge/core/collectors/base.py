"""The base class of collectors: hooks for the events of a run, and the metrics to publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from traingauge.core.families import Family

if TYPE_CHECKING:
    from traingauge.core.step_batch import StepBatch

#: Called with an event and the offset from its clock to Unix time, in seconds.
Handler = Callable[[Any, float], None]


class Reading(NamedTuple):
    """The main scores of a split, read at the end of a diagnostic interval (``train``) or of a whole pass.

    Attributes:
        split: Split that was read.
        scores: The main scores, by name.
        loss: Loss of the pass; ``None`` if unknown, and at the end of an interval.
    """

    split: str
    scores: Mapping[str, float]
    loss: float | None = None


class Collector:
    """Collects one group of metrics: its hooks receive the events of a run, and :meth:`families` publishes the metrics.

    Every hook does nothing by default. All hooks run under the recorder's lock, one at a time.

    Training steps arrive in batches. :meth:`on_batch` receives a whole batch. The batch is then cut into slices at the ends
    of diagnostic intervals: :meth:`on_slice` receives each slice, and :meth:`on_reading` follows at the end of an interval.
    """

    #: Handlers of the other events, by their class. All events are in :mod:`traingauge.core.events`.
    handlers: Mapping[type, Handler] = MappingProxyType({})

    def on_batch(self, batch: StepBatch) -> None:
        """Receive a batch of training steps."""

    def on_slice(self, batch: StepBatch, piece: slice) -> None:
        """Receive a slice of the last batch."""

    def on_reading(self, reading: Reading) -> None:
        """Receive the scores at the end of an interval or a pass."""

    def families(self) -> Iterable[Family]:
        """The current metrics."""
        raise NotImplementedError

    @property
    def dropped(self) -> Mapping[str, int]:
        """Number of series left out, by cap: see ``model_monitor_dropped_series_total``."""
        return {}

    def save(self) -> Any:
        """The state to save, as a tree of plain values and arrays; ``None`` if there is none."""
        return None

    def restore(self, saved: Any) -> None:
        """Restore a state from :meth:`save`."""
