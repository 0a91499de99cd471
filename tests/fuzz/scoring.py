"""Batches whose scores are known: the same samples in every form that a framework gives them, and what scikit-learn says."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import strategies as st
from sklearn import metrics

from tests.fuzz.values import contained

#: Forms of each task: whether the scores are logits, and how labels and predictions are given.
FORMS = {
    "binary": ("codes", "truths", "shares", "column", "two shares", "logits", "pixels"),
    "multiclass": ("codes", "names", "shares", "logits", "one-hot", "positions", "channels first"),
    "multilabel": ("codes", "shares", "logits"),
    "regression": ("values", "column", "two outputs"),
}
NAMES = np.array(["ant", "bee", "cat"])
_SCORE_DTYPES = ("f8", "f4", "f2", "g", ">f4", ml_dtypes.bfloat16)
_LABEL_DTYPES = ("i8", "i4", "u1", "u8", "f4", "f8", ">i4")
_CONTAINERS = ("array", "array", "list", "fortran", "strided", "reversed", "read-only", "tensor")


@dataclass(frozen=True)
class Setup:
    """How a run is scored.

    Attributes:
        task: One of :data:`FORMS`.
        form: One of the forms of the task.
        average: How scores of classes are averaged.
        window: Steps in the window.
        told: Whether the monitor is told the task, or has to find it out.
    """

    task: str
    form: str
    average: str
    window: int
    told: bool

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of ``Scoring``."""
        found: dict[str, Any] = {"window": self.window}
        if self.task != "regression":
            found["average"] = self.average
        if self.form == "logits":
            found["from_logits"] = True
        if not self.told:
            return found
        classes = {"binary": 2, "multiclass": 3, "multilabel": 3, "regression": None}[self.task]
        return {**found, "task": self.task, "classes": NAMES.tolist() if self.form == "names" else classes}


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    """Every task and form."""
    task = draw(st.sampled_from(sorted(FORMS)))
    form = draw(st.sampled_from(FORMS[task]))
    averages = ("macro", "weighted", "micro", *(["binary"] if task == "binary" else []))
    told = (
        draw(st.booleans())
        or form in ("logits", "pixels", "two outputs")
        or (task, form) == ("multilabel", "codes")
    )
    return Setup(task, form, draw(st.sampled_from(averages)), draw(st.sampled_from([1, 3])), told)


@dataclass(frozen=True)
class Batch:
    """A batch as it is given, and what it means.

    Attributes:
        given: ``y_true``, ``y_pred`` and perhaps ``sample_weight``.
        true: Codes, indicators or values of the rows that count.
        predicted: The same of the predictions.
        weight: Weights of these rows; ``None`` without.
    """

    given: dict[str, Any]
    true: Any
    predicted: Any
    weight: Any


@st.composite
def batches(draw: st.DrawFn, setup: Setup, *, first: bool = False) -> Batch:
    """A batch in the form of the setup. The first one shows the task, if the monitor has to find it out."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    rows = draw(st.integers(4, 8))
    make = {
        "binary": _binary,
        "multiclass": _multiclass,
        "multilabel": _multilabel,
        "regression": _regression,
    }
    y_true, y_pred, true, predicted = make[setup.task](
        rng, setup.form, rows, draw(st.sampled_from(_SCORE_DTYPES)), first
    )
    gaps = np.ones(len(true), bool)
    if (
        y_pred.ndim <= 2
        and y_pred.dtype.kind == "f"
        and y_pred.dtype.num < 20
        and not first
        and draw(st.booleans())
    ):
        gaps = rng.random(rows) > 0.3
        y_pred = y_pred.copy()
        y_pred[~gaps] = (
            draw(st.sampled_from([np.nan, np.inf])) if setup.form != "logits" or y_pred.ndim == 1 else np.nan
        )
    given = {"y_true": _given(draw, rng, y_true, setup), "y_pred": _given(draw, rng, y_pred, setup)}
    weight = None
    if draw(st.booleans()):
        weight = rng.uniform(0.1, 3, rows)
        given["sample_weight"] = contained(rng, weight, draw(st.sampled_from(_CONTAINERS)))
        weight = np.repeat(weight, len(true) // rows)[gaps]
    return Batch(given, true[gaps], predicted[gaps], weight)


def _given(draw: st.DrawFn, rng: np.random.Generator, values: Any, setup: Setup) -> Any:
    container = draw(st.sampled_from((*_CONTAINERS, *(["pandas", "polars"] if values.ndim < 3 else []))))
    if values.dtype.num > 20 and container in ("list", "pandas", "polars"):
        container = "array"  # scalars of ml_dtypes are no numbers to other libraries
    if values.dtype.kind in "US" or values.dtype.byteorder == ">" or values.dtype.char == "g":
        container = "array" if container in ("polars", "pandas") else container
    return contained(rng, values.copy(), container)


def _labels(rng: np.random.Generator, codes: Any) -> Any:
    return codes.astype(_LABEL_DTYPES[rng.integers(len(_LABEL_DTYPES))])


def _shares(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    raw = rng.random(shape) + 0.01
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(dtype)


def _exact(values: Any) -> Any:
    return np.asarray(values, np.float64)


def _binary(rng: np.random.Generator, form: str, rows: int, dtype: Any, first: bool) -> tuple[Any, ...]:
    codes = rng.integers(0, 2, rows)
    codes[:2] = (0, 1)
    if form in ("codes", "truths"):
        predicted = rng.integers(0, 2, rows)
        kind = bool if form == "truths" else "i8"
        return codes.astype(kind), predicted.astype(kind), codes, predicted
    true = _labels(rng, codes)
    if form == "two shares":
        scores = _shares(rng, (rows, 2), dtype)
        return codes.astype("i8"), scores, codes, (_exact(scores)[:, 1] > _exact(scores)[:, 0]).astype(int)
    if form == "logits":
        scores = (rng.normal(size=rows) * 3).astype(dtype)
        return true, scores, codes, (_exact(scores) > 0).astype(int)
    if form == "pixels":
        codes = rng.integers(0, 2, (rows, 1, 3, 3))
        scores = rng.random((rows, 1, 3, 3)).astype(dtype)
        return _labels(rng, codes), scores, codes.ravel(), (_exact(scores) > 0.5).astype(int).ravel()
    scores = rng.uniform(0.01, 0.99, rows).astype(dtype)
    predicted = (_exact(scores) > 0.5).astype(int)
    return (
        (true[:, None], scores[:, None], codes, predicted)
        if form == "column"
        else (true, scores, codes, predicted)
    )


def _multiclass(rng: np.random.Generator, form: str, rows: int, dtype: Any, first: bool) -> tuple[Any, ...]:
    codes = rng.integers(0, 3, rows)
    codes[:3] = (0, 1, 2)
    if form in ("codes", "names"):
        predicted = rng.integers(0, 3, rows)
        predicted[:3] = codes[:3]
        return (
            (codes, predicted, codes, predicted)
            if form == "codes"
            else (NAMES[codes], NAMES[predicted], codes, predicted)
        )
    if form in ("positions", "channels first"):
        codes = rng.integers(0, 3, (rows, 4))
        scores = _shares(rng, (rows, 4, 3), dtype)
        given = np.moveaxis(scores, -1, 1) if form == "channels first" else scores
        return codes, given, codes.ravel(), _exact(scores).argmax(axis=-1).ravel()
    scores = (
        (rng.normal(size=(rows, 3)) * 3).astype(dtype) if form == "logits" else _shares(rng, (rows, 3), dtype)
    )
    true = np.eye(3)[codes].astype("f4") if form == "one-hot" else codes.astype("i8")
    return true, scores, codes, _exact(scores).argmax(axis=1)


def _multilabel(rng: np.random.Generator, form: str, rows: int, dtype: Any, first: bool) -> tuple[Any, ...]:
    true = rng.integers(0, 2, (rows, 3))
    true[:2] = ((1, 1, 0), (0, 0, 0))
    if form == "codes":
        predicted = rng.integers(0, 2, (rows, 3))
        return true, predicted, true, predicted
    raw = rng.normal(size=(rows, 3)) * 3
    scores = (raw if form == "logits" else 1 / (1 + np.exp(-raw))).astype(dtype)
    return _labels(rng, true), scores, true, (_exact(scores) > (0 if form == "logits" else 0.5)).astype(int)


def _regression(rng: np.random.Generator, form: str, rows: int, dtype: Any, first: bool) -> tuple[Any, ...]:
    shape = {"values": (rows,), "column": (rows, 1), "two outputs": (rows, 2)}[form]
    true, predicted = (rng.normal(size=shape).astype("f8"), rng.normal(size=shape).astype(dtype))
    meant = [one.reshape(rows, -1) for one in (_exact(true), _exact(predicted))]
    return true, predicted, *meant


def expected(setup: Setup, window: Sequence[Batch]) -> dict[str, float]:
    """What scikit-learn says of the batches of a window."""
    true, predicted = (
        np.concatenate([getattr(one, name) for one in window]) for name in ("true", "predicted")
    )
    weight = np.concatenate([np.ones(len(one.true)) if one.weight is None else one.weight for one in window])
    if not len(true):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if setup.task == "regression":
            error = metrics.mean_squared_error(
                true, predicted, sample_weight=weight, multioutput="raw_values"
            )
            return {
                "mean_absolute_error": metrics.mean_absolute_error(true, predicted, sample_weight=weight),
                "root_mean_squared_error": float(np.sqrt(error).mean()),
                **(
                    {"r2_score": metrics.r2_score(true, predicted, sample_weight=weight)}
                    if len(true) > 1
                    else {}
                ),
            }
        how = {"average": setup.average, "sample_weight": weight, "zero_division": np.nan}
        if setup.average != "binary":
            how["labels"] = range(2 if setup.task == "binary" else 3)
        found = {
            "accuracy": metrics.accuracy_score(true, predicted, sample_weight=weight),
            "precision": metrics.precision_score(true, predicted, **how),
            "recall": metrics.recall_score(true, predicted, **how),
            "f1": metrics.f1_score(true, predicted, **how),
        }
        if setup.average == "weighted":
            # scikit-learn leaves the weights out where all of them are 0; a mean of nothing is not defined.
            each = metrics.precision_score(true, predicted, **{**how, "average": None})
            support = np.array([weight[_of_class(true, code)].sum() for code in how["labels"]])
            if not support[~np.isnan(each)].any():
                found["precision"] = math.nan
        return found


def _of_class(true: Any, code: int) -> Any:
    return true == code if true.ndim == 1 else true[:, code] == 1


def disagreements(split: str, found: dict[str, float | None], expected: dict[str, float]) -> list[str]:
    """Scores that are not what scikit-learn says; one that is undefined there may be absent here."""
    return [
        f"{name} of {split} is {found.get(name)}, and scikit-learn's is {value}"
        for name, value in expected.items()
        if not _agree(found.get(name), value)
    ]


def _agree(found: float | None, value: float) -> bool:
    if math.isnan(value):
        return found is None or math.isnan(found)
    return found is not None and math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9)
