"""A pass over validation or test data, batch by batch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from traingauge.core import scalar_names
from traingauge.core.deferred_scores import Unencoded
from traingauge.core.device_numbers import fetched
from traingauge.core.event_queue import BACKLOG_SAMPLES
from traingauge.core.events import Pass
from traingauge.core.numbers import admitted
from traingauge.core.recorder import SCORES, Recorder

if TYPE_CHECKING:
    from traingauge.stats.classification.encoding import Encoded


class Evaluation:
    """Collects a pass and publishes it, all at once, when its ``with`` is left without an exception.

    The loss of the pass is the mean of its batches' losses, each weighted with the samples of its batch; so are further
    scalars. Made by :meth:`traingauge.ModelMonitor.evaluation`.

    Args:
        recorder: The run.
        split: ``validation`` or ``test``.
        keeps: What must not be lost as long as it is used.
    """

    def __init__(self, recorder: Recorder, split: str, *, keeps: object = None) -> None:
        self._recorder, self._split, self._keeps = recorder, split, keeps
        self._scored: list[Encoded | Unencoded] = []
        self._held = 0  # on a device
        self._steps = 0
        self._samples = 0
        self._own: frozenset[str] = frozenset()  # scores that the script computed
        self._numbers: list[tuple[dict[str, Any], int]] = []  # of each batch, and its samples

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
            TrainGaugeError: In the first pass over the split, an argument that does not fit; nothing of the batch is
                recorded. Later, what does not fit is left out and counted.
        """
        recorder, kind = self._recorder, f"numbers of {self._split}"
        if not recorder.enabled:
            return
        scalar_names.check(scalars)
        if self._scored or y_true is not None or y_pred is not None:
            scalar_names.check_source({*scalars, *self._own})
        self._own |= scalar_names.SCORES.intersection(scalars)
        numbers, samples, _ = admitted(recorder.guard, kind, {"loss": loss, **scalars}, samples)
        scored = recorder.encode(y_true, y_pred, sample_weight, self._split)
        if scored is not None:
            self._keep(scored)
            samples = samples or scored.samples
            recorder.guard.fitted([SCORES[self._split]])
        recorder.guard.fitted([kind])
        self._steps += 1
        self._samples += samples
        self._numbers.append((numbers, samples or 1))
        recorder.alive()

    def _keep(self, scored: Encoded | Unencoded) -> None:
        """Keep the scores of a batch; now and then those on a device are brought over, as they take its memory."""
        self._scored.append(scored)
        self._held += scored.held if isinstance(scored, Unencoded) else 0
        if self._held >= BACKLOG_SAMPLES:
            self._scored, self._held = self._recorder.bring_over(self._scored), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            means = self._means()
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

    def _means(self) -> dict[str, float]:
        """The mean of each number over the batches that gave it; one that cannot be read is counted."""
        rows = fetched([values for values, _ in self._numbers], self._recorder.guard)
        columns: dict[str, list[tuple[float, int]]] = {}
        for values, (_, weight) in zip(rows, self._numbers, strict=True):
            for name, value in values.items():
                columns.setdefault(name, []).append((value, weight))
        means = {name: _weighted_mean(values) for name, values in columns.items()}
        return {name: mean for name, mean in means.items() if self._fits(name, mean)}

    def _fits(self, name: str, mean: float) -> bool:
        """Whether a number may be the value of its score; one on a device is only read at the end."""
        if name in scalar_names.SCORES and not scalar_names.is_score(name, mean):
            self._recorder.guard.report("data", scalar_names.no_score(name, mean))
            return False
        return True


def _weighted_mean(values: list[tuple[float, int]]) -> float:
    """Mean of values with their weights; NaN if one of them is."""
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)
