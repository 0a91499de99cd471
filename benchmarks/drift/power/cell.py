"""One number of the tables: what is drawn, and in how many trials drift is found in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from benchmarks.drift.power.kinds import KINDS, PAIRS, Kind, Table
from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.reference.calibration import calibrate

#: Rows of a reference, of a large one, and the false-alarm rate that is asked for.
ROWS, MANY_ROWS, RATE = 5_000, 50_000, 0.01

FEATURES, WINDOWS = (1, 50, 500), (500, 1_000, 10_000)


@dataclass(frozen=True)
class Cell:
    """One line of one of the tables.

    Attributes:
        table: ``alarms``, ``power`` or ``correlation``.
        kind: Of the data.
        features: How many.
        window: Samples in the window.
        seed: Tells a repetition from the first time.
    """

    table: str
    kind: str
    features: int
    window: int
    seed: int = 0

    @property
    def data(self) -> Kind:
        """What is drawn."""
        return PAIRS if self.table == "correlation" else KINDS[self.kind]

    @property
    def rows(self) -> int:
        """Those of a reference: several times those of a window, where trials share it."""
        return MANY_ROWS if self.window > ROWS and self.shared > 1 else ROWS

    @property
    def shared(self) -> int:
        """Trials with the same reference.

        With many features, and windows smaller than the reference, chance is mostly the window's own.
        """
        if self.features == 1 or self.table == "correlation":  # that of all features together is one number
            return 1
        return 20

    def trials(self, count: int) -> Iterator[tuple[Table, Reference, np.random.Generator]]:
        """Random numbers for each, and a calibrated reference with its rows."""
        drawn = zlib.crc32(f"{self.table} {self.kind} {self.features} {self.window}".encode())
        for trial in range(count):
            rng = np.random.default_rng([self.seed, drawn, trial])
            if trial % self.shared == 0:
                rows = self.data.draw(rng, (self.rows, self.features))
                names = [f"f{at}" for at in range(self.features)] if self.data.categorical else ()
                reference = self._calibrated(Reference.from_data(rows, categorical=names), trial)
            yield rows, reference, rng

    def _calibrated(self, reference: Reference, seed: int) -> Reference:
        """As ``reference.calibrate`` does it, of the parts that are looked at."""
        parts = ("features", "joint") if self.table == "correlation" else ("features",)
        found = {part: calibrate(reference.profiles[part], self.window, RATE, 1000, seed) for part in parts}
        return replace(reference, calibrations=found)

    def measure(self, count: int) -> dict[str, list[int]]:
        """Number of trials in which drift was found: on clean data, or by shift, by traingauge and by scipy."""
        return {"alarms": self._alarms, "power": self._power, "correlation": self._correlation}[self.table](
            count
        )

    def _alarms(self, count: int) -> dict[str, list[int]]:
        found = (
            bool(drifted(reference, self.data.draw(rng, (self.window, self.features)))[0])
            for _, reference, rng in self.trials(count)
        )
        return {"clean": [sum(found)]}

    def _power(self, count: int) -> dict[str, list[int]]:
        found = {shift: [0, 0] for shift in self.data.shifts}
        for rows, reference, rng in self.trials(count):
            data = self.data.draw(rng, (self.window, self.features))
            for shift, draw in self.data.shifts.items():
                data[:, :1] = draw(rng, (self.window, 1))
                found[shift][0] += "f0" in drifted(reference, data)[0]
                pvalue = scipy_pvalue(rows[:, 0], data[:, 0], categorical=self.data.categorical)
                found[shift][1] += pvalue < RATE / self.features
        return found

    def _correlation(self, count: int) -> dict[str, list[int]]:
        found = {"clean": [0], "flipped": [0]}
        (flip,) = self.data.shifts.values()
        for _, reference, rng in self.trials(count):
            for name, draw in (("clean", self.data.draw), ("flipped", flip)):
                rows = draw(rng, (self.window, self.features))
                found[name][0] += drifted(reference, rows, together=True)[1]
        return found


@dataclass(frozen=True)
class Measured:
    """The result of a cell."""

    cell: Cell
    trials: int
    found: dict[str, list[int]]

    @property
    def within(self) -> bool:
        """Whether the false alarms lie in their interval."""
        low, high = interval(self.trials)
        return low <= self.found["clean"][0] <= high


def drifted(reference: Reference, window: Table, *, together: bool = False) -> tuple[set[str], bool]:
    """Names of the features that drifted, and, if that is asked, whether all of them together did."""
    drift = FeatureDrift(Drift(reference, statistics=(), multivariate=together))
    drift.add([drift.encode(window)])
    features, joint = set(), False
    for family in drift.families():
        for key, value in zip(family.keys, family.values, strict=True):
            if key.labels[-1:] == ("calibrated",) and value > 1:
                if family.metric.name == "model_feature_drift":
                    features.add(str(key.labels[0]))
                else:
                    joint = True
    return features, joint


def scipy_pvalue(reference: Table, window: Table, *, categorical: bool) -> float:
    """Of one feature: Kolmogorov–Smirnov, or chi-square of categories, or of what is missing if anything is."""
    if np.isnan(window).any() or categorical:
        columns = [
            np.where(np.isnan(column), -1, column if categorical else 0) for column in (reference, window)
        ]
        levels = np.unique(np.concatenate(columns))
        observed = [[np.count_nonzero(column == level) for level in levels] for column in columns]
        return float(stats.chi2_contingency(observed, correction=False).pvalue)
    return float(stats.ks_2samp(reference, window, method="asymp").pvalue)


def interval(trials: int) -> tuple[int, int]:
    """Alarms that lie within the central 95 % of the binomial distribution at the stated rate."""
    low, high = stats.binom.ppf([0.025, 0.975], trials, RATE)
    return int(low), int(high)
