"""A fixed batch that a trusted model answered."""

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


def test_the_model_that_was_recorded_answers_the_same(model):
    model, batch = model
    canary = Canary.record("digits", model.predict_proba, batch)
    assert canary.compare(model.predict_proba(batch)) == (0.0, 0, 50)


@pytest.mark.parametrize("bit", [30, 29, 28])
def test_a_flipped_bit_of_the_exponent_of_one_weight_is_noticed(model, bit):
    model, batch = model
    canary = Canary.record("digits", lambda x: x @ model.coef_.T.astype(np.float32) + model.intercept_, batch)
    weights = model.coef_.T.astype(np.float32)
    weights.view(np.uint32)[36, 3] ^= np.uint32(1 << bit)
    reading = canary.compare(batch @ weights + model.intercept_)
    assert reading.distance > 0.01
    if bit == 30:
        assert reading.mismatches > 0


def test_inputs_that_are_prepared_otherwise_are_noticed(model):
    model, batch = model
    canary = Canary.record("digits", model.predict_proba, batch)
    assert canary.compare(model.predict_proba(batch[:, ::-1])).mismatches > 10


def test_an_output_that_is_not_finite_is_a_different_answer():
    canary = Canary.record("m", lambda x: np.eye(3)[:2], [0, 1])
    broken = np.eye(3)[:2]
    broken[0, 2] = np.nan
    reading = canary.compare(broken)
    assert math.isnan(reading.distance)
    assert reading.mismatches == 1


@pytest.mark.parametrize(("value", "mismatches"), [(1000.9, 0), (1001.1, 1)])
def test_numbers_are_the_same_up_to_the_tolerance(value, mismatches):
    canary = Canary.record("m", lambda x: np.array([1000.0]), [0.0], tolerance=1e-3)
    assert canary.compare([value]).mismatches == mismatches


def test_what_is_loaded_is_what_was_saved(model, tmp_path):
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


def test_a_live_model_is_asked_at_once_every_so_many_steps_and_on_demand(read):
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


def test_a_model_that_fails_the_question_does_not_stop_training(read):
    canary = Canary.record("m", lambda x: x, [1.0])
    with ModelMonitor("m", delivery=[]) as run:
        answers = iter([np.array([1.0])])
        probe = run.canary(canary, lambda x: next(answers), every=1)
        probe.step()
        assert read(run, "model_monitor_errors_total", reason="integration") == 1


def test_a_canary_that_does_not_fit_is_refused_at_the_start():
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
    with pytest.raises(InvalidArgumentError, match="no sample"):
        Canary.record("m", lambda x: x, [])
    with pytest.raises(InvalidArgumentError, match="not all finite"):
        Canary.record("m", lambda x: x, [math.nan])
    with pytest.raises(ShapeError, match="one for each"):
        Canary.record("m", lambda x: x[:1], [1.0, 2.0])
