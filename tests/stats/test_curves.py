"""Learning curves of a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.stats.curves import MAX_POINTS, LearningCurves, Position, SampledCurve


def test_a_long_curve_is_thinned_evenly_and_keeps_its_first_point():
    curve = SampledCurve()
    for step in range(100_000):
        curve.add(Position(step, 32 * step), step / 10)
    table = curve.table
    assert MAX_POINTS / 2 < len(table) <= MAX_POINTS
    assert table[0].tolist() == [0, 0, 0]
    assert len(np.unique(np.diff(table[:, 0]))) == 1
    assert table[-1, 0] > 99_000
    assert (table[:, 1] == 32 * table[:, 0]).all()


def test_rolling_back_drops_later_points():
    curves = LearningCurves()
    for step in range(10, 60, 10):
        curves.add("loss", "train", Position(step, 100 * step), 1 / step)
    assert curves.position_at(25) == Position(25, 2500)
    curves.roll_back(25)
    ((_, curve),) = curves.items()
    assert curve.table[:, 0].tolist() == [10, 20]


def test_a_copy_does_not_change_with_the_run():
    curves = LearningCurves()
    curves.add("loss", "train", Position(1, 1), 1.0)
    copy = curves.copy()
    curves.add("loss", "train", Position(2, 2), math.nan)
    assert [len(curve.table) for _, curve in copy.items()] == [1]


@pytest.mark.parametrize("count", [0, 7, MAX_POINTS + 9])
def test_a_restored_curve_continues_as_the_saved_one(count):
    one = SampledCurve()
    for step in range(count):
        one.add(Position(step, 0), 0.5)
    other = SampledCurve.restored(one.save())
    for curve in (one, other):
        for step in range(count, count + 2 * MAX_POINTS):
            curve.add(Position(step, 0), 0.25)
    np.testing.assert_array_equal(one.table, other.table)
