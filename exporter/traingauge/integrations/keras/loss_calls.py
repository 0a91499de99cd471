"""What a step of a Keras model gave to ``compute_loss``: once, once a micro-batch, or more than once for the same data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class LossCall(NamedTuple):
    """Arguments and result of ``compute_loss`` in a step.

    The mask is that of the outputs where they no longer carry it. With a number of classes, the outputs are the class that
    each sample is decided for. Of several outputs, those that have a loss are there one by one, by name.
    """

    loss: Any
    y: Any
    y_pred: Any
    sample_weight: Any
    x: Any = None
    mask: Any = None
    classes: int | None = None
    outputs: Mapping[str, LossCall] = {}


def distinct(calls: Iterable[LossCall]) -> list[LossCall]:
    """The calls of a step that are on different data.

    Calls on the same labels are the same data at other weights, as in sharpness-aware minimisation: the first of them is the
    loss of the step. Calls on different labels are micro-batches: the loss of the step is their mean, weighted by samples.

    >>> y = [0, 1]
    >>> [call.loss for call in distinct([LossCall(0.5, y, None, None), LossCall(0.7, y, None, None)])]
    [0.5]
    """
    first: dict[int, LossCall] = {}
    for at, call in enumerate(calls):
        data = call.x if call.y is None else call.y
        first.setdefault(at if data is None else id(data), call)
    return list(first.values())
