"""What is scored and compared of a batch whose arrays are there, and not inside of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ReferenceMismatchError, TrainGaugeError
from traingauge.integrations.keras.backends.flat_rows import FlatRows, flat_rows, target_columns
from traingauge.integrations.keras.outputs import TASK_OF_ONE, goal_of, not_scored
from traingauge.integrations.keras.scores.plan import ScoringPlan, UnclearError, comparable, find_plan
from traingauge.logs import logger
from traingauge.stats.arrays import as_array
from traingauge.stats.drift.binning import Binned, count_bins

if TYPE_CHECKING:
    from traingauge.core.deferred_scores import Unencoded
    from traingauge.core.reference_bins import ReferenceBins
    from traingauge.integrations.base import Session
    from traingauge.integrations.keras.loss_calls import LossCall
    from traingauge.stats.classification.encoding import Encoded


class Planned(NamedTuple):
    """A batch row by row, and how it is scored."""

    plan: ScoringPlan
    rows: FlatRows


class _Outputs(NamedTuple):
    """Outputs that are not there any more."""

    shape: tuple[int, ...]
    dtype: Any


class ArrayScores:
    """Finds out how a model is scored, and gives its batches to the core.

    Args:
        model: A compiled Keras model.
        session: The run.
    """

    def __init__(self, model: Any, session: Session) -> None:
        self._model, self._session = model, session
        self._plans: dict[tuple[Any, ...], ScoringPlan] = {}
        self._said: set[str] = set()

    def planned(self, call: LossCall, output: str = "") -> Planned | None:
        """What to score of a call of ``compute_loss``, or of one output of it; ``None`` if nothing.

        Raises:
            TrainGaugeError: What the user said of the task does not fit the model.
        """
        if call.outputs and self._session.hints.task is not None:
            self.say(TASK_OF_ONE)
        if call.y is None or call.outputs:
            return None
        try:
            plan = self._plan(call, output)
            rows = flat_rows(plan, call)
        except UnclearError as reason:
            self.say(not_scored(output, reason))
            return None
        return Planned(plan, rows)

    def encode(self, planned: Planned, split: str, output: str = "") -> Encoded | Unencoded | None:
        """A batch reduced to what scores are made of; one that does not fit is counted."""
        try:
            return self._session.encode(*planned.rows, split, output, later=True)
        except TrainGaugeError as error:
            self._session.guard.report("data", error)
            return None

    def binned(self, x: Any, planned: Planned | None) -> Binned | None:
        """A batch reduced to bin counts; ``None`` without a reference.

        Raises:
            ReferenceMismatchError: Not as many values a sample as the reference has features.
        """
        bins = self._session.bins
        if bins is None:
            return None
        counts, infinite = _counted(x, bins)
        columns = {} if planned is None or not bins.targets else target_columns(*planned)
        targets = {
            part: count_bins(as_array(columns[part][:: bins.every], part), edges)
            for part, edges in bins.targets.items()
            if part in columns
        }
        return bins.binned(counts, infinite, targets)

    def say(self, what: str) -> None:
        """Warn the user once."""
        if what not in self._said:
            self._said.add(what)
            logger.warning("model %s: %s", self._model.name, what)

    def _plan(self, call: LossCall, output: str) -> ScoringPlan:
        y, y_pred = call.y, _whole(call)
        loss, hints = goal_of(self._model, output, self._session.hints)
        if not (hasattr(y, "shape") and hasattr(y_pred, "shape")):
            raise UnclearError("it has several outputs")
        seen = output, id(loss), tuple(y.shape[1:]), y.dtype, tuple(y_pred.shape[1:]), y_pred.dtype
        if seen not in self._plans:
            self._plans[seen] = self._found(find_plan(loss, y, y_pred, hints), y, y_pred, output)
        return self._plans[seen]

    def _found(self, plan: ScoringPlan, y: Any, y_pred: Any, output: str) -> ScoringPlan:
        if not comparable(plan, y, y_pred):
            raise UnclearError(f"labels have shape {tuple(y.shape)} and outputs {tuple(y_pred.shape)}")
        self._session.found_task(
            plan.task,
            plan.classes or None,
            from_logits=plan.logits if plan.probabilities else None,
            ignore_index=plan.ignored[0] if plan.ignored else None,
            output=output,
        )
        return plan


def _whole(call: LossCall) -> Any:
    """The outputs, or what they were like before they were decided."""
    if call.classes is None:
        return call.y_pred
    return _Outputs((*call.y_pred.shape, int(call.classes)), np.dtype(np.float32))


def _counted(x: Any, bins: ReferenceBins) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of the features' bins, of which the last is what is missing, and how many of these were infinite."""
    if not hasattr(x, "shape"):
        raise ReferenceMismatchError(
            f"the model has several inputs and the reference {len(bins.features)} features: give the features to "
            "monitor.step"
        )
    values = bins.table(x.todense() if hasattr(x, "todense") else x)  # of sparse samples, zeros count, too
    return count_bins(values, bins.features), np.isinf(values).sum(axis=0)
