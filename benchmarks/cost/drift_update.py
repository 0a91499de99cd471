"""Counting a batch of features into the bins of the reference."""

from __future__ import annotations

import numpy as np

from benchmarks.cost.harness import Arm, Check, Row, race
from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.stats.drift.binning import count_bins

ROWS, FEATURES = 256, 50


def measure(seconds: float) -> Row:
    """Bin counting of traingauge, against ``bincount`` over known bins, and against one ``searchsorted`` per feature."""
    random = np.random.default_rng(0)
    reference = Reference.from_data(random.normal(size=(10_000, FEATURES)))
    drift = FeatureDrift(Drift(reference, window=10_000))
    profile = reference.features
    edges = np.ascontiguousarray(reference.edges)
    batch = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    width = edges.shape[1] + 2
    ready = (edges[None] < batch[..., None]).sum(axis=2) + np.arange(FEATURES) * width

    def bincount() -> np.ndarray:
        return np.bincount(ready.ravel(), minlength=FEATURES * width).reshape(FEATURES, width)

    def searchsorted() -> np.ndarray:
        counts = np.empty((FEATURES, width), np.intp)
        for at in range(FEATURES):
            column = batch[:, at]
            bins = np.searchsorted(edges[at], column)
            bins[~np.isfinite(column)] = width - 1
            counts[at] = np.bincount(bins, minlength=width)
        return counts

    np.testing.assert_array_equal(drift.encode(batch).counts, bincount())
    np.testing.assert_array_equal(searchsorted(), bincount())
    found = race(
        [
            _arm("bincount over bins that are known", bincount),
            _arm(
                "traingauge: all of it: checked, counted, joint distances",
                lambda: drift.encode(batch),
                ours=True,
            ),
            _arm("traingauge: counted into bins", lambda: profile.count(batch), ours=True),
            _arm("comparisons with every edge in turn", lambda: count_bins(batch, edges)),
            _arm("searchsorted a feature", searchsorted),
        ],
        seconds,
    )
    ours = found["traingauge: counted into bins"].ratio
    return Row(
        title=f"Drift: a batch of {ROWS} samples, {FEATURES} features, counted into bins",
        unit="a batch",
        figures=list(found.values()),
        checks=[
            Check("ours ÷ bincount over known bins", ours, 6),
            Check(
                "searchsorted a feature ÷ ours",
                found["searchsorted a feature"].ratio / ours,
                3,
                at_most=False,
            ),
        ],
        note="All count the same values, which is asserted. The last of traingauge's also computes multivariate drift.",
    )


def _arm(name: str, work: object, *, ours: bool = False) -> Arm:
    return Arm(name, lambda count: [work() for _ in range(count)], ours=ours)
