"""A fixed batch with the outputs of a trusted model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from traingauge import Canary, ModelMonitor, Reference
from traingauge.errors import DamagedFileError, InvalidArgumentError, ReferenceMismatchError, ShapeError


@pytest.fixture(scope="module")
def model():
    x, y = load_digits(return_X_y=True)
    return LogisticRegression(max_iter=200).fit(x / 16, y), x[:50] / 16


def test_the_recorded_model_has_no_mismatch(model):
    model, batch = model
    canary = Canary.record("digits", model.predict_proba, batch)
    assert canary.compare(model.predict_proba(batch)) == (0.0, 0, 50)


@pytest.mark.parametrize("bit", [30, 29, 28])
def test_a_flipped_exponent_bit_of_one_weight_is_detected(model, bit):
    model, batch = model
    canary = Canary.record("digits", lambda x: x @ model.coef_.T.astype(np.float32) + model.intercept_, batch)
    weights = model.coef_.T.astype(np.float32)
    weights.view(np.uint32)[36, 3] ^= np.uint32(1 << bit)
    reading = canary.compare(batch @ weights + model.intercept_)
    assert reading.distance > 0.01
    if bit == 30:
        assert reading.mismatches > 0


def test_a_change_in_preprocessing_is_detected(model):
    model, batch = model
    canary = Canary.record("digits", model.predict_proba, batch)
    assert canary.compare(model.predict_proba(batch[:, ::-1])).mismatches > 10


def test_a_non_finite_output_is_a_mismatch():
    canary = Canary.record("m", lambda x: np.eye(3)[:2], [0, 1])
    broken = np.eye(3)[:2]
    broken[0, 2] = np.nan
    reading = canary.compare(broken)
    assert math.isnan(reading.distance)
    assert reading.mismatches == 1


@pytest.mark.parametrize(("value", "mismatches"), [(1000.9, 0), (1001.1, 1)])
def test_outputs_within_the_tolerance_match(value, mismatches):
    canary = Canary.record("m", lambda x: np.array([1000.0]), [0.0], tolerance=1e-3)
    assert canary.compare([value]).mismatches == mismatches


def test_a_loaded_canary_equals_the_saved_one(model, tmp_path):
    model, batch = model
    canary = Canary.record("digits", model.predict_proba, batch)
    canary.save(tmp_path / "digits.canary")
    loaded = Canary.load(tmp_path / "digits.canary")
    assert (loaded.model, loaded.tolerance, loaded.created) == (
        canary.model,
        canary.tolerance,
        canary.created,
    )
    np.testing.assert_array_equal(loaded.inputs, canary.inputs)
    assert loaded.compare(canary.outputs).distance == 0
    Reference.from_data([[1.0], [2.0]]).save(tmp_path / "data.ref")
    with pytest.raises(DamagedFileError, match="not a canary"):
        Canary.load(tmp_path / "data.ref")


def test_a_live_model_is_checked_at_once_then_periodically_and_on_demand(read):
    asked = []

    def predict(x):
        asked.append(x)
        return x * (1.0 if len(asked) < 3 else 2.0)

    canary = Canary.record("m", lambda x: x * 1.0, [1.0, 2.0, 2.0])
    with ModelMonitor("m", delivery=[]) as run:
        probe = run.canary(canary, predict, every=10)
        assert len(asked) == 1
        for _ in range(25):
            run.step(1.0)
            probe.step()
        assert len(asked) == 3
        assert read(run, "model_canary_mismatches") == 3
        assert read(run, "model_canary_distance") == pytest.approx(math.sqrt(3))
        assert read(run, "model_canary_samples") == 3
        assert 0 <= read(run, "model_canary_age_seconds") < 5
        assert probe.check().mismatches == 3


def test_a_model_that_raises_in_a_check_does_not_stop_training(read):
    canary = Canary.record("m", lambda x: x, [1.0])
    with ModelMonitor("m", delivery=[]) as run:
        answers = iter([np.array([1.0])])
        probe = run.canary(canary, lambda x: next(answers), every=1)
        probe.step()
        assert read(run, "model_monitor_errors_total", reason="integration") == 1


def test_a_canary_that_does_not_fit_raises_at_the_start():
    canary = Canary.record("m", lambda x: x, [1.0, 2.0])
    with (
        ModelMonitor("n", delivery=[]) as run,
        pytest.raises(ReferenceMismatchError, match="'m'"),
    ):
        run.canary(canary, lambda x: x)
    with (
        ModelMonitor("m", delivery=[]) as run,
        pytest.raises(ShapeError, match=r"\(2, 2\)"),
    ):
        run.canary(canary, lambda x: np.ones((2, 2)))
    with pytest.raises(InvalidArgumentError, match="at least one sample"):
        Canary.record("m", lambda x: x, [])
    with pytest.raises(InvalidArgumentError, match="NaN or infinite"):
        Canary.record("m", lambda x: x, [math.nan])
    with pytest.raises(ShapeError, match="one output for each"):
        Canary.record("m", lambda x: x[:1], [1.0, 2.0])
