"""Properties of every detector."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.stats.detectors.catalog import DETECTORS

EVERY = pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS)


def stream(shift_at=1000, shift=8.0, length=1200):
    values = np.random.default_rng(0).normal(size=length)
    values[shift_at:] += shift
    return values.tolist()


@EVERY
def test_a_large_shift_raises_an_alarm_within_fifty_values(make):
    detector, values = make(), stream()
    alarms = [at for at, value in enumerate(values) if detector.update(value) and at >= 1000]
    assert alarms
    assert alarms[0] < 1050


@EVERY
def test_alarms_are_counted(make):
    detector = make()
    assert detector.alarms == 0
    given = sum(detector.update(value) for value in stream())
    assert detector.alarms == given > 0


@EVERY
def test_a_non_finite_value_is_counted_and_changes_nothing(make):
    clean, dirty = make(), make()
    for at, value in enumerate(stream()):
        if at % 10 == 0:
            assert not dirty.update([math.nan, math.inf, -math.inf][at // 10 % 3])
        assert clean.update(value) == dirty.update(value)
        np.testing.assert_equal(dirty.statistic, clean.statistic)
    assert (clean.nonfinite, dirty.nonfinite) == (0, 120)
    assert clean.seen == dirty.seen == 1200


@EVERY
def test_a_constant_stream_raises_no_alarm_until_it_changes(make):
    detector = make()
    assert not any(detector.update(3.0) for _ in range(500))
    assert any(detector.update(4.0) for _ in range(64))


@EVERY
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_alarms_do_not_depend_on_the_unit_of_the_values(make, scale):
    one, two = make(), make()
    assert [one.update(value) for value in stream()] == [two.update(value * scale) for value in stream()]
