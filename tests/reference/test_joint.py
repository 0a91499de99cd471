"""All features at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from traingauge import Reference
from traingauge.reference import joint as module
from traingauge.reference.joint import RIDGE, fit
from traingauge.reference.schema import Schema
from traingauge.reference.summary import summarise

rng = np.random.default_rng(0)


def correlated(rows, features=4):
    mixing = np.random.default_rng(1).normal(size=(features, features))
    return rng.normal(size=(rows, features)) @ mixing + 5


def summary(rows):
    features = rows.shape[1]
    return summarise(Schema(tuple(map(str, range(features))), (None,) * features), rows)


def test_with_all_components_it_is_the_squared_mahalanobis_distance():
    rows = correlated(4000)
    whole = summary(rows)
    joint, _ = fit(whole)
    standard = (whole.rows[:2000] - whole.mean) / whole.deviation
    inverse = np.linalg.inv(standard.T @ standard / 2000 + RIDGE * np.eye(4))
    for row, distance in zip(rows[:20], joint.distances(rows[:20]).ravel(), strict=True):
        scaled = (row - whole.mean) / whole.deviation
        assert distance == pytest.approx(mahalanobis(scaled, np.zeros(4), inverse) ** 2)


def test_with_fewer_components_the_rest_counts_by_its_mean_variance(monkeypatch):
    monkeypatch.setattr(module, "COMPONENTS", 2)
    whole = summary(correlated(4000))
    joint, _ = fit(whole)
    standard = (whole.rows[:2000] - whole.mean) / whole.deviation
    variances, vectors = np.linalg.eigh(standard.T @ standard / 2000)
    scaled = (whole.rows[:1] - whole.mean) / whole.deviation @ vectors
    expected = (scaled[0] ** 2 / (np.r_[[variances[:2].mean()] * 2, variances[2:]] + RIDGE)).sum()
    assert joint.distances(whole.rows[:1])[0, 0] == pytest.approx(expected)


def test_rows_that_it_did_not_see_are_as_far_as_those_it_is_compared_with():
    """The reference's own distances come from rows that had no part in the covariance."""
    whole = summary(correlated(600, 30))
    joint, distances = fit(whole)
    fresh = joint.distances(correlated(3000, 30))
    assert np.median(distances.rows) == pytest.approx(np.median(fresh), rel=0.1)


def test_what_is_missing_is_taken_for_the_mean_and_what_is_far_out_is_drawn_in():
    joint, _ = fit(summary(correlated(2000)))
    center = joint.center[None]
    assert joint.distances(center) == pytest.approx(0)
    assert joint.distances(np.full((1, 4), np.nan)) == 0
    assert joint.distances(center + 1e9) == joint.distances(center + 1e12)


@pytest.mark.parametrize("rows", [correlated(4000, 1), correlated(30), np.full((4000, 3), np.nan)])
def test_there_is_nothing_to_look_at_together_in_one_feature_or_few_rows(rows):
    assert fit(summary(rows)) is None


def test_constant_and_equal_columns_do_no_harm():
    rows = rng.normal(size=(2000, 1)) * [1, 1, 0] + [0, 0, 3]
    joint, _ = fit(summary(rows))
    assert np.isfinite(joint.distances(rows)).all()


def test_categories_are_left_out():
    rows = [[str(number % 3), number % 7, number % 5] for number in range(500)]
    reference = Reference.from_data(np.array(rows), feature_names=["a", "b", "c"])
    assert reference.joint is None
