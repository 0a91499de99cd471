"""Drift scores of a whole window: PSI, Jensen-Shannon and Kolmogorov-Smirnov of 50 features."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.cost.harness import Arm, Check, Figure, Row, race
from benchmarks.peers import PeerError, missing, run_apart
from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.stats.drift.binning import Binned

WINDOW, FEATURES, STATISTICS = 10_000, 50, ("psi", "js", "ks")

OURS = "traingauge: psi, js, ks, p-values, missing, out of range"

#: Repetitions by a peer in an environment of its own.
TIMES = 3

#: With fewer seconds, a peer runs once, and slow peers not at all.
QUICK, SLOW = 10, ("evidently",)

_NANNYML = """
import time, pandas as pd, nannyml as nml
names = [f"f{at}" for at in range(reference.shape[1])]
before, now = (pd.DataFrame(table, columns=names) for table in (reference, window))
calculator = nml.UnivariateDriftCalculator(
    column_names=names, continuous_methods=["jensen_shannon", "kolmogorov_smirnov"], chunk_size=len(window)
).fit(before)
result = []
for _ in range(int(times)):
    started = time.perf_counter(); calculator.calculate(now); result.append(time.perf_counter() - started)
"""

_ALIBI = """
import time
from alibi_detect.cd import KSDrift
detector = KSDrift(reference, p_val=0.05)
result = []
for _ in range(int(times)):
    started = time.perf_counter(); detector.predict(window); result.append(time.perf_counter() - started)
"""

_EVIDENTLY = """
import time, pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift
names = [f"f{at}" for at in range(reference.shape[1])]
before, now = (pd.DataFrame(table, columns=names) for table in (reference, window))
methods = "psi", "jensenshannon", "ks"
report = Report([ValueDrift(column=name, method=method) for name in names for method in methods])
result = []
for _ in range(int(times)):
    started = time.perf_counter(); report.run(now, before); result.append(time.perf_counter() - started)
"""


def measure(seconds: float) -> Row:
    """From the rows of a window to its scores; the reference is prepared before, where a peer can."""
    random = np.random.default_rng(0)
    before = random.normal(size=(WINDOW, FEATURES)).astype(np.float32)
    now = random.normal(0.1, size=(WINDOW, FEATURES)).astype(np.float32)
    reference = Reference.from_data(before)
    drift = FeatureDrift(Drift(reference, window=WINDOW, statistics=STATISTICS))

    def statistics() -> list[object]:
        drift.add([Binned(reference.features.count(now), len(now))])
        return list(drift.families())

    def everything() -> list[object]:
        drift.add([drift.encode(now)])
        return list(drift.families())

    arms = [
        _arm(OURS, statistics, ours=True),
        _arm("traingauge: with how the features go together", everything, ours=True),
    ]
    absent = missing(["scipy"])
    if "scipy" not in absent:
        arms.append(_arm("scipy: ks_2samp, jensenshannon", lambda: _scipy(before, now)))
    found = race(arms, seconds, time.perf_counter)
    base = found[OURS].seconds
    data = {"reference": before, "window": now, "times": np.array(TIMES if seconds > QUICK else 1)}
    for module, name, code in (
        ("nannyml", "nannyml: js, ks", _NANNYML),
        ("alibi_detect", "alibi-detect: ks", _ALIBI),
        ("evidently", "evidently: psi, js, ks", _EVIDENTLY),
    ):
        if module in SLOW and seconds <= QUICK:
            absent[module] = "left out of a quick run: it takes half a minute"
            continue
        try:
            found[name] = _apart(name, run_apart(module, code, data), base)
        except PeerError as error:
            absent[module] = str(error)
    targets = {"nannyml: js, ks": 15, "alibi-detect: ks": 100, "evidently: psi, js, ks": 1000}
    return Row(
        title=f"Drift: a window of {WINDOW} samples, {FEATURES} features, three statistics",
        unit="a window",
        figures=list(found.values()),
        checks=[
            Check(f"{name} ÷ ours", found[name].ratio, target, at_most=False)
            for name, target in targets.items()
            if name in found
        ],
        missing=absent,
        note="By wall clock, from the rows of the window to what is published of it.",
    )


def _arm(name: str, work: Callable[[], object], *, ours: bool = False) -> Arm:
    return Arm(name, lambda count: [work() for _ in range(count)], ours=ours)


def _apart(name: str, times: list[float], base: float) -> Figure:
    middle = sorted(times)[len(times) // 2]
    return Figure(name, middle, middle / base, min(times) / base, max(times) / base)


def _scipy(before: np.ndarray, now: np.ndarray) -> list[object]:
    from scipy import stats
    from scipy.spatial.distance import jensenshannon

    found: list[object] = []
    for old, new in zip(before.T, now.T, strict=True):
        found.append(stats.ks_2samp(old, new))
        edges = np.histogram_bin_edges(old, "doane")
        found.append(jensenshannon(np.histogram(old, edges)[0], np.histogram(new, edges)[0]))
    return found
