"""A pass over validation or test data, batch by batch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from traingauge import validation
from traingauge.core import scalar_names
from traingauge.core.events import Pass
from traingauge.stats.arrays import as_scalar

if TYPE_CHECKING:
    from traingauge.core.recorder import Recorder
    from traingauge.stats.classification.encoding import Encoded


class Evaluation:
    """Collects a pass and publishes it, all at once, when its ``with`` is left without an exception.

    The loss of the pass is the mean of its batches' losses, each weighted with the samples of its batch; so are further
    scalars. Made by :meth:`traingauge.ModelMonitor.evaluation`.

    Args:
        recorder: The run.
        split: ``validation`` or ``test``.
    """

    def __init__(self, recorder: Recorder, split: str) -> None:
        self._recorder, self._split = recorder, split
        self._scored: list[Encoded] = []
        self._steps = 0
        self._samples = 0
        self._means: dict[str, list[tuple[Any, int]]] = {}

    def update(
        self,
        loss: Any = None,
        y_true: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        *,
        samples: int = 0,
        **scalars: Any,
    ) -> None:
        """Add one batch; the arguments are those of :meth:`traingauge.ModelMonitor.step`.

        Raises:
            TrainGaugeError: An argument that does not fit; nothing of the batch is recorded.
        """
        if not self._recorder.enabled:
            return
        scalar_names.check(scalars)
        samples = validation.number_of("samples", samples)
        values = {
            name: as_scalar(value, name)
            for name, value in {"loss": loss, **scalars}.items()
            if value is not None
        }
        scored = self._recorder.encode(y_true, y_pred, sample_weight)
        if scored is not None:
            self._scored.append(scored)
            samples = samples or scored.samples
        self._steps += 1
        self._samples += samples
        for name, value in values.items():
            self._means.setdefault(name, []).append((value, samples or 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            means = {name: _weighted_mean(values) for name, values in self._means.items()}
            loss = means.pop("loss", None)
            done = Pass(
                self._split,
                time.perf_counter(),
                loss,
                self._steps,
                self._samples,
                self._scored,
                scalars=means,
            )
            self._recorder.record(done)


def _weighted_mean(values: list[tuple[Any, int]]) -> float:
    """Mean of values with their weights; NaN if one of them is."""
    return sum(float(value) * weight for value, weight in values) / sum(weight for _, weight in values)
