"""The collectors of a run, one file for each group of metrics in the catalogue, and the list of them.

To add a collector, write a file and its test, and add a line to :data:`COLLECTORS`.
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
    """Arguments of the collectors.

    Attributes:
        guard: Counts errors inside monitoring.
        run: Info and state of the run.
        scores: Classification and regression scores.
        drift: Drift of the features; ``None`` without a reference.
        window: Number of training steps in the window of the loss.
        limits: Thresholds set in code.
        to_beat: Baseline scores that the run should beat, by name.
        warmup_steps: Training step from which thresholds apply to scores that never reached them.
        expected: Reference run; ``None`` if there is none.
        detectors: Detectors that watch the signals; ``None`` for the default.
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


#: Factory of each collector, by the name under which its state is saved; a factory returns ``None`` if the run has no such
#: collector. Hooks run in this order. The last collector counts the errors of all others.
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
