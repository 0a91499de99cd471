"""The collectors of a run, one file a group of the catalogue, and the one list of them.

Another collector is its file, its test, and a line in :data:`COLLECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.canary import CanaryMetrics
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.limits import Limits
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.model_info import ModelInfo
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scalars import Scalars
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.guard import Guard

if TYPE_CHECKING:
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.core.thresholds import Threshold
    from traingauge.reference.run import ReferenceRun
    from traingauge.stats.detectors.detector import Detector

C = TypeVar("C", bound=Collector)


@dataclass(frozen=True, slots=True)
class Setup:
    """What collectors are made from.

    Attributes:
        guard: Counts errors inside monitoring.
        run: Info and state.
        scores: Classification and regression scores.
        drift: Drift of the features; ``None`` without a reference.
        window: Training steps in the window of the loss.
        limits: Thresholds set in code.
        to_beat: Scores that the run has to beat, by name.
        warmup_steps: Training steps from which thresholds count for scores that were never reached.
        expected: A good run to compare with; ``None`` to expect nothing.
        detectors: Detectors that watch the signals; the usual one if ``None``.
    """

    guard: Guard
    run: RunInfo
    scores: Scores
    drift: FeatureDrift | None
    window: int
    limits: Iterable[Threshold]
    to_beat: Mapping[str, float]
    warmup_steps: int | None
    expected: ReferenceRun | None
    detectors: Sequence[Detector] | None


#: What makes each collector, by the name under which its state is saved; ``None`` where a run has none. Hooks run in this
#: order. The last one counts the errors of all others.
COLLECTORS: Mapping[str, Callable[[Setup], Collector | None]] = MappingProxyType(
    {
        "run": lambda setup: setup.run,
        "model_info": lambda setup: ModelInfo(),
        "progress": lambda setup: Progress(setup.warmup_steps),
        "loss": lambda setup: Loss(setup.window),
        "scalars": lambda setup: Scalars(),
        "scores": lambda setup: setup.scores,
        "drift": lambda setup: setup.drift,
        "diagnostics": lambda setup: Diagnostics(setup.window, setup.expected, setup.detectors),
        "canary": lambda setup: CanaryMetrics(),
        "restarts": lambda setup: Restarts(),
        "limits": lambda setup: Limits(setup.limits, setup.to_beat, setup.drift),
        "self_metrics": lambda setup: SelfMetrics(setup.guard),
    }
)


class Collectors:
    """The collectors of one run, in the order of :data:`COLLECTORS`."""

    def __init__(self, setup: Setup) -> None:
        made = {name: make(setup) for name, make in COLLECTORS.items()}
        self.by_name = {name: one for name, one in made.items() if one is not None}
        self[SelfMetrics].others = tuple(self)

    def __iter__(self) -> Iterator[Collector]:
        return iter(self.by_name.values())

    def __getitem__(self, kind: type[C]) -> C:
        """The collector of a class."""
        return next(one for one in self if isinstance(one, kind))
