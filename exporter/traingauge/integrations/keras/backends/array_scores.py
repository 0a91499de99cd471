"""What is scored and compared of a batch whose arrays are there, and not inside of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.core.deferred_scores import BYTES_A_SAMPLE, Unencoded, waits
from traingauge.errors import ReferenceMismatchError, TrainGaugeError
from traingauge.integrations.keras.backends.flat_rows import flat_rows, target_columns
from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.outputs import TASK_OF_ONE, goal_of, not_scored
from traingauge.integrations.keras.scores.plan import ScoringPlan, UnclearError, comparable, find_plan
from traingauge.logs import logger
from traingauge.stats.arrays import as_array
from traingauge.stats.drift.binning import Binned, count_bins

if TYPE_CHECKING:
    from traingauge.core.reference_bins import ReferenceBins
    from traingauge.integrations.base import Session
    from traingauge.stats.classification.encoding import Encoded


#: Kinds of calls that are remembered.
MOST_KNOWN = 256


class _Known(NamedTuple):
    """How calls of a kind are scored.

    Attributes:
        plan: What is scored of them.
        samples: Samples of such a call.
        held: See :class:`~traingauge.core.deferred_scores.Unencoded`.
        rows: Likewise; of their labels, outputs, weights and mask. ``None`` where they are scored at once.
    """

    plan: ScoringPlan
    samples: int
    held: int
    rows: Callable[..., tuple[Any, Any, Any]] | None


class _Outputs(NamedTuple):
    """Outputs that are not there any more."""

    shape: tuple[int, ...]
    dtype: Any


class ArrayScores:
    """Finds out how a model is scored, and gives its batches to the core.

    Args:
        model: A compiled Keras model.
        session: The run.

    Attributes:
        bins: Those of the reference; ``None`` without one.
    """

    def __init__(self, model: Any, session: Session) -> None:
        self._model, self._session, self.bins = model, session, session.bins
        self._known: dict[tuple[Any, ...], _Known | None] = {}
        self._plans: dict[tuple[Any, ...], ScoringPlan | None] = {}  # by shapes without the samples
        self._loss: Any = None  # of the model, for which they are known
        self._said: set[str] = set()

    def scored(self, call: LossCall, split: str, output: str = "") -> Encoded | Unencoded | None:
        """What scores are made of, of a call of ``compute_loss`` or of one output of it; ``None`` if nothing is scored.

        A small call waits as it is until the run is read; one that does not fit is counted.

        Raises:
            TrainGaugeError: What the user said of the task does not fit the model.
        """
        known = self._how(call, output)
        if known is None:
            return None
        if known.rows is None:
            return self._at_once(call, known.plan, split, output)
        weight, mask = call.sample_weight, call.mask
        copies = (
            call.y.clone(),
            call.y_pred.clone(),
            None if weight is None else weight.clone(),
            None if mask is None else mask.clone(),
        )
        return Unencoded(known.samples, copies, known.held, known.rows)

    def _at_once(
        self, call: LossCall, plan: ScoringPlan, split: str, output: str
    ) -> Encoded | Unencoded | None:
        try:
            with np.errstate(all="ignore"):  # a script may have numpy raise
                return self._session.encode(*flat_rows(plan, call), split, output)
        except UnclearError as reason:
            self.say(not_scored(output, reason))
        except TrainGaugeError as error:
            self._session.guard.report("data", error)
        return None

    def binned(self, x: Any, calls: Sequence[LossCall]) -> Binned | None:
        """A batch reduced to bin counts; ``None`` without a reference.

        Raises:
            ReferenceMismatchError: Not as many values a sample as the reference has features.
        """
        with np.errstate(all="ignore"):
            return None if self.bins is None else self._binned(self.bins, x, calls)

    def _binned(self, bins: ReferenceBins, x: Any, calls: Sequence[LossCall]) -> Binned:
        counts, infinite = _counted(x, bins)
        known = self._how(calls[0]) if bins.targets and len(calls) == 1 else None
        columns = {} if known is None else target_columns(known.plan, flat_rows(known.plan, calls[0]))
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

    def _how(self, call: LossCall, output: str = "") -> _Known | None:
        """How calls like this one are scored; ``None`` if they are not."""
        if self._model.loss is not self._loss or len(self._known) > MOST_KNOWN:
            self._loss = self._model.loss
            self._known.clear()
            self._plans.clear()
        kind = _kind(call, output)
        try:
            return self._known[kind]
        except KeyError:
            known = self._known[kind] = self._find_out(call, output)
            return known

    def _find_out(self, call: LossCall, output: str) -> _Known | None:
        if call.outputs and self._session.hints.task is not None:
            self.say(TASK_OF_ONE)
        if call.y is None or call.outputs:
            return None
        try:
            plan = self._plan(call, output)
            if plan is None:
                return None
            with np.errstate(all="ignore"):
                flat_rows(plan, call)
        except UnclearError as reason:
            self.say(not_scored(output, reason))
            return None
        arrays = (call.y, call.y_pred, call.sample_weight, call.mask)
        if not waits(arrays):
            return _Known(plan, 0, 0, None)
        samples, size = len(call.y), sum(one.nbytes for one in arrays if one is not None)
        return _Known(plan, samples, max(samples, size // BYTES_A_SAMPLE), partial(_by_row, plan))

    def _plan(self, call: LossCall, output: str) -> ScoringPlan | None:
        """How calls of these shapes are scored; ``None`` if they are not, which was said before."""
        y, y_pred = call.y, _whole(call)
        if not (hasattr(y, "shape") and hasattr(y_pred, "shape")):
            raise UnclearError("it has several outputs")
        of = output, y.shape[1:], y.dtype, y_pred.shape[1:]
        if of not in self._plans:
            loss, hints = goal_of(self._model, output, self._session.hints)
            try:
                self._plans[of] = self._found(find_plan(loss, y, y_pred, hints), y, y_pred, output)
            except UnclearError:
                self._plans[of] = None
                raise
        return self._plans[of]

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


def _kind(call: LossCall, output: str) -> tuple[Any, ...]:
    """What calls have in common that are scored in one way."""
    arrays = call.y, call.y_pred, call.sample_weight, call.mask
    return (
        output,
        call.classes,
        *[(getattr(one, "shape", None), getattr(one, "dtype", None)) for one in arrays],
    )


def _by_row(plan: ScoringPlan, y: Any, y_pred: Any, sample_weight: Any, mask: Any) -> tuple[Any, Any, Any]:
    return flat_rows(plan, LossCall(None, y, y_pred, sample_weight, mask=mask))


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
