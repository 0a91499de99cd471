"""Reference runs: expected learning curves from good runs."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from traingauge.errors import DamagedFileError, InvalidArgumentError, InvalidTypeError, ReferenceMismatchError
from traingauge.reference import Reference
from traingauge.reference.run import ReferenceRun, validate_reference_run
from traingauge.stats.curves import LearningCurves, Position


def run(seed, *, batch=32, steps=4000, scale=1.0, noise=0.02, model="m"):
    """A run whose loss falls with the samples seen, recorded every 25 steps."""
    rng = np.random.default_rng(seed)
    curves = LearningCurves()
    for step in range(25, steps + 1, 25):
        samples = step * batch
        loss = scale * 2.3 * math.exp(-samples / 20_000) + 0.2
        curves.add("loss", "train", Position(step, samples), loss + rng.normal(scale=noise))
    return SimpleNamespace(model=model, curves=curves)


def deviations(reference, other):
    ((key, readings),) = other.curves.items()
    found = []
    for steps, samples, value in readings.table:
        expected = reference.expect(*key, Position(int(steps), int(samples)))
        found.append((value - expected.value) / expected.stddev)
    return np.array(found)


def test_the_deviations_of_a_similar_run_are_standard_normal():
    reference = ReferenceRun.record(*(run(seed) for seed in range(5)))
    found = np.concatenate([deviations(reference, run(seed)) for seed in range(10, 30)])
    assert abs(found.mean()) < 0.2
    assert 0.6 < found.std() < 1.2
    assert (np.abs(found) > 4).mean() < 0.002


def test_the_reference_of_a_single_run_is_conservative():
    reference = ReferenceRun.record(run(0))
    found = np.concatenate([deviations(reference, run(seed)) for seed in range(10, 30)])
    assert (np.abs(found) > 4).mean() < 0.002


def test_a_run_of_another_batch_size_is_compared_at_the_same_number_of_samples():
    reference = ReferenceRun.record(*(run(seed, batch=32) for seed in range(3)))
    found = deviations(reference, run(9, batch=128, steps=1000))
    assert np.abs(found).max() < 5


def test_a_slower_run_deviates_long_before_it_ends():
    reference = ReferenceRun.record(*(run(seed) for seed in range(3)))
    found = deviations(reference, run(9, scale=1.3))
    assert (found[:40] > 4).mean() > 0.9


def test_expectations_outside_the_curve_are_nan():
    reference = ReferenceRun.record(run(0, steps=1000))
    assert math.isnan(reference.expect("loss", "train", Position(2000, 64_000)).value)
    assert math.isnan(reference.expect("loss", "train", Position(1, 32)).value)
    assert math.isnan(reference.expect("f1", "test", Position(500, 16_000)).value)


def test_without_samples_runs_are_compared_by_steps():
    reference = ReferenceRun.record(run(0, batch=0), run(1, batch=0))
    assert reference.unit == "steps"
    assert math.isfinite(reference.expect("loss", "train", Position(500, 0)).value)
    told = ReferenceRun.record(run(0))
    assert math.isnan(told.expect("loss", "train", Position(500, 0)).value)


def test_runs_of_different_length_are_combined_and_the_longer_one_continues():
    reference = ReferenceRun.record(run(0, steps=1000), run(1, steps=4000))
    for steps in (500, 3000):
        assert math.isfinite(reference.expect("loss", "train", Position(steps, 32 * steps)).stddev)


def test_a_curve_without_noise_has_a_positive_stddev():
    reference = ReferenceRun.record(run(0, noise=0.0), run(1, noise=0.0))
    curve = reference.curves["loss", "train"]
    assert curve.stddev.min() >= 0.01 * (curve.value.max() - curve.value.min()) * 0.999


def test_a_loaded_reference_run_expects_the_same(tmp_path):
    reference = ReferenceRun.record(run(0), run(1))
    reference.save(tmp_path / "good.run")
    loaded = ReferenceRun.load(tmp_path / "good.run")
    assert (loaded.model, loaded.unit, loaded.runs, loaded.created) == ("m", "samples", 2, reference.created)
    for key, curve in reference.curves.items():
        for one, other in zip(
            (curve.position, curve.value, curve.stddev),
            (loaded.curves[key].position, loaded.curves[key].value, loaded.curves[key].stddev),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_invalid_reference_runs_raise(tmp_path):
    with pytest.raises(InvalidArgumentError, match="no run"):
        ReferenceRun.record()
    with pytest.raises(InvalidArgumentError, match="at least two values"):
        ReferenceRun.record(SimpleNamespace(model="m", curves=LearningCurves()))
    with pytest.raises(ReferenceMismatchError, match="different models"):
        ReferenceRun.record(run(0), run(1, model="n"))
    with pytest.raises(ReferenceMismatchError, match=r"'m'.*'n'"):
        validate_reference_run(ReferenceRun.record(run(0)), "n", None)
    with pytest.raises(InvalidTypeError, match=r"ReferenceRun.load\(path\)"):
        validate_reference_run("good.run", "m", None)
    Reference.from_data(np.arange(10.0).reshape(-1, 1)).save(tmp_path / "data.ref")
    with pytest.raises(DamagedFileError, match="not a reference run"):
        ReferenceRun.load(tmp_path / "data.ref")
