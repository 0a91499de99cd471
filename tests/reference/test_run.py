"""What a good run, or several, make later runs expect."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from traingauge.errors import DamagedFileError, InvalidArgumentError, InvalidTypeError, ReferenceMismatchError
from traingauge.reference import Reference
from traingauge.reference.run import ReferenceRun, checked
from traingauge.stats.curves import LearningCurves, Position


def run(seed, *, batch=32, steps=4000, scale=1.0, noise=0.02, model="m"):
    """A run whose loss falls with the samples seen, read every 25 steps."""
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


def test_a_run_like_those_recorded_deviates_as_a_normal_variable_does():
    reference = ReferenceRun.record(*(run(seed) for seed in range(5)))
    found = np.concatenate([deviations(reference, run(seed)) for seed in range(10, 30)])
    assert abs(found.mean()) < 0.2
    assert 0.6 < found.std() < 1.2
    assert (np.abs(found) > 4).mean() < 0.002


def test_a_single_run_is_a_careful_reference():
    reference = ReferenceRun.record(run(0))
    found = np.concatenate([deviations(reference, run(seed)) for seed in range(10, 30)])
    assert (np.abs(found) > 4).mean() < 0.002


def test_a_run_of_another_batch_size_is_compared_at_the_same_number_of_samples():
    reference = ReferenceRun.record(*(run(seed, batch=32) for seed in range(3)))
    found = deviations(reference, run(9, batch=128, steps=1000))
    assert np.abs(found).max() < 5


def test_a_run_that_learns_more_slowly_is_found_long_before_it_ends():
    reference = ReferenceRun.record(*(run(seed) for seed in range(3)))
    found = deviations(reference, run(9, scale=1.3))
    assert (found[:40] > 4).mean() > 0.9


def test_beyond_the_reference_nothing_is_expected():
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


def test_runs_of_different_length_are_one_reference_where_both_are_known_and_beyond():
    reference = ReferenceRun.record(run(0, steps=1000), run(1, steps=4000))
    for steps in (500, 3000):
        assert math.isfinite(reference.expect("loss", "train", Position(steps, 32 * steps)).stddev)


def test_a_curve_without_noise_still_has_a_spread():
    reference = ReferenceRun.record(run(0, noise=0.0), run(1, noise=0.0))
    curve = reference.curves["loss", "train"]
    assert curve.stddev.min() >= 0.01 * (curve.value.max() - curve.value.min()) * 0.999


def test_what_is_loaded_expects_what_was_saved(tmp_path):
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


def test_what_cannot_be_a_reference_run_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="no run"):
        ReferenceRun.record()
    with pytest.raises(InvalidArgumentError, match="at least two readings"):
        ReferenceRun.record(SimpleNamespace(model="m", curves=LearningCurves()))
    with pytest.raises(ReferenceMismatchError, match="different models"):
        ReferenceRun.record(run(0), run(1, model="n"))
    with pytest.raises(ReferenceMismatchError, match=r"'m'.*'n'"):
        checked(ReferenceRun.record(run(0)), "n", None)
    with pytest.raises(InvalidTypeError, match=r"ReferenceRun.load\(path\)"):
        checked("good.run", "m", None)
    Reference.from_data(np.arange(10.0).reshape(-1, 1)).save(tmp_path / "data.ref")
    with pytest.raises(DamagedFileError, match="not a reference run"):
        ReferenceRun.load(tmp_path / "data.ref")
