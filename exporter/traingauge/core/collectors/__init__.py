"""The collectors of a run, one file for each group of metrics in the catalogue, and the list of them.

To add a collector, write a file and its test, and add a line to :data:`COLLECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from traingauge.core.collectors.activity import Activity
from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.canary import CanaryMetrics
from traingauge.core.collectors.delivery import DeliveryMetrics
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.limits import Limits
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.model_info import ModelInfo
from traingauge.core.collectors.muted import Muted
from traingauge.core.collectors.outputs import Outputs
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scalars import Scalars
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.guard import Guard
from traingauge.options import Scoring

if TYPE_CHECKING:
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.core.thresholds import Threshold
    from traingauge.reference.run import ReferenceRun
    from traingauge.stats.detectors.detector import Detector

C = TypeVar("C", bound=Collector)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the collectors of a run are made from.

    Attributes:
        scoring: How predictions are scored.
        drift: Drift of the features; ``None`` without a reference.
        limits: Thresholds set in code.
        to_beat: Scores that the run has to beat, by name.
        mute: Names of the alerts that the run mutes.
        warmup_steps: Training steps from which thresholds count for scores that were never reached.
        total_steps: Training steps that the run means to take.
        reference_run: A good run to compare with; ``None`` to expect nothing.
        detectors: Detectors that watch the signals; the usual one if ``None``.
        guard: Keeps errors inside monitoring away from training.
    """

    scoring: Scoring = Scoring()  # noqa: RUF009 a frozen value
    drift: FeatureDrift | None = None
    limits: Iterable[Threshold] = ()
    to_beat: Mapping[str, float] = field(default_factory=dict)
    mute: Sequence[str] = ()
    warmup_steps: int | None = None
    total_steps: int | None = None
    reference_run: ReferenceRun | None = None
    detectors: Sequence[Detector] | None = None
    guard: Guard = field(default_factory=Guard)


#: Factory of each collector, by the name under which its state is saved; a factory returns ``None`` if the run has no such
#: collector. Hooks run in this order. The last collector counts the errors of all others.
COLLECTORS: Mapping[str, Callable[[Setup], Collector | None]] = MappingProxyType(
    {
        "run": lambda setup: RunInfo(),
        "model_info": lambda setup: ModelInfo(),
        "progress": lambda setup: Progress(setup.warmup_steps, setup.total_steps),
        "activity": lambda setup: Activity(),
        "loss": lambda setup: Loss(setup.scoring.window),
        "scalars": lambda setup: Scalars(),
        "scores": lambda setup: Scores(setup.scoring, setup.guard),
        "outputs": lambda setup: Outputs(setup.scoring, setup.guard),
        "drift": lambda setup: setup.drift,
        "diagnostics": lambda setup: Diagnostics(setup.scoring.window, setup.reference_run, setup.detectors),
        "canary": lambda setup: CanaryMetrics(),
        "restarts": lambda setup: Restarts(),
        "muted": lambda setup: Muted(setup.mute),
        "delivery": lambda setup: DeliveryMetrics(),
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
