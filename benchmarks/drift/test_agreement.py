"""Drift and detectors compared with evidently, alibi-detect and river on the same data: ``make agreement`` installs them.

Nothing here is skipped where a peer is missing: it fails, and says how to get it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits

from benchmarks.peers import run_apart
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.stats.detectors.adwin import Adwin
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.detectors.page_hinkley import PageHinkley
from traingauge.stats.drift.psi import psi
from traingauge.stats.drift.statistics import STATISTICS

#: Alibi-detect computes in float32.
SINGLE = 1e-5


def scores(reference: Reference, window: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Distances of every feature by statistic, and p-values by the statistic's name with a p before it."""
    comparison = reference.features.compare(reference.features.count(window))
    found = {}
    for name, statistic in STATISTICS.items():
        found[name] = statistic.distance(comparison)
        if statistic.pvalue is not None:
            found[f"p {name}"] = statistic.pvalue(comparison, found[name])
    return found


@pytest.fixture(scope="module")
def levels() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Real images as few levels of grey, even and odd digits, without pixels that hardly vary."""
    images, digits = load_digits(return_X_y=True)
    coarse = (images // 4).astype(np.int64)
    even, odd = coarse[digits % 2 == 0], coarse[digits % 2 == 1]
    common = [
        all((np.bincount(table[:, at], minlength=5) >= 10).all() for table in (even, odd)) for at in range(64)
    ]
    return even[:, common], odd[:, common]


def test_ks_and_chi2_are_alibi_detect_s_where_each_value_has_a_bin(
    levels: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Distances of all pixels, and the p-values of chi-square."""
    code = """
from alibi_detect.cd import ChiSquareDrift, KSDrift
result = {}
for name, detector in (("ks", KSDrift(reference)), ("chi2", ChiSquareDrift(reference))):
    pvalues, distances = detector.feature_score(reference, window)
    result[name], result["p " + name] = distances.tolist(), pvalues.tolist()
"""
    even, odd = levels
    theirs = run_apart("alibi_detect", code, {"reference": even, "window": odd})
    ours = scores(Reference.from_data(even), odd)
    assert len(ours["ks"]) > 20
    for name in ("ks", "chi2", "p chi2"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=SINGLE, atol=1e-30, err_msg=name)


def test_psi_js_and_wasserstein_are_evidently_s_where_each_value_has_a_bin(
    levels: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Its PSI is of plain shares, its Jensen-Shannon distance in natural logarithms, its Wasserstein in deviations."""
    code = """
import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift
names = [f"f{at}" for at in range(reference.shape[1])]
result = {}
for method, as_ in (("psi", str), ("jensenshannon", str), ("wasserstein", float)):
    before, now = (pd.DataFrame(table, columns=names).astype(as_) for table in (reference, window))
    report = Report([ValueDrift(column=name, method=method) for name in names]).run(now, before)
    result[method] = [float(metric["value"]) for metric in report.dict()["metrics"]]
"""
    even, odd = (table[:, :8] for table in levels)
    theirs = run_apart("evidently", code, {"reference": even, "window": odd})
    reference = Reference.from_data(even)
    comparison = reference.features.compare(reference.features.count(odd))
    ours = scores(reference, odd)
    np.testing.assert_allclose(psi(*comparison.plain), theirs["psi"], rtol=1e-10)
    np.testing.assert_allclose(ours["psi"], theirs["psi"], atol=0.01)  # of shares none of which is 0
    np.testing.assert_allclose(ours["js"] * np.log(2) ** 0.5, theirs["jensenshannon"], rtol=1e-10)
    population = (len(even) / (len(even) - 1)) ** 0.5  # evidently divides by n
    np.testing.assert_allclose(ours["wasserstein"] * population, theirs["wasserstein"], rtol=1e-10)


def test_a_calibrated_reference_finds_the_features_that_alibi_detect_finds() -> None:
    """Malignant against benign tumours, and clean halves of benign ones: 30 features, alibi-detect with Bonferroni."""
    code = """
from alibi_detect.cd import KSDrift
detector = KSDrift(reference, p_val=0.01, correction="bonferroni")
result = {}
for name, window in (("clean", clean), ("drifted", drifted)):
    found = detector.predict(window, drift_type="feature", return_p_val=True)["data"]["p_val"]
    result[name] = [int(pvalue < 0.01 / reference.shape[1]) for pvalue in found]
"""
    values, benign = load_breast_cancer(return_X_y=True)
    rows = np.random.default_rng(0).permutation(values[benign == 1])
    data = {"reference": rows[:227], "clean": rows[227:], "drifted": values[benign == 0][:130]}
    theirs = run_apart("alibi_detect", code, data)
    reference = Reference.from_data(data["reference"]).calibrate(window=130, false_alarm_rate=0.01)
    for name in ("clean", "drifted"):
        drift = FeatureDrift(Drift(reference))
        drift.add([drift.encode(data[name])])
        ours = {
            str(key.labels[0])
            for family in drift.families()
            if family.metric.name == "model_feature_drift"
            for key, value in zip(family.keys, family.values, strict=True)
            if key.labels[1] == "calibrated" and value > 1
        }
        agreed = sum((f"f{at}" in ours) == bool(found) for at, found in enumerate(theirs[name]))
        assert agreed >= 28, name


def alarms(update: Callable[[float], bool], stream: Iterable[float]) -> list[int]:
    """Positions of the alarms in a stream."""
    return [at for at, value in enumerate(stream) if update(float(value))]


def river_alarms(detector: Any, stream: Iterable[float]) -> list[int]:
    """The same of one of river's detectors."""

    def update(value: float) -> bool:
        detector.update(value)
        return bool(detector.drift_detected)

    return alarms(update, stream)


@pytest.mark.parametrize("seed", range(5))
def test_page_hinkley_gives_alarm_where_river_s_does(seed: int) -> None:
    """All alarms of both are at the same values, also after the first."""
    from river.drift import PageHinkley as Theirs

    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.normal(size=300), rng.normal(1.5, size=100), rng.normal(3.0, size=100)])
    theirs = Theirs(min_instances=1, delta=0.5, threshold=8.0, alpha=1.0, mode="up")
    ours: Detector = PageHinkley(slack=0.5, limit=8.0, deviation=1.0)
    found = alarms(ours.update, stream)
    assert found == river_alarms(theirs, stream)
    assert len(found) >= 2


@pytest.mark.parametrize("seed", range(5))
def test_adwin_gives_alarm_where_river_s_does(seed: int) -> None:
    """Both check every 32nd value: the first alarm after each shift comes at the same check, or the next."""
    from river.drift import ADWIN

    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.random(size) < rate for size, rate in ((1000, 0.1), (600, 0.5), (600, 0.1))])
    ours, theirs = alarms(Adwin(0.002).update, stream), river_alarms(ADWIN(0.002), stream)
    for shift, end in ((1000, 1600), (1600, 2200)):
        first, other = (next(at for at in found if shift <= at < end) for found in (ours, theirs))
        assert abs(first - other) <= 32
    assert not [at for at in (*ours, *theirs) if at < 1000]
