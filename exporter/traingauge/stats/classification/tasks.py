"""Recognises the task of a model: binary, multi-class, multi-label or regression."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from traingauge.errors import InvalidArgumentError
from traingauge.stats.arrays import Array

#: Kind of prediction that is scored.
Task = Literal["binary", "multiclass", "multilabel", "regression"]

#: All tasks.
TASKS: tuple[Task, ...] = get_args(Task)

_ROW_SUM_TOLERANCE = 1e-2  # for float16 probabilities of many classes


def find_task(true: Array, predicted: Array, classes: int = 0) -> Task | None:
    """Infer the task from the first step, aligned by :func:`~traingauge.stats.classification.alignment.align`.

    ==========================  ===========================  =========================================
    y_true                      y_pred                       task
    ==========================  ===========================  =========================================
    (n,)                        (n, K)                       ``binary`` if K = 2, else ``multiclass``
    (n,) strings                (n,) strings                 ``multiclass``
    (n,) integers               (n,) integers                ``multiclass``; ``binary`` if all are 0 or 1
    (n,) 0 or 1                 (n,) floats                  ``binary``; ``multiclass`` if they are whole, up to 2 or more
    (n,) floats                 (n,) floats                  ``regression``
    (n, K) one-hot rows         (n, K) rows that sum to 1    ``binary`` if K = 2, else ``multiclass``
    (n, K) one-hot rows         (n,) integers                ``binary`` if K = 2, else ``multiclass``
    (n, K) 0 or 1               (n, K)                       ``multilabel``
    (n, K) rows that sum to 1   (n, K) rows that sum to 1    ``binary`` if K = 2, else ``multiclass``
    (n, K) floats               (n, K)                       ``regression``
    ==========================  ===========================  =========================================

    If the number of classes is known, one-dimensional labels and predictions are ``binary`` for two classes, else
    ``multiclass``. Non-finite values are ignored.

    Args:
        true: Labels, shape (n,) or (n, K).
        predicted: Predictions, shape (n,) or (n, K).
        classes: Number of classes; 0 if unknown.

    Returns:
        The task; ``None`` if no finite value is left to infer it from.

    Raises:
        InvalidArgumentError: More than one task is possible; the message says which argument decides.

    >>> find_task(np.array([0, 1]), np.array([0.2, 0.9]))
    'binary'
    >>> find_task(np.array([21.6, 34.7]), np.array([20.1, 30.0]))
    'regression'
    """
    if true.ndim < 2 and predicted.ndim < 2:
        return _of_columns(true, predicted, classes)
    columns = max(array.shape[1] for array in (true, predicted) if array.ndim == 2)
    if true.ndim == 2 and predicted.ndim == 2:
        return _of_matrices(true, predicted)
    return _single_label(columns)


def reconsider(task: Task, true: Array, predicted: Array, *, logits: bool | None) -> Task | None:
    """The task that a step shows after earlier ones were taken for another one by their values; ``None`` for the same.

    Labels of only 0 and 1 in one column may be the first of more classes, or of counts and ordinal targets; predictions that
    are whole numbers may be labels or logits.

    Args:
        task: What was inferred from earlier steps.
        true: Labels, finite.
        predicted: Predictions, finite.
        logits: Whether the predictions are logits; ``None`` while that is open.

    >>> reconsider("binary", np.array([0.0, 2.0]), np.array([0.3, 1.7]), logits=None)
    'regression'
    >>> reconsider("binary", np.array([0, 1]), np.array([0.0, 3.0]), logits=None)
    'multiclass'
    """
    if true.ndim > 1 or predicted.ndim > 1 or "U" in (true.dtype.kind, predicted.dtype.kind):
        return None
    whole = _all_whole(predicted) and bool((predicted >= 0).all())
    if _all_whole(true) and _zero_or_one(true):
        if task == "binary" and whole and not logits and not _zero_or_one(predicted):
            return "multiclass"
        return "binary" if task == "multiclass" and not whole else None
    if task != "binary":
        return None
    if _all_whole(true) and whole:
        return "multiclass"
    labels = true.dtype.kind != "f" and logits is None and not _beyond_probabilities(predicted)
    return None if labels else "regression"


def _beyond_probabilities(predicted: Array) -> bool:
    return bool((predicted < 0).any() or (predicted > 1).any())


def _single_label(classes: int) -> Task:
    return "binary" if classes == 2 else "multiclass"


def _of_columns(true: Array, predicted: Array, classes: int) -> Task | None:
    true, predicted = _finite(true), _finite(predicted)
    if not len(true) or not len(predicted):
        return None
    if classes:
        return _single_label(classes)
    if "U" in (true.dtype.kind, predicted.dtype.kind):
        return "multiclass"  # not binary, as either of two strings could be the positive class
    return _of_numbers(true, predicted)


def _of_numbers(true: Array, predicted: Array) -> Task:
    if _all_whole(true) and _zero_or_one(true):
        hard = _all_whole(predicted) and bool((predicted >= 0).all())
        return "multiclass" if hard and not _zero_or_one(predicted) else "binary"
    if predicted.dtype.kind != "f" and true.dtype.kind != "f":
        return "multiclass"
    if true.dtype.kind == "f" and not (_all_whole(true) and _all_whole(predicted)):
        return "regression"
    raise _ambiguous(
        f"y_true holds {true.dtype} such as {true[0].item()!r} and y_pred one {predicted.dtype} per sample",
        "task='regression' for quantities; for classes, scores of shape (samples, classes) or integer labels",
    )


def _of_matrices(true: Array, predicted: Array) -> Task | None:
    rows = np.isfinite(true).all(axis=1) & np.isfinite(predicted).all(axis=1)
    true, predicted = true[rows], predicted[rows]
    if not len(true):
        return None
    distributions = bool((predicted >= 0).all()) and _adds_up(predicted)
    if _zero_or_one(true):
        if not (true.sum(axis=1) == 1).all():
            return "multilabel"
        if distributions:
            return _single_label(true.shape[1])
        raise _ambiguous(
            "every row of y_true holds one 1, but the rows of y_pred do not sum to 1",
            "task='multiclass' for one label per sample, or task='multilabel' for any number of labels",
        )
    if true.dtype.kind == "f":
        soft = bool((true >= 0).all()) and _adds_up(true)  # mixtures, label smoothing
        return _single_label(true.shape[1]) if soft else "regression"
    raise _ambiguous(
        f"y_true holds {true.dtype} other than 0 and 1 in {true.shape[1]} columns, y_pred {predicted.dtype}",
        "task='regression' for quantities, or labels of 0 and 1 for classes",
    )


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _all_whole(values: Array) -> bool:
    return values.dtype.kind != "f" or bool((values == np.floor(values)).all())


def _zero_or_one(values: Array) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _adds_up(rows: Array) -> bool:
    return bool((np.abs(rows.sum(axis=1, dtype=np.float64) - 1) < _ROW_SUM_TOLERANCE).all())


def _ambiguous(given: str, fits: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"the task is ambiguous: {given}; pass {fits}")
