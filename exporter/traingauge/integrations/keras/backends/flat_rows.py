"""Labels, outputs and weights of a batch as the core takes them: one row for each thing that is scored.

Arrays are numpy's or PyTorch's, and stay on their device. What comes out of a batch here is what
:mod:`traingauge.integrations.keras.scores` makes of it inside a graph.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.scores.plan import ScoringPlan, UnclearError, positions_rank


class FlatRows(NamedTuple):
    """A batch, row by row.

    Attributes:
        y: Labels or quantities, shape (rows,) or (rows, columns).
        y_pred: Outputs, likewise; the classes that are decided for where outputs are no probabilities.
        weight: Shape (rows,); ``None`` if all weigh the same.
    """

    y: Any
    y_pred: Any
    weight: Any


def flat_rows(plan: ScoringPlan, call: LossCall) -> FlatRows:
    """Flatten a batch.

    Args:
        plan: How outputs become classes or quantities.
        call: Labels and outputs, comparable with each other, and what weighs them.

    Raises:
        UnclearError: Weights that are neither one a sample nor one a position.

    >>> plan = ScoringPlan("binary", columns=1, cut=0.5)
    >>> flat_rows(plan, LossCall(0.5, np.array([[1.0], [0.0]]), np.array([[0.9], [0.2]]), np.array([1, 0])))
    FlatRows(y=array([1., 0.]), y_pred=array([0.9, 0.2]), weight=array([1., 0.]))
    """
    y, y_pred, columns = call.y, call.y_pred, plan.columns
    if call.classes is not None:
        positions = tuple(y_pred.shape)
        return FlatRows(y.reshape((-1,)), y_pred.reshape((-1,)), _weight(positions, call))
    one_hot = columns > 1 and len(y.shape) == len(y_pred.shape) and y.shape[-1] == columns
    labels = y.reshape((-1, columns) if one_hot else (-1,))
    outputs = y_pred.reshape((-1, columns) if columns > 1 else (-1,))
    if plan.task == "multilabel" or (plan.task == "binary" and columns == 1):
        labels = _codes(plan, labels)
    if plan.task != "regression" and not plan.probabilities:
        outputs = outputs.argmax(1) if plan.cut is None else (outputs > plan.cut) * 1
    positions = tuple(y_pred.shape[: positions_rank(plan, y_pred)])
    return FlatRows(labels, outputs, _weight(positions, call))


def target_columns(plan: ScoringPlan, rows: FlatRows) -> dict[str, Any]:
    """Labels and predictions as one column each, shape (rows, 1); none of several labels or quantities a row."""
    if plan.columns > 1 and plan.task in ("multilabel", "regression"):
        return {}
    columns = {"labels": rows.y, "predictions": rows.y_pred}
    return {
        part: (values if len(values.shape) == 1 else values.argmax(1)).reshape((-1, 1))
        for part, values in columns.items()
    }


def _codes(plan: ScoringPlan, labels: Any) -> Any:
    """0 and 1, NaN where that is what a label is, and labels that are left out as they are."""
    codes = (labels > plan.positive) * 1 + labels * 0
    for ignored in plan.ignored:
        codes = codes * (labels != ignored) + (labels == ignored) * ignored
    return codes


def _weight(positions: tuple[int, ...], call: LossCall) -> Any:
    given = [factor for factor in (call.sample_weight, call.mask) if factor is not None]
    if not given:
        return None
    weight = 1.0
    for factor in given:
        weight = weight * _aligned(factor * 1.0, positions)
    spread = weight.expand(positions) if hasattr(weight, "expand") else np.broadcast_to(weight, positions)
    return spread.reshape((-1,))


def _aligned(factor: Any, positions: tuple[int, ...]) -> Any:
    """Weights with as many axes as there are positions, which they fit or broadcast to."""
    shape = list(factor.shape)
    while len(shape) > len(positions) and shape[-1] == 1:
        shape.pop()
    if len(shape) > len(positions) or any(
        size not in (1, position) for size, position in zip(shape, positions, strict=False)
    ):
        raise UnclearError(f"weights have shape {tuple(factor.shape)} and outputs positions of {positions}")
    return factor.reshape((*shape, *[1] * (len(positions) - len(shape))))
