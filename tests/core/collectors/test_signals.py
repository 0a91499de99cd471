"""Statistics of the signals, as published."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.catalog import CATALOG
from traingauge.core.collectors.signals import Signals


def published(part):
    return {
        (family.metric.name, *key.labels): value
        for family in part.families()
        for key, value in zip(family.keys, family.values, strict=True)
    }


def test_nothing_is_published_before_the_first_value():
    assert list(Signals(10).families()) == []


def test_every_family_fits_the_catalogue():
    part = Signals(10)
    part.add("loss", "train", np.array([1.0]))
    for family in part.families():
        assert CATALOG[family.metric.name] is family.metric
        assert all(len(key.labels) == len(family.metric.labels) for key in family.keys)


def test_the_window_forgets_and_the_run_does_not():
    part = Signals(window=2)
    part.add("loss", "train", np.array([9.0, 1.0, math.nan, 3.0]))
    part.add("accuracy", "validation", np.array([0.5]))
    values = published(part)
    assert values["model_signal_mean", "loss", "train", "window"] == 2
    assert values["model_signal_max", "loss", "train", "window"] == 3
    assert values["model_signal_max", "loss", "train", "run"] == 9
    assert values["model_signal_mean", "loss", "train", "run"] == pytest.approx(13 / 3)
    assert values["model_signal_quantile", "loss", "train", "window", "0.5"] == 2
    assert values["model_signal_min", "accuracy", "validation", "run"] == 0.5
    assert math.isnan(values["model_signal_stddev", "accuracy", "validation", "window"])


def test_keys_stay_the_same_object_while_the_signals_do():
    part = Signals(10)
    part.add("loss", "train", np.array([1.0]))
    before = [family.keys for family in part.families()]
    part.add("loss", "train", np.array([2.0]))
    assert all(one is other.keys for one, other in zip(before, part.families(), strict=True))


def test_restored_signals_publish_the_same():
    part, again = Signals(20), Signals(20)
    rng = np.random.default_rng(0)
    for signal in ("loss", "gradient_norm"):
        part.add(signal, "train", rng.normal(size=50))
    again.restore(part.save())
    assert published(again) == pytest.approx(published(part))
    for one in (part, again):
        one.add("loss", "train", np.array([5.0, 6.0]))
    assert published(again) == pytest.approx(published(part))
