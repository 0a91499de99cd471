"""Data that do not fit raise in the first step or pass that gives them; later they are left out and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from traingauge import ModelMonitor, Reference
from traingauge.errors import ClosedError, InvalidTypeError, LabelError, TrainGaugeError
from traingauge.testing import InMemory

REFERENCE = Reference.from_data(np.random.default_rng(0).normal(size=(50, 2)))
RIGHT: dict[str, Any] = {
    "loss": 0.5,
    "y_true": [0, 1, 2],
    "y_pred": np.eye(3),
    "features": np.zeros((3, 2)),
    "entropy": 1.0,
}
WRONG: dict[str, Any] = {
    "loss": [1.0, 2.0],
    "y_true": [0, 1, 9],
    "y_pred": np.eye(2, 3),
    "features": np.zeros((3, 5)),
    "entropy": "high",
    "samples": -5,
    "steps": "many",
    "sample_weight": [np.nan] * 3,
}


@pytest.fixture
def published() -> InMemory:
    return InMemory()


def monitored(published: InMemory, **settings: Any) -> ModelMonitor:
    return ModelMonitor("m", reference=REFERENCE, delivery=[published], **settings)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_raises_in_the_first_step_and_leaves_nothing_behind(
    published: InMemory, wrong: str
) -> None:
    with monitored(published) as monitor:
        with pytest.raises(TrainGaugeError):
            monitor.step(**{**RIGHT, wrong: WRONG[wrong]})
        assert published.value("model_steps_total", split="train") == 0
        with pytest.raises(TrainGaugeError):
            monitor.step(**{**RIGHT, wrong: WRONG[wrong]})
        monitor.step(loss=0.5, y_true=["a", "b"], y_pred=["a", "b"])
        assert published.value("model_accuracy", split="train") == 1.0
        assert published.value("model_monitor_errors_total", reason="data") == 0


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_later_is_counted_and_the_rest_of_the_step_is_recorded(
    published: InMemory, wrong: str
) -> None:
    with monitored(published) as monitor:
        monitor.step(**RIGHT)
        monitor.step(**{**RIGHT, "loss": 0.25, "entropy": 2.0, wrong: WRONG[wrong]})
        monitor.step(**RIGHT)
        assert published.value("model_steps_total", split="train") == 3
        assert published.value("model_monitor_errors_total", reason="data") == 1
        assert published.value("model_accuracy", split="train") == 1.0
        rows = monitor.rows()
        assert rows["loss"][1] == 0.25 or (wrong == "loss" and np.ma.is_masked(rows["loss"][1]))
        assert rows["entropy"][1] == 2.0 or (wrong == "entropy" and np.ma.is_masked(rows["entropy"][1]))
        assert published.value("model_samples_total", split="train") == 9


@pytest.mark.parametrize("wrong", WRONG)
def test_a_strict_monitor_raises_always(published: InMemory, wrong: str) -> None:
    with monitored(published, strict=True) as monitor:
        monitor.step(**RIGHT)
        with pytest.raises(TrainGaugeError):
            monitor.step(**{**RIGHT, wrong: WRONG[wrong]})
        monitor.step(**RIGHT)
        assert published.value("model_steps_total", split="train") == 2


def test_features_that_first_come_late_raise_if_they_do_not_fit(published: InMemory) -> None:
    with monitored(published) as monitor:
        monitor.step(loss=0.5)
        with pytest.raises(TrainGaugeError):
            monitor.step(loss=0.5, features=np.zeros((3, 5)))


def test_the_first_pass_over_a_split_raises_and_later_ones_are_counted(published: InMemory) -> None:
    with monitored(published) as monitor:
        monitor.step(**RIGHT)
        with pytest.raises(LabelError):
            monitor.evaluate("validation", loss=1.0, y_true=[0, 9, 1], y_pred=np.eye(3))
        monitor.evaluate("validation", loss=1.0, y_true=[0, 1, 2], y_pred=np.eye(3))
        with monitor.evaluation("validation") as evaluation:
            evaluation.update(loss=3.0, y_true=[0, 9, 1], y_pred=np.eye(3), samples=3, entropy="high")
            evaluation.update(loss="low", y_true=[0, 1, 1], y_pred=np.eye(3), samples=-1)
        assert published.value("model_loss", split="validation") == 3.0
        assert published.value("model_accuracy", split="validation") == pytest.approx(2 / 3)
        assert published.value("model_monitor_errors_total", reason="data") == 3
        assert published.value("model_samples_total", split="validation") == 9


def test_a_name_that_cannot_be_meant_and_a_run_that_ended_raise_always(published: InMemory) -> None:
    with monitored(published) as monitor:
        monitor.step(**RIGHT)
        with pytest.raises(TrainGaugeError, match="time"):
            monitor.step(**RIGHT, time=1.0)
    with pytest.raises(ClosedError):
        monitor.step(**RIGHT)


def test_masked_numbers_are_as_if_they_had_not_been_given(published: InMemory) -> None:
    with monitored(published) as monitor:
        monitor.step(loss=np.ma.masked, entropy=np.ma.masked)
        monitor.evaluate("validation", loss=np.ma.masked)
        assert published.value("model_loss", split="train") is None
        assert published.value("model_loss", split="validation") is None
        assert published.value("model_nonfinite_total", split="train", signal="loss") == 0


def test_a_number_is_taken_where_the_script_has_numpy_raise(published: InMemory) -> None:
    beyond_float64 = np.longdouble("1e4000")
    with monitored(published) as monitor, np.errstate(all="raise"):
        monitor.step(loss=beyond_float64)
        monitor.evaluate("validation", loss=beyond_float64)
        assert published.value("model_loss", split="train") == np.inf
        assert published.value("model_loss", split="validation") == np.inf
        assert published.value("model_monitor_errors_total", reason="step") == 0


class Broken:
    """A number of a framework that fails in its own way."""

    def detach(self) -> None:
        raise KeyError("device")


def test_a_number_that_breaks_monitoring_is_counted_and_the_others_are_recorded(published: InMemory) -> None:
    with monitored(published) as monitor:
        monitor.step(loss=Broken(), entropy=1.0, samples=3)
        monitor.evaluate("validation", loss=0.5, entropy=Broken())
        assert monitor.rows()["entropy"].tolist() == [1.0]
        assert published.value("model_samples_total", split="train") == 3
        assert published.value("model_loss", split="validation") == 0.5
        assert published.value("model_monitor_errors_total", reason="step") == 2


def test_strict_is_a_flag() -> None:
    with pytest.raises(InvalidTypeError, match="strict"):
        ModelMonitor("m", strict="yes", delivery=[])  # type: ignore[arg-type]
