"""Data quality of the features: missing, infinite, out-of-range and constant values, absent and extra columns."""

from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd
import pytest

from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.stats.drift.window import WINDOWS

ROWS = np.random.default_rng(0).normal(size=(2000, 2))
REFERENCE = Reference.from_data(ROWS, feature_names=["a", "b"])


def read(drift: FeatureDrift) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by metric, and within it by label values."""
    return {
        family.metric.name: {key.labels: value for key, value in zip(family.keys, family.values, strict=True)}
        for family in drift.families()
    }


def after(
    *batches: object, reference: Reference = REFERENCE, **options: object
) -> dict[str, dict[tuple[str, ...], float]]:
    drift = FeatureDrift(Drift(reference, **options))
    drift.add([drift.encode(batch) for batch in batches])
    return read(drift)


def test_infinite_values_are_distinguished_from_missing_ones() -> None:
    batch = ROWS[:1000].copy()
    batch[:10, 0], batch[10:15, 0], batch[15:30, 0] = np.inf, -np.inf, np.nan
    metrics = after(batch)
    assert metrics["model_feature_infinite_ratio"] == {("a",): 0.015, ("b",): 0.0}
    assert metrics["model_feature_missing_ratio"] == {("a",): 0.03, ("b",): 0.0}


@pytest.mark.parametrize("kind", WINDOWS)
def test_infinite_values_leave_the_window_with_their_samples(kind: str) -> None:
    bad = np.full((500, 2), np.inf)
    fine = [ROWS[at : at + 100] for at in range(0, 2000, 100)]
    assert after(bad, kind=kind, window=500)["model_feature_infinite_ratio"]["a",] == 1.0
    assert after(bad, *fine, kind=kind, window=500)["model_feature_infinite_ratio"]["a",] < 0.02


def test_whole_numbers_are_never_infinite() -> None:
    metrics = after(np.arange(100), reference=Reference.from_data(np.arange(100)))
    assert metrics["model_feature_infinite_ratio"] == {("f0",): 0.0}


def test_batches_counted_elsewhere_give_no_ratio_of_infinite_values() -> None:
    drift = FeatureDrift(Drift(REFERENCE))
    own = drift.encode(ROWS[:500])
    drift.add([drift.from_counts(own.counts[:, :-1], 500, own.counts[:, -1])])
    assert "model_feature_infinite_ratio" not in read(drift)


def test_a_feature_that_became_constant_has_all_its_values_in_one_bin() -> None:
    batch = ROWS[:1000].copy()
    batch[:, 0] = 0.5
    ratios = after(batch)["model_feature_constant_ratio"]
    assert ratios["a",] == 1.0
    assert ratios["b",] == pytest.approx(0.1, abs=0.05)


def test_a_feature_without_values_is_not_constant() -> None:
    batch = ROWS[:1000].copy()
    batch[:, 0] = np.nan
    assert math.isnan(after(batch)["model_feature_constant_ratio"]["a",])


def test_a_category_that_the_reference_does_not_have_is_out_of_range() -> None:
    reference = Reference.from_data(pd.DataFrame({"colour": list("rgb") * 100}))
    metrics = after(pd.DataFrame({"colour": list("rgbx") * 25}), reference=reference)
    assert metrics["model_feature_out_of_range_ratio"] == {("colour",): 0.25}


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"a": ROWS[:500, 0], "b": ROWS[:500, 1]}).assign(**columns)


def test_a_missing_column_is_published_and_all_its_values_are_missing() -> None:
    metrics = after(frame().drop(columns="b"))
    assert metrics["model_features_missing"] == {(): 1}
    assert metrics["model_features_extra"] == {(): 0}
    assert metrics["model_feature_missing_ratio"] == {("a",): 0.0, ("b",): 1.0}
    assert metrics["model_features_drifted"] == {(): 1}


def test_a_missing_category_is_published_like_a_missing_number() -> None:
    whole = frame(colour="red")
    metrics = after(whole.drop(columns="colour"), reference=Reference.from_data(whole))
    assert metrics["model_feature_missing_ratio"]["colour",] == 1.0


def test_an_extra_column_is_published_and_left_out() -> None:
    metrics = after(frame(c=1.0))
    assert metrics["model_features_extra"] == {(): 1}
    assert metrics["model_features_missing"] == {(): 0}
    assert set(metrics["model_feature_missing_ratio"]) == {("a",), ("b",)}


def test_absent_and_extra_columns_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        after(frame(), frame(c=1).drop(columns="b"), frame(c=1).drop(columns="b"), frame(), window=500)
    assert caplog.messages == [
        "features lack the columns 'b': all their values count as missing",
        "features have the columns 'c', which the reference does not have: they are ignored",
        "features have the reference's columns again",
    ]


def test_an_empty_batch_does_not_change_the_absent_columns() -> None:
    metrics = after(frame(c=1.0), frame().head(0))
    assert metrics["model_features_extra"] == {(): 1}


@pytest.mark.parametrize("kind", WINDOWS)
def test_infinite_values_are_kept_with_the_window(kind: str) -> None:
    batch = ROWS[:1000].copy()
    batch[:100, 0] = np.inf
    drift, later = (FeatureDrift(Drift(REFERENCE, window=1000, kind=kind)) for _ in range(2))
    drift.add([drift.encode(batch)])
    later.restore(drift.save())
    assert read(later) == read(drift)
