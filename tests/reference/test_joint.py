"""Joint distance of all numeric features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from traingauge import Reference
from traingauge.reference import joint as module
from traingauge.reference.joint import RIDGE, fit_joint_distance
from traingauge.reference.schema import Schema
from traingauge.reference.summary import summarise

rng = np.random.default_rng(0)


def correlated(rows, features=4):
    mixing = np.random.default_rng(1).normal(size=(features, features))
    return rng.normal(size=(rows, features)) @ mixing + 5


def summary(rows):
    features = rows.shape[1]
    return summarise(Schema(tuple(map(str, range(features))), (None,) * features), rows)


def test_with_all_components_the_distance_is_the_squared_mahalanobis_distance():
    rows = correlated(4000)
    whole = summary(rows)
    joint, _ = fit_joint_distance(whole)
    standard = (whole.rows[:2000] - whole.mean) / whole.deviation
    inverse = np.linalg.inv(standard.T @ standard / 2000 + RIDGE * np.eye(4))
    for row, distance in zip(rows[:20], joint.distances(rows[:20]).ravel(), strict=True):
        scaled = (row - whole.mean) / whole.deviation
        assert distance == pytest.approx(mahalanobis(scaled, np.zeros(4), inverse) ** 2)


def test_with_fewer_components_the_rest_is_weighted_by_its_mean_variance(monkeypatch):
    monkeypatch.setattr(module, "COMPONENTS", 2)
    whole = summary(correlated(4000))
    joint, _ = fit_joint_distance(whole)
    standard = (whole.rows[:2000] - whole.mean) / whole.deviation
    variances, vectors = np.linalg.eigh(standard.T @ standard / 2000)
    scaled = (whole.rows[:1] - whole.mean) / whole.deviation @ vectors
    expected = (scaled[0] ** 2 / (np.r_[[variances[:2].mean()] * 2, variances[2:]] + RIDGE)).sum()
    assert joint.distances(whole.rows[:1])[0, 0] == pytest.approx(expected)


def test_new_rows_have_the_same_distances_as_those_of_the_reference():
    """The distances in the reference are of rows that the covariance was not estimated from."""
    whole = summary(correlated(600, 30))
    joint, distances = fit_joint_distance(whole)
    fresh = joint.distances(correlated(3000, 30))
    assert np.median(distances.rows) == pytest.approx(np.median(fresh), rel=0.1)


def test_missing_values_count_as_the_mean_and_extreme_ones_are_clipped():
    joint, _ = fit_joint_distance(summary(correlated(2000)))
    center = joint.center[None]
    assert joint.distances(center) == pytest.approx(0)
    assert joint.distances(np.full((1, 4), np.nan)) == 0
    assert joint.distances(center + 1e9) == joint.distances(center + 1e12)


@pytest.mark.parametrize("rows", [correlated(4000, 1), correlated(30), np.full((4000, 3), np.nan)])
def test_one_feature_or_few_rows_have_no_joint_distance(rows):
    assert fit_joint_distance(summary(rows)) is None


def test_constant_and_equal_columns_have_finite_distances():
    rows = rng.normal(size=(2000, 1)) * [1, 1, 0] + [0, 0, 3]
    joint, _ = fit_joint_distance(summary(rows))
    assert np.isfinite(joint.distances(rows)).all()


def test_categories_are_left_out():
    rows = [[str(number % 3), number % 7, number % 5] for number in range(500)]
    reference = Reference.from_data(np.array(rows), feature_names=["a", "b", "c"])
    assert reference.joint is None
