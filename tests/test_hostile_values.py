"""Whatever a public setting or function is given, it takes it or raises one of traingauge's own errors."""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path

import numpy as np
import pytest

from traingauge import (
    Adwin,
    Canary,
    Cusum,
    Drift,
    Endpoint,
    Ewma,
    ModelMonitor,
    PageHinkley,
    Reference,
    ReferenceRun,
    RobustZ,
    Scoring,
    State,
)
from traingauge.errors import TrainGaugeError


class Odd:
    """Can neither be compared nor hashed."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")


HOSTILE = [
    *(None, True, False, 0, -1, 1, 10**400, 0.0, -0.5, 1e308, float("nan"), float("inf"), 3 + 4j),
    *("", "x", "\udce9", "a\nb", "\0", "é" * 500, b"x", b""),
    *([], [None], [1, "a"], ["a", "a"], [[1], [2, 3]], (), {}, {"a": None}, {1: 2}, set(), range(3)),
    *({"loss": float("nan")}, {"accuracy": {"warning": "x"}}, {"loss": 10**400}),
    *(object(), Odd(), int, Ellipsis, Path("/dev/null/x"), np.float32(0.5), np.int64(3)),
    *(np.array(1), np.array([1, 2]), np.array([]), np.zeros((2, 2)), np.array(["a"]), np.array([None])),
    *(np.array([1j]), np.datetime64("2020-01-01")),
]
X = np.random.default_rng(0).normal(size=(60, 3))
REFERENCE = Reference.from_data(X, y_true=X[:, 0] > 0)
CANARY = Canary.record("m", lambda x: 2 * x, [1.0, 2.0])


@pytest.fixture(scope="module")
def monitor():
    with ModelMonitor("m", delivery=[], reference=REFERENCE) as monitor:
        yield monitor


def _made(**given):
    ModelMonitor(**{"model": "m", "delivery": [], **given}).close()


def _recorded(run):
    ReferenceRun.record(run)


def _plotted(monitor):
    def plot(column):
        monitor.plot(column)

    return plot


def _updated(monitor):
    def update(**given):
        with monitor.evaluation("test") as evaluation:
            evaluation.update(**given)

    return update


def _defaults(function):
    return {
        name: one.default
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is not one.VAR_KEYWORD
    }


FUNCTIONS = {
    "ModelMonitor": lambda m: (_made, {**_defaults(ModelMonitor), "model": "m", "delivery": []}),
    "Scoring": lambda m: (Scoring, _defaults(Scoring)),
    "Drift": lambda m: (Drift, {**_defaults(Drift), "reference": REFERENCE}),
    "State": lambda m: (State, {"directory": "x", "save_every": 30.0}),
    "Endpoint": lambda m: (
        Endpoint,
        dict.fromkeys(("host", "port", "discovery_dir", "linger", "links")),
    ),
    **{
        kind.__name__: lambda m, kind=kind: (kind, _defaults(kind))
        for kind in (Adwin, Cusum, Ewma, PageHinkley, RobustZ)
    },
    "from_data": lambda m: (Reference.from_data, {**_defaults(Reference.from_data), "features": X}),
    "from_batches": lambda m: (Reference.from_batches, {**_defaults(Reference.from_batches), "batches": [X]}),
    "images": lambda m: (lambda features: Reference.from_data(features, of="images"), {"features": X}),
    "calibrate": lambda m: (
        REFERENCE.calibrate,
        {"window": 20, "false_alarm_rate": 0.1, "resamples": 100, "seed": 0},
    ),
    "reduce": lambda m: (REFERENCE.reduce, {"samples": X}),
    "Reference.load": lambda m: (Reference.load, {"path": "x"}),
    "Canary.load": lambda m: (Canary.load, {"path": "x"}),
    "ReferenceRun.load": lambda m: (ReferenceRun.load, {"path": "x"}),
    "ReferenceRun.record": lambda m: (_recorded, {"run": None}),
    "Canary.record": lambda m: (
        Canary.record,
        {"model": "m", "predict": lambda x: x, "inputs": [1.0], "tolerance": 1e-3},
    ),
    "Canary.compare": lambda m: (CANARY.compare, {"outputs": [1.0, 2.0]}),
    "step": lambda m: (m.step, {"loss": 1.0, "samples": 1, "steps": 1, "entropy": 1.0}),
    "step with arrays": lambda m: (
        m.step,
        {"y_true": [0, 1], "y_pred": [0, 1], "sample_weight": [1, 1], "features": X[:2]},
    ),
    "evaluate": lambda m: (m.evaluate, {"split": "validation", "loss": 1.0, "y_true": [0], "y_pred": [0]}),
    "evaluation": lambda m: (m.evaluation, {"split": "test"}),
    "update": lambda m: (_updated(m), {"loss": 1.0, "y_true": [0], "y_pred": [0], "samples": 2}),
    "watch": lambda m: (m.watch, {"batches": [1], "features": False}),
    "resume_at": lambda m: (m.resume_at, {"step": 0}),
    "canary": lambda m: (m.canary, {"canary": CANARY, "predict": lambda x: 2 * x, "every": None}),
    "rows": lambda m: (m.rows, {"split": "train"}),
    "frame": lambda m: (m.frame, {"split": "train"}),
    "plot": lambda m: (_plotted(m), {"column": "loss"}),
    "describe": lambda m: (m.describe, {"model": "x"}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_hostile_value_fits_or_raises_an_error_of_traingauge(name, monitor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("traingauge"), "disabled", True)
    function, usual = FUNCTIONS[name](monitor)
    raw = []
    for argument in usual:
        for value in HOSTILE:
            if argument in ("predict", "features") and callable(value):
                continue  # its own errors are the user's
            try:
                function(**{**usual, argument: value})
            except TrainGaugeError as error:
                assert len(str(error)) > 20  # noqa: PT017 says what was given and what fits
            except OSError:
                assert isinstance(value, (str, os.PathLike))
            except Exception as error:  # noqa: BLE001 that is the point
                raw.append((argument, type(value).__name__, repr(error)[:100]))
    assert raw == []
