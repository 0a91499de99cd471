"""Drift on real data sets with known shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.reference import Reference

#: A calibrated reference is asked for as many false alarms: one window of a hundred.
RATE = 0.01


def halves(load: Callable[..., Any], seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = load(as_frame=True).data.sample(frac=1, random_state=seed)
    half = len(frame) // 2
    return frame.iloc[:half], frame.iloc[half : 2 * half]


def drifted(reference: Reference, window: pd.DataFrame) -> set[str]:
    drift = FeatureDrift(Drift(reference))
    drift.add([drift.encode(window)])
    return {
        str(key.labels[0])
        for family in drift.families()
        if family.metric.name == "model_feature_drift"
        for key, value in zip(family.keys, family.values, strict=True)
        if key.labels[1] == "calibrated" and value > 1
    }


def joint(reference: Reference, window: pd.DataFrame) -> float:
    drift = FeatureDrift(Drift(reference))
    drift.add([drift.encode(window)])
    (family,) = (one for one in drift.families() if one.metric.name == "model_multivariate_drift")
    return dict(zip((key.labels[0] for key in family.keys), family.values, strict=True))["calibrated"]


@pytest.fixture(scope="module", params=[load_breast_cancer, load_wine, load_digits])
def data(request: pytest.FixtureRequest) -> tuple[Reference, pd.DataFrame]:
    before, after = halves(request.param)
    return Reference.from_data(before).calibrate(window=len(after), false_alarm_rate=RATE), after


def test_clean_halves_have_not_drifted(data: tuple[Reference, pd.DataFrame]) -> None:
    reference, after = data
    assert drifted(reference, after) == set()


def most_varied(window: pd.DataFrame) -> str:
    """The feature with the most distinct values."""
    return str(window.nunique().idxmax())


SHIFTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "by a deviation": lambda column: column + column.std(),
    "in another unit": lambda column: column * 2.54,
    "a fifth missing": lambda column: column.mask(np.arange(len(column)) % 5 == 0),
    "stuck": lambda column: column.where(np.arange(len(column)) < len(column) // 2, column.iloc[0]),
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_only_the_shifted_feature_has_drifted(data: tuple[Reference, pd.DataFrame], shift: str) -> None:
    reference, after = data
    name = most_varied(after)
    assert drifted(reference, after.assign(**{name: SHIFTS[shift](after[name])})) == {name}


def test_malignant_tumours_drift_from_benign_ones() -> None:
    """In all measurements except the few that are uninformative."""
    data = load_breast_cancer(as_frame=True)
    benign, malignant = data.data[data.target == 1], data.data[data.target == 0]
    reference = Reference.from_data(benign).calibrate(window=200, false_alarm_rate=RATE)
    found = drifted(reference, malignant.iloc[:200])
    assert len(found) >= 24
    assert {"mean radius", "worst perimeter", "mean concave points"} <= found


def test_wines_of_another_cultivar_drift() -> None:
    data = load_wine(as_frame=True)
    first, second = data.data[data.target == 0], data.data[data.target == 1]
    reference = Reference.from_data(first).calibrate(window=50, false_alarm_rate=RATE)
    found = drifted(reference, second.iloc[:50])
    assert {"alcohol", "proline", "color_intensity"} <= found


def test_columns_shuffled_independently_drift_only_jointly() -> None:
    """Each marginal distribution is unchanged, but the dependence between features is gone."""
    before, after = halves(load_breast_cancer)
    reference = Reference.from_data(before).calibrate(window=len(after), false_alarm_rate=RATE)
    rng = np.random.default_rng(0)
    shuffled = after.apply(rng.permutation)
    assert drifted(reference, shuffled) == set()
    assert joint(reference, shuffled) > 1
    assert joint(reference, after) < 1


IMAGES = load_digits().images
CORRUPTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "brighter": (lambda images: np.minimum(images + 2, 16), "brightness"),
    "washed out": (lambda images: images * 0.5 + 4, "contrast"),
    "blurred": (lambda images: (images + np.roll(images, 1, 1) + np.roll(images, 1, 2)) / 3, "sharpness"),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_corruption_of_images_shifts_the_feature_that_describes_it(corruption: str) -> None:
    spoil, name = CORRUPTIONS[corruption]
    images = np.random.default_rng(2).permutation(IMAGES)
    reference = Reference.from_data(images[:900], of="images").calibrate(window=500, false_alarm_rate=RATE)
    assert drifted(reference, images[900:1400]) == set()
    assert name in drifted(reference, spoil(images[900:1400]))
