"""Distributions of the features that drifted most."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer

from traingauge import Drift, ModelMonitor
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.reference import Reference

rng = np.random.default_rng(0)

#: Squares of larger ones overflow.
NUMBERS = st.floats(-1e100, 1e100) | st.sampled_from([math.nan, math.inf, -math.inf])


def distribution(reference, values, feature, **options):
    """Names of a feature's bins, and its shares by source, of a window that holds these values."""
    drift = FeatureDrift(Drift(reference, **options))
    drift.add([drift.encode(values)])
    return of(drift, feature)


def of(drift, feature):
    shares = {"reference": {}, "window": {}}
    for family in drift.families():
        if family.metric.name == "model_feature_distribution_ratio":
            for key, value in zip(family.keys, family.values, strict=True):
                if key.labels[0] == feature:
                    shares[key.labels[2]][key.labels[1]] = value
    return shares


def test_the_shares_are_those_of_numpy_in_the_same_bins():
    data = load_breast_cancer()
    reference = Reference.from_data(data.data, feature_names=data.feature_names)
    window = data.data[200:500]
    found = distribution(reference, window, "mean radius", distributions=30)
    edges = reference.features.edges[0]
    inner = edges[1 : np.count_nonzero(edges < np.inf) - 1]
    for source, values in (("reference", data.data[:, 0]), ("window", window[:, 0])):
        expected = np.bincount(np.searchsorted(inner, values), minlength=len(inner) + 1) / len(values)
        assert list(found[source].values()) == pytest.approx([*expected, 0.0])


def test_bins_are_named_by_their_ends_and_sort_in_their_order():
    reference = Reference.from_data(np.arange(1000.0).reshape(-1, 1), feature_names=["x"])
    names = list(distribution(reference, np.arange(10.0).reshape(-1, 1), "x")["window"])
    assert names[:2] == ["01 up to 99.5", "02 99.5 to 199.5"]
    assert names[-2:] == ["10 above 899.5", "missing"]
    assert names == sorted(names)


def test_values_beyond_the_range_are_in_the_outermost_bins():
    reference = Reference.from_data(np.arange(1000.0).reshape(-1, 1), feature_names=["x"])
    window = distribution(reference, np.array([[-5.0], [5000.0], [6000.0], [np.nan]]), "x")["window"]
    assert (window["01 up to 99.5"], window["10 above 899.5"], window["missing"]) == (0.25, 0.5, 0.25)


def test_a_discrete_feature_has_one_bin_per_value_and_one_for_the_others():
    reference = Reference.from_data(np.tile([[0.0], [1.0], [2.5]], (100, 1)), feature_names=["x"])
    shares = distribution(reference, np.array([[1.0], [1.0], [7.0], [-3.0]]), "x")
    assert shares["window"] == {"01 0": 0.0, "02 1": 0.5, "03 2.5": 0.0, "missing": 0.0, "other": 0.5}
    assert shares["reference"]["03 2.5"] == pytest.approx(1 / 3)


def test_the_most_common_categories_are_published_by_name():
    letters = [letter for place, letter in enumerate("abcdefghijklmn") for _ in range(100 + place)]
    reference = Reference.from_data(pd.DataFrame({"letter": letters}))
    shares = distribution(reference, pd.DataFrame({"letter": ["n", "n", "a", "new"]}), "letter")
    assert list(shares["window"]) == [f"{at:02} {name}" for at, name in enumerate("efghijklmn", 1)] + [
        "missing",
        "other",
    ]
    assert (shares["window"]["10 n"], shares["window"]["other"]) == (0.5, 0.5)
    assert shares["reference"]["other"] == pytest.approx(406 / len(letters))


@given(
    st.lists(NUMBERS, min_size=1, max_size=60),
    st.lists(NUMBERS, min_size=1, max_size=60),
)
def test_shares_sum_to_1_for_any_values(known, seen):
    reference = Reference.from_data(np.array(known).reshape(-1, 1), feature_names=["x"])
    shares = distribution(reference, np.array(seen).reshape(-1, 1), "x")
    assert sum(shares["reference"].values()) == pytest.approx(1)
    assert sum(shares["window"].values()) == pytest.approx(1)
    assert len(shares["window"]) <= 12


def test_only_the_features_that_drifted_most_are_published():
    normal = rng.normal(size=(5000, 8))
    window = rng.normal(size=(1000, 8))
    window[:, 6] += 1
    window[:, 3] += 2
    drift = FeatureDrift(Drift(Reference.from_data(normal), distributions=2))
    drift.add([drift.encode(window)])
    (family,) = [one for one in drift.families() if one.metric.name == "model_feature_distribution_ratio"]
    assert {key.labels[0] for key in family.keys} == {"f3", "f6"}
    assert len(family.keys) == 2 * 2 * 11
    (again,) = [one for one in drift.families() if one.metric.name == "model_feature_distribution_ratio"]
    assert again.keys is family.keys, "renderers cache by it"


def test_nothing_is_published_for_0_features_or_an_empty_window():
    reference = Reference.from_data(rng.normal(size=(500, 2)))
    assert distribution(reference, rng.normal(size=(9, 2)), "f0", distributions=0) == {
        "reference": {},
        "window": {},
    }
    assert of(FeatureDrift(Drift(reference)), "f0") == {"reference": {}, "window": {}}


def test_a_setting_of_the_monitor_limits_how_many(read):
    x = load_breast_cancer().data
    reference = Reference.from_data(x[:, :3], feature_names=["a", "b", "c"])
    with ModelMonitor("m", drift=Drift(reference, distributions=1), delivery=[]) as monitor:
        monitor.step(features=x[:300, :3] + [0, 100, 0])
        families = [
            one
            for one in monitor.collector.families()
            if one.metric.name == "model_feature_distribution_ratio"
        ]
    assert {key.labels[0] for family in families for key in family.keys} == {"b"}
