"""Labels and predictions that are encoded when their step is drained.

To read those on a device in the training thread would wait for the device. What scores need of them is copied there, and
brought over for many steps at once. Scores of up to
:data:`~traingauge.stats.classification.probabilities.HISTOGRAM_CLASSES` classes are kept whole; of more classes, the
decision of each sample is, as the scores themselves would fill the device.

Small tensors of PyTorch on the host wait as well, where an error would not reach the script anyway: a copy takes a fraction
of the time, and steps of one shape are encoded together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from traingauge.core.collectors.scores import Scores
from traingauge.core.device_numbers import brought_over
from traingauge.core.guard import Guard
from traingauge.errors import TrainGaugeError
from traingauge.stats.arrays import as_array
from traingauge.stats.classification.encoding import LABELS_KEPT, Encoded
from traingauge.stats.classification.probabilities import HISTOGRAM_CLASSES, SCORES_KEPT

#: Memory that a sample of a step takes on the host, roughly.
BYTES_A_SAMPLE = 64

#: Bytes of labels and predictions on the host up to which a step may wait: beyond, it is not the calls that cost.
SMALL_BYTES = 1 << 16


class Unencoded(NamedTuple):
    """A step's labels and predictions, which wait where they are.

    Attributes:
        samples: Number of samples in the step.
        arrays: Labels, predictions, and weights or ``None``; copies.
        held: The samples whose data on the host take as much memory; what is kept is bounded by these.
        rows: Turns ``arrays``, whose rows are samples then, into labels, predictions and weights, as many rows for each
            sample; ``None`` where they are that. Steps with the same one have tensors of the same dtypes and shapes.
    """

    samples: int
    arrays: tuple[Any, ...]
    held: int
    rows: Callable[..., tuple[Any, Any, Any]] | None = None

    def by_row(self) -> tuple[Any, Any, Any]:
        """Labels, predictions and weights."""
        return self.arrays if self.rows is None else self.rows(*self.arrays)


def deferred(y_true: Any, y_pred: Any, sample_weight: Any, *, small: bool) -> Unencoded | None:
    """What scores need of labels and predictions; ``None`` if they are to be encoded at once.

    Args:
        y_true: Labels.
        y_pred: Predictions.
        sample_weight: Weights, or ``None``.
        small: Whether tensors of PyTorch on the host wait, too, if they are small.
    """
    if y_true is None or y_pred is None:
        return None
    held = _bytes_on_host(y_true) + _bytes_on_host(y_pred) if small else math.inf
    if held <= SMALL_BYTES:
        samples = y_true.shape[0]
        copies = y_true.detach().clone(), y_pred.detach().clone(), _copy(sample_weight)
        return Unencoded(samples, copies, max(samples, int(held) // BYTES_A_SAMPLE))
    on_device = _is_on_device(y_true) or _is_on_device(y_pred)
    if not (on_device and _is_dense(y_true) and _is_dense(y_pred)):
        return None  # what is wrong with those that are not dense is then said at once
    copies = _copy(y_true), _decided(y_true, y_pred), _copy(sample_weight)
    samples = len(y_true)
    return Unencoded(samples, copies, max(samples, sum(map(_bytes, copies)) // BYTES_A_SAMPLE))


def waits(arrays: tuple[Any, ...]) -> bool:
    """Whether arrays may wait as they are: labels, predictions, and further ones or ``None``.

    Small tensors of PyTorch may, on whatever device, but for the scores of many classes on one.
    """
    given = [one for one in arrays if one is not None]
    if not all(_is_tensor(one) and _is_dense(one) and not one.is_meta for one in given):
        return False
    y_pred = arrays[1]
    return sum(map(_bytes, given)) <= SMALL_BYTES and (y_pred.is_cpu or y_pred.shape[-1] <= HISTOGRAM_CLASSES)


def encoded(steps: Sequence[Encoded | Unencoded], scores: Scores, guard: Guard) -> list[Encoded | None]:
    """The steps with what waits encoded, too: what is on a device, of one dtype and width, is brought over in one transfer.

    Args:
        steps: Any of both.
        scores: Encodes them.
        guard: Counts those that do not fit, or whose device is lost; ``None`` stands for them.
    """
    waiting = [step for step in steps if isinstance(step, Unencoded)]
    if not waiting:
        return list(steps)  # type: ignore[arg-type] # as the line above says
    there = _on_host(waiting, guard)
    found = chain.from_iterable(_encode_alike(alike, scores, guard) for alike in _alike(there, guard))
    return [step if isinstance(step, Encoded) else next(found) for step in steps]


def _alike(steps: Sequence[Unencoded | None], guard: Guard) -> Iterator[Sequence[Unencoded | None]]:
    """The steps in their order, those together that can be encoded together and separated afterwards."""
    alike: list[Unencoded | None] = []
    kind, rows, scores = None, 0, 0
    for step in steps:
        now: Any = None if step is None else step.rows or guard.attempt(None, _kind, step)
        more = (0, 0) if step is None or now is None else (step.arrays[0].numel(), step.arrays[1].numel())
        full = rows + more[0] > LABELS_KEPT or scores + more[1] > SCORES_KEPT
        if alike and (now is None or now != kind or full):
            yield alike
            alike, rows, scores = [], 0, 0
        alike.append(step)
        kind, rows, scores = now, rows + more[0], scores + more[1]
    yield alike


def _kind(step: Unencoded) -> tuple[Any, ...] | None:
    """What steps that are encoded together have in common: one label a sample. ``None`` for one that is encoded alone."""
    y_true, y_pred, weight = step.arrays
    if not (_is_tensor(y_true) and _is_tensor(y_pred) and _is_one_label(y_true, y_pred, weight)):
        return None
    return y_true.dtype, y_true.shape[1:], y_pred.dtype, y_pred.shape[1:]


def _is_one_label(y_true: Any, y_pred: Any, weight: Any) -> bool:
    """Whether each sample has one label, and all weigh the same."""
    (samples, *width), (predicted, *classes) = y_true.shape, y_pred.shape
    return weight is None and width in ([], [1]) and len(classes) < 2 and samples == predicted


def _encode_alike(steps: Sequence[Any], scores: Scores, guard: Guard) -> list[Encoded | None]:
    together = guard.attempt(None, _encode_together, steps, scores) if len(steps) > 1 else None
    return [_encode(step, scores, guard) for step in steps] if together is None else [*together]


def _encode_together(steps: Sequence[Any], scores: Scores) -> Sequence[Encoded] | None:
    join, columns = sys.modules["torch"].cat, zip(*[step.arrays for step in steps], strict=True)
    joined = tuple([None if column[0] is None else join(column) for column in columns])
    y_true, y_pred, weight = steps[0]._replace(arrays=joined).by_row()
    if not _is_one_label(y_true, y_pred, weight):
        return None
    each = len(y_true) // sum(step.samples for step in steps)
    return scores.encode_together(y_true, y_pred, [step.samples * each for step in steps])


def _encode(step: Unencoded | None, scores: Scores, guard: Guard) -> Encoded | None:
    if step is None:
        return None
    try:
        return guard.run("digest", lambda: scores.encode(*step.by_row()))
    except TrainGaugeError as error:
        guard.report("data", error)
        return None


def _is_tensor(values: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def _is_on_device(values: Any) -> bool:
    """Whether it is a tensor that has to be waited for; one on ``meta`` has no values."""
    return _is_tensor(values) and not (values.is_cpu or values.is_meta)


def _bytes_on_host(values: Any) -> float:
    """Memory that a dense tensor on the host takes; infinite for anything else."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(values, torch.Tensor) or not values.is_cpu:
        return math.inf
    dense = values.ndim > 0 and values.layout is torch.strided and not values.is_nested
    return values.nbytes if dense else math.inf


def _is_dense(values: Any) -> bool:
    """Whether it has rows and a plain layout; so has what is no tensor of PyTorch."""
    if not _is_tensor(values):
        return True
    return values.ndim > 0 and values.layout == sys.modules["torch"].strided and not values.is_nested


def _copy(values: Any) -> Any:
    """A copy where the values are, as the script may write into its own before they are read; ``None`` of nothing."""
    if values is None:
        return None
    return values.detach().clone() if hasattr(values, "detach") else np.array(as_array(values, "values"))


def _bytes(values: Any) -> int:
    return 0 if values is None else int(values.nbytes)


def _decided(y_true: Any, y_pred: Any) -> Any:
    """The predictions, or of many classes their decisions."""
    axis = _class_axis(tuple(np.shape(y_true)), tuple(y_pred.shape)) if _is_on_device(y_pred) else None
    if axis is None or not y_pred.is_floating_point() or y_pred.shape[axis] <= HISTOGRAM_CLASSES:
        return _copy(y_pred)
    return y_pred.detach().argmax(axis).int()


def _class_axis(true: tuple[int, ...], predicted: tuple[int, ...]) -> int | None:
    """Axis of the classes, where the shapes leave no doubt.

    >>> _class_axis((32,), (32, 1000)), _class_axis((32, 128), (32, 128, 50000)), _class_axis((32, 8), (32, 8, 8))
    (1, 2, None)
    """
    places = {axis for axis in (1, len(predicted) - 1) if true == predicted[:axis] + predicted[axis + 1 :]}
    return places.pop() if len(places) == 1 and len(predicted) == len(true) + 1 else None


def _on_host(steps: Sequence[Unencoded], guard: Guard) -> Sequence[Unencoded | None]:
    """The steps with their arrays on the host; ``None`` for a step that lost one of them."""
    groups: dict[Any, list[tuple[int, int]]] = {}
    for row, step in enumerate(steps):
        for column, one in enumerate(step.arrays):
            if not getattr(one, "is_cpu", True) and _is_on_device(one):
                groups.setdefault((one.device, one.dtype, one.shape[1:]), []).append((row, column))
    if not groups:
        return steps
    found: list[list[Any]] = [list(step.arrays) for step in steps]
    lost: set[int] = set()
    for places in groups.values():
        tensors = [found[row][column] for row, column in places]
        for (row, column), tensor in zip(
            places, brought_over(tensors, _together, _alone, guard), strict=True
        ):
            found[row][column] = tensor
            lost |= {row} if tensor is None else set()
    return [
        None if row in lost else step._replace(arrays=tuple(arrays))
        for row, (step, arrays) in enumerate(zip(steps, found, strict=True))
    ]


def _together(tensors: Sequence[Any]) -> Sequence[Any]:
    lengths = [len(tensor) for tensor in tensors]
    return sys.modules["torch"].cat(tensors).cpu().split(lengths)  # type: ignore[no-any-return]


def _alone(tensor: Any) -> Any:
    return tensor.cpu()
