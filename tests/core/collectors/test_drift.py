"""Drift of a window against a reference."""

from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from traingauge.core.collectors import drift as module
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.errors import (
    InvalidTypeError,
    ReferenceMismatchError,
    ShapeError,
    UnknownNameError,
)
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.stats.drift.binning import Binned
from traingauge.stats.drift.statistics import STATISTICS
from traingauge.stats.drift.window import WINDOWS

rng = np.random.default_rng(0)
NORMAL = rng.normal(size=(5000, 3))
REFERENCE = Reference.from_data(NORMAL, feature_names=["a", "b", "c"])


def read(drift):
    """Values by metric, and within it by label values."""
    return {
        family.metric.name: {key.labels: value for key, value in zip(family.keys, family.values, strict=True)}
        for family in drift.families()
    }


def fed(values, reference=REFERENCE, *, thresholds=None, **options):
    drift = FeatureDrift(Drift(reference, **options), thresholds=thresholds)
    drift.add([drift.encode(values)])
    return drift


# Scores


def test_a_shifted_feature_has_drifted_and_the_others_have_not():
    window = rng.normal(size=(1000, 3))
    window[:, 1] += 1.0
    metrics = read(fed(window))
    assert metrics["model_feature_drift"]["b", "psi"] > 0.2
    assert max(metrics["model_feature_drift"][name, "psi"] for name in "ac") < 0.1
    assert metrics["model_features_drifted"][()] == 1


def sources(size):
    """Shapes of data on which bins collapse or tails are heavy."""
    return {
        "normal": rng.normal(size=size),
        "exponential": rng.exponential(size=size),
        "lognormal": rng.lognormal(size=size),
        "poisson": rng.poisson(4, size),
        "rare": rng.poisson(0.1, size),
        "binary": rng.integers(0, 2, size),
        "seldom": rng.random(size) < 0.002,
        "constant": np.full(size, 3.0),
        "zero_inflated": np.where(rng.random(size) < 0.7, 0, rng.normal(size=size)),
        "cauchy": rng.standard_cauchy(size),
        "missing": np.where(rng.random(size) < 0.1, np.nan, rng.normal(size=size)),
    }


@pytest.mark.parametrize("window", [200, 500, 1000])
def test_clean_windows_stay_below_the_threshold(window):
    """Fifty fresh windows of every kind of data, from the fewest samples that are scored up."""
    frame = pd.DataFrame(sources(5000)).astype(float)
    reference = Reference.from_data(frame)
    for _ in range(50):
        metrics = read(
            fed(pd.DataFrame(sources(window)).astype(float), reference, window=window, statistics=())
        )
        assert max(metrics["model_feature_drift"].values()) < 0.2
        assert not any(math.isnan(score) for score in metrics["model_feature_drift"].values())
        assert metrics["model_features_drifted"][()] == 0


def test_clean_halves_of_real_images_show_no_drift():
    images, _ = load_digits(return_X_y=True)
    images = np.random.default_rng(0).permutation(images).reshape(-1, 8, 8)
    metrics = read(fed(images[900:], Reference.from_data(images[:900]), window=897))
    assert metrics["model_features_monitored"][()] == 64
    assert metrics["model_features_drifted"][()] == 0


def test_real_images_shifted_by_a_pixel_have_drifted():
    images, _ = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    metrics = read(fed(np.roll(images, 1, axis=2), Reference.from_data(images)))
    assert metrics["model_features_drifted"][()] > 20


@pytest.mark.parametrize("value", [5.0, np.nan])
def test_a_constant_that_changes_has_drifted(value):
    constant = np.full((1000, 1), 3.0)
    assert (
        read(fed(np.full((500, 1), value), Reference.from_data(constant)))["model_features_drifted"][()] == 1
    )


def test_five_percent_newly_missing_has_drifted():
    window = rng.normal(size=(1000, 3))
    window[:50, 0] = np.nan
    metrics = read(fed(window))
    assert metrics["model_feature_drift"]["a", "psi"] > 0.2
    assert metrics["model_feature_missing_ratio"] == {("a",): 0.05, ("b",): 0.0, ("c",): 0.0}


def test_an_empty_window_has_no_scores():
    metrics = read(FeatureDrift(Drift(REFERENCE)))
    assert metrics["model_features_undecided"][()] == 3
    assert metrics["model_drift_window_samples"][()] == 0
    assert "model_feature_drift" not in metrics
    assert "model_features_drifted" not in metrics


def test_too_few_samples_give_no_score_and_say_how_many_are_needed():
    metrics = read(fed(NORMAL[:100] + 10))
    assert metrics["model_features_undecided"][()] == 3
    assert read(fed(NORMAL[:500]))["model_features_undecided"][()] == 0
    needed = metrics["model_drift_samples_needed"][()]
    assert 100 < needed < 200
    assert all(math.isnan(score) for score in metrics["model_feature_drift"].values())
    assert "model_features_drifted" not in metrics
    assert read(fed(NORMAL[: int(needed)] + 10))["model_features_drifted"][()] == 3


def test_too_small_a_reference_or_window_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING, "traingauge"):
        FeatureDrift(Drift(REFERENCE))
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "traingauge"):
        FeatureDrift(Drift(REFERENCE, window=50))
        tiny = FeatureDrift(Drift(Reference.from_data(NORMAL[:20])))
    assert len(caplog.records) == 2
    assert all("will never be scored" in record.getMessage() for record in caplog.records)
    assert "its size is 50" in caplog.records[0].getMessage()
    assert caplog.records[1].getMessage().endswith("needs a reference of more than 20 samples")
    assert read(tiny)["model_drift_samples_needed"][()] == math.inf


def test_the_share_beyond_the_range_of_the_reference_is_published():
    window = np.zeros((10, 3))
    window[:3, 0] = 100.0
    window[:2, 1] = -100.0
    assert read(fed(window))["model_feature_out_of_range_ratio"] == {("a",): 0.3, ("b",): 0.2, ("c",): 0.0}


def test_finite_values_where_the_reference_had_none_are_out_of_range():
    reference = Reference.from_data(np.full((1000, 1), np.nan))
    metrics = read(fed(np.zeros((500, 1)), reference))
    assert metrics["model_feature_out_of_range_ratio"] == {("f0",): 1.0}
    assert metrics["model_features_drifted"][()] == 1


def test_size_and_age_of_the_reference_are_published():
    metrics = read(FeatureDrift(Drift(REFERENCE)))
    assert metrics["model_drift_reference_samples"][()] == 5000
    assert metrics["model_drift_reference_timestamp_seconds"][()] == REFERENCE.created


def test_thresholds_apply_to_all_features_or_by_name():
    window = rng.normal(size=(1000, 3)) + 0.6
    assert read(fed(window, thresholds=10.0))["model_features_drifted"][()] == 0
    assert read(fed(window, thresholds={"a": 10.0}))["model_features_drifted"][()] == 2


# The window


def test_old_samples_leave_the_window():
    drift = FeatureDrift(Drift(REFERENCE, window=500))
    drift.add([drift.encode(NORMAL[:1000] + 5)])
    drift.add([drift.encode(NORMAL[at : at + 50]) for at in range(0, 500, 50)])
    assert read(drift)["model_features_drifted"][()] == 0
    assert read(drift)["model_drift_window_samples"][()] == 500


# What is given


@given(st.integers(0, 300))
def test_counts_computed_elsewhere_equal_those_of_encode(samples):
    """The formula that the Keras integration runs in its graph."""
    batch = np.random.default_rng(samples).normal(size=(samples, 3)) * 3
    batch[::5, 1] = np.nan
    batch[::7, 2] = np.inf
    drift = FeatureDrift(Drift(REFERENCE))
    edges = REFERENCE.edges
    where = (batch[..., None] > edges).sum(axis=-1)
    counts = np.zeros((3, edges.shape[1] + 1))
    for feature in range(3):
        finite = np.isfinite(batch[:, feature])
        np.add.at(counts[feature], where[finite, feature], 1)
    given_counts = drift.from_counts(counts, samples, (~np.isfinite(batch)).sum(axis=0))
    encoded = drift.encode(batch)
    np.testing.assert_array_equal(given_counts.counts, encoded.counts)
    assert given_counts.samples == encoded.samples == samples
    assert given_counts.nonfinite == encoded.nonfinite == np.count_nonzero(~np.isfinite(batch))


def test_counts_of_another_shape_or_sum_raise():
    drift = FeatureDrift(Drift(REFERENCE))
    with pytest.raises(ShapeError, match=r"expected \(3, 12\) and \(3,\)"):
        drift.from_counts(np.zeros((3, 11)), 0, np.zeros(3))
    with pytest.raises(ShapeError, match="do not sum to 7 samples"):
        drift.from_counts(np.zeros((3, 12)), 7, np.zeros(3))


@pytest.mark.parametrize(
    "features",
    [
        NORMAL[:50],
        NORMAL[:50].tolist(),
        NORMAL[:50].astype(np.float32),
        pd.DataFrame(NORMAL[:50], columns=list("abc")),
    ],
)
def test_every_container_that_training_code_uses_is_accepted(features):
    assert FeatureDrift(Drift(REFERENCE)).encode(features).samples == 50


@pytest.mark.keras
def test_tensors_are_accepted():
    import tensorflow as tf

    drift = FeatureDrift(Drift(REFERENCE))
    np.testing.assert_array_equal(
        drift.encode(tf.constant(NORMAL[:50])).counts, drift.encode(NORMAL[:50]).counts
    )


def test_an_encoded_batch_does_not_share_memory_with_its_features():
    drift, batch = FeatureDrift(Drift(REFERENCE)), NORMAL[:50].copy()
    binned = drift.encode(batch)
    before = binned.counts.copy()
    batch[:] = 99
    np.testing.assert_array_equal(binned.counts, before)
    assert isinstance(binned, Binned)
    assert binned.counts.dtype == np.uint8


def test_an_empty_batch_changes_nothing():
    drift = fed(NORMAL[:500])
    before = read(drift)
    drift.add([drift.encode(np.empty((0, 3)))])
    assert read(drift) == before


def test_other_features_raise():
    drift = FeatureDrift(Drift(REFERENCE))
    with pytest.raises(ReferenceMismatchError, match="the reference has 3"):
        drift.encode(np.zeros((5, 2)))
    with pytest.raises(ReferenceMismatchError, match="none of the reference's columns"):
        drift.encode(pd.DataFrame({"x": [1.0], "y": [1.0]}))
    with pytest.raises(InvalidTypeError):
        drift.encode([["x", "y", "z"]])


def test_a_threshold_of_an_unknown_feature_raises():
    with pytest.raises(UnknownNameError, match="'z'"):
        FeatureDrift(Drift(REFERENCE), thresholds={"z": 0.1})


# What is shown


def wide(monkeypatch, cap=3, features=10):
    monkeypatch.setattr(module, "FEATURE_CAP", cap)
    data = np.random.default_rng(0).normal(size=(2000, features))
    return FeatureDrift(Drift(Reference.from_data(data), window=500))


def shown(drift):
    return {feature for (feature,) in read(drift)["model_feature_missing_ratio"]}


def shifted(drift, **shifts):
    window = np.random.default_rng(1).normal(size=(500, 10))
    for name, shift in shifts.items():
        window[:, int(name[1:])] += shift
    drift.add([drift.encode(window)])


def test_beyond_the_cap_the_features_that_drifted_most_are_shown(monkeypatch):
    drift = wide(monkeypatch)
    assert drift.dropped == {"feature": 7}
    shifted(drift, f4=1.0, f7=2.0, f9=3.0)
    assert shown(drift) == {"f4", "f7", "f9"}
    assert read(drift)["model_features_monitored"][()] == 10
    assert read(drift)["model_features_drifted"][()] == 3


def test_a_shown_feature_is_replaced_only_by_one_that_drifted_clearly_more(monkeypatch):
    drift = wide(monkeypatch)
    shifted(drift, f4=1.0, f7=2.0, f9=3.0)
    assert shown(drift) == {"f4", "f7", "f9"}
    shifted(drift, f4=1.0, f5=1.05, f7=2.0, f9=3.0)
    assert shown(drift) == {"f4", "f7", "f9"}
    shifted(drift, f4=1.0, f5=1.5, f7=2.0, f9=3.0)
    assert shown(drift) == {"f5", "f7", "f9"}


def test_keys_stay_the_same_object_while_the_features_do(monkeypatch):
    drift = wide(monkeypatch)
    shifted(drift, f4=1.0, f7=2.0, f9=3.0)
    first = {family.metric.name: family.keys for family in drift.families()}
    shifted(drift, f4=1.1, f7=2.0, f9=3.0)
    second = {family.metric.name: family.keys for family in drift.families()}
    assert all(first[name] is second[name] for name in first)


# Statistics, labels and predictions


def test_every_statistic_is_published_and_its_pvalue_where_it_is_a_test():
    metrics = read(fed(NORMAL[:1000], statistics=tuple(STATISTICS)))
    assert {statistic for _, statistic in metrics["model_feature_drift"]} == set(STATISTICS)
    assert {statistic for _, statistic in metrics["model_feature_drift_pvalue"]} == {"ks", "chi2"}


def test_the_psi_is_always_published():
    assert {statistic for _, statistic in read(fed(NORMAL, statistics=["ks"]))["model_feature_drift"]} == {
        "psi",
        "ks",
    }


def test_categories_have_no_ordered_statistic():
    frame = pd.DataFrame({"colour": list("abcd") * 500, "size": NORMAL[:2000, 0]})
    metrics = read(fed(frame, Reference.from_data(frame)))
    assert ("colour", "chi2") in metrics["model_feature_drift"]
    assert ("colour", "ks") not in metrics["model_feature_drift"]
    assert ("size", "ks") in metrics["model_feature_drift"]


def test_a_category_that_doubles_and_one_that_is_new_are_drift():
    frame = pd.DataFrame({"colour": list("abcd") * 500})
    reference = Reference.from_data(frame)
    doubled = read(fed(pd.DataFrame({"colour": list("aabc") * 250}), reference))
    assert doubled["model_features_drifted"][()] == 1
    new = read(fed(pd.DataFrame({"colour": list("abcz") * 250}), reference))
    assert new["model_features_drifted"][()] == 1
    assert new["model_feature_out_of_range_ratio"] == {("colour",): 0.25}


def test_drift_of_labels_and_predictions_is_published():
    labels = np.arange(5000) % 4
    scores = np.eye(4)[labels]
    reference = Reference.from_data(NORMAL, y_true=labels, y_pred=scores)
    drift = FeatureDrift(Drift(reference))
    drift.add([drift.encode(NORMAL[:1000], labels[:1000], np.eye(4)[labels[:1000] // 2])])
    metrics = read(drift)
    assert metrics["model_label_drift"]["psi",] < 0.05
    assert metrics["model_prediction_drift"]["psi",] > 0.2


def test_labels_are_ignored_if_the_reference_has_none():
    drift = FeatureDrift(Drift(REFERENCE))
    drift.add([drift.encode(NORMAL, np.zeros(5000), np.zeros(5000))])
    assert "model_label_drift" not in read(drift)


@pytest.mark.parametrize("kind", WINDOWS)
def test_every_kind_of_window_sees_drift_come_and_go(kind):
    drift = FeatureDrift(Drift(REFERENCE, window=500, kind=kind))
    for shift in (0.0, 2.0, 0.0):
        for at in range(0, 5000, 100):
            drift.add([drift.encode(NORMAL[at : at + 100] + shift)])
        assert read(drift)["model_features_drifted"][()] == (3 if shift else 0)


# How features go together


def pairs(correlation, rows):
    return rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], rows)


def test_a_change_in_correlation_alone_is_joint_drift():
    reference = Reference.from_data(pairs(0.7, 5000))
    clean, flipped = read(fed(pairs(0.7, 1000), reference)), read(fed(pairs(-0.7, 1000), reference))
    assert clean["model_multivariate_drift"]["psi",] < 0.05
    assert flipped["model_multivariate_drift"]["psi",] > 0.2
    assert flipped["model_features_drifted"][()] == 0


def test_clean_halves_of_real_images_show_no_joint_drift():
    images = np.random.default_rng(0).permutation(load_digits().data)
    metrics = read(fed(images[900:], Reference.from_data(images[:900]), window=897))
    assert metrics["model_multivariate_drift"]["psi",] < 0.2


def test_one_feature_and_counts_from_elsewhere_have_no_joint_drift():
    assert "model_multivariate_drift" not in read(fed(NORMAL[:, :1], Reference.from_data(NORMAL[:, :1])))
    drift = FeatureDrift(Drift(REFERENCE))
    counts = drift.encode(NORMAL).counts
    drift.add([drift.from_counts(counts[:, :-1], 5000, counts[:, -1])])
    assert "model_multivariate_drift" not in read(drift)


# Kept over a restart


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_restored_window_equals_the_saved_one(kind):
    drift, again = (FeatureDrift(Drift(REFERENCE, window=500, kind=kind)) for _ in range(2))
    drift.add([drift.encode(NORMAL[at : at + 60] + 0.5) for at in range(0, 1200, 60)])
    again.restore(drift.save())
    assert read(again) == read(drift)
    for one in (drift, again):
        one.add([one.encode(NORMAL[:300])])
    assert read(again) == read(drift)


def test_counts_of_another_reference_or_kind_of_window_are_dropped():
    saved = fed(NORMAL).save()
    for other in (
        FeatureDrift(Drift(Reference.from_data(NORMAL + 1, feature_names=["a", "b", "c"]))),
        FeatureDrift(Drift(REFERENCE, kind="decaying")),
    ):
        other.restore(saved)
        assert read(other)["model_drift_window_samples"][()] == 0


# What it costs


def test_the_sampled_share_of_the_rows_is_published():
    drift = FeatureDrift(Drift(REFERENCE, sampling=0.25))
    assert drift.encode(NORMAL[:100]).samples == 25
    np.testing.assert_array_equal(
        drift.encode(NORMAL).counts, FeatureDrift(Drift(REFERENCE)).encode(NORMAL[::4]).counts
    )
    assert read(drift)["model_drift_sampling_ratio"][()] == 0.25


def test_joint_drift_can_be_disabled():
    assert "joint" not in FeatureDrift(Drift(REFERENCE, multivariate=False)).encode(NORMAL).others
