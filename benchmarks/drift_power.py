"""Whether drift can be trusted: false alarms on clean data, and power on known shifts, beside scipy's tests.

``python -m benchmarks.drift_power`` writes ``docs/drift_power.md``; ``--quick`` takes a tenth of the trials of the cheaper
cells, and prints. What was measured is kept as it comes, and ``--resume`` goes on from it. Seeds are fixed and depend on
nothing but the cell, so the same command gives the same table.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.drift_kinds import KINDS, PAIRS, Kind, Table
from traingauge import Reference
from traingauge.parts.drift import Drift
from traingauge.reference.calibration import calibrate

#: Rows of a reference, of a large one, and the false-alarm rate that is asked for.
ROWS, MANY_ROWS, RATE = 5_000, 50_000, 0.01

FEATURES, WINDOWS = (1, 50, 500), (500, 1_000, 10_000)

#: Trials, those of a row that is measured once more, and those of a quick run.
TRIALS, AGAIN, QUICK = 200, 1_000, 20

_ROOT = Path(__file__).parent.parent
PAGE, KEPT = _ROOT / "docs" / "drift_power.md", _ROOT / "build" / "drift_power.jsonl"


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
        """In how many of so many trials drift was found: of clean data, or by shift by traingauge and by scipy."""
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
    """What a cell gave."""

    cell: Cell
    trials: int
    found: dict[str, list[int]]

    @property
    def within(self) -> bool:
        """Whether the false alarms lie in their interval."""
        low, high = interval(self.trials)
        return low <= self.found["clean"][0] <= high


def cells(quick: bool) -> Iterator[Cell]:
    """All that is measured, or the cheap part of it."""
    for window in WINDOWS[:2]:
        yield Cell("correlation", "", 10, window)
    wanted = [Cell("power", kind, features, WINDOWS[0]) for features in FEATURES for kind in KINDS]
    wanted += [
        Cell("alarms", kind, features, window)
        for features in FEATURES
        for window in WINDOWS
        for kind in KINDS
    ]
    for cell in wanted:
        if not quick or (cell.features < FEATURES[2] and cell.window < WINDOWS[2]):
            yield cell


def drifted(reference: Reference, window: Table, *, together: bool = False) -> tuple[set[str], bool]:
    """Names of the features that drifted, and, if that is asked, whether all of them together did."""
    drift = Drift(reference, statistics=(), multivariate=together)
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


def alarm_rows(measured: list[Measured]) -> Iterator[str]:
    """A table of false alarms, a line at a time."""
    low, high = interval(measured[0].trials)
    yield f"| data | features | windows of | false alarms in {measured[0].trials} | within {low} to {high} |"
    yield "| --- | --: | --: | --: | --- |"
    for one in sorted(
        measured, key=lambda one: (list(KINDS).index(one.cell.kind), one.cell.features, one.cell.window)
    ):
        cell, verdict = one.cell, "yes" if one.within else "no"
        yield f"| {cell.kind} | {cell.features} | {cell.window} | {one.found['clean'][0]} | {verdict} |"


def total(measured: list[Measured]) -> str:
    """A sentence on all false alarms together."""
    alarms, trials = sum(one.found["clean"][0] for one in measured), sum(one.trials for one in measured)
    low, high = interval(trials)
    outside = sum(not one.within for one in measured)
    return (
        f"Together {alarms:,} false alarms in {trials:,} windows, {alarms / trials:.2%} "
        f"(interval: {low} to {high}); {outside} of {len(measured)} rows lie outside of theirs."
    )


def power_rows(measured: list[Measured]) -> Iterator[str]:
    """The table of power, a line at a time, and how far scipy is ahead at most."""
    yield "| data | shift | features | windows of | traingauge | scipy, Bonferroni |"
    yield "| --- | --- | --: | --: | --: | --: |"
    leads = []
    for one in sorted(measured, key=lambda one: (list(KINDS).index(one.cell.kind), one.cell.features)):
        for shift, found in one.found.items():
            ours, theirs = (count / one.trials for count in found)
            leads.append(theirs - ours)
            sizes = f"{one.cell.features} | {one.cell.window}"
            yield f"| {one.cell.kind} | {shift} | {sizes} | {ours:.1%} | {theirs:.1%} |"
    yield ""
    yield f"Where scipy finds more, it is ahead by at most {max(0.0, *leads) * 100:.1f} points."


def correlation_rows(measured: list[Measured]) -> Iterator[str]:
    """The table of correlation, a line at a time."""
    yield f"| windows of | false alarms in {measured[0].trials} | found |"
    yield "| --: | --: | --: |"
    for one in measured:
        found = one.found["flipped"][0] / one.trials
        yield f"| {one.cell.window} | {one.found['clean'][0]} | {found:.1%} |"


_HEAD = f"""# False alarms and power of drift detection

Made by `make bench-drift`: references of {ROWS:,} rows, thresholds calibrated to a false-alarm rate of {RATE:.0%} per
window and data set. With one feature each trial has a reference of its own. With {FEATURES[1]} and {FEATURES[2]}, 20 trials
share one, of {MANY_ROWS:,} rows for windows of {WINDOWS[2]:,}, which is fair because chance is then mostly the window's.

## False alarms

Windows without drift in which *any* feature was found to have drifted. The interval is the central 95 % of the
binomial distribution at the stated rate; of many rows, some lie outside by chance.
"""

_AGAIN = f"""
Whether that is chance or fault is told by measuring those rows once more, with {AGAIN:,} trials of another seed:
"""

_POWER = """
## Power

How often the one feature that shifted was found. scipy compares it with the full reference, at the same rate
divided by the number of features: Kolmogorov-Smirnov for numbers, chi-square for categories and for what is
missing.
"""

_CORRELATION = """
## Correlation

Two of ten normal features have a correlation of 0.5, which flips to -0.5: no feature by itself changes.
"""


def repeated(measured: list[Measured]) -> list[Cell]:
    """The rows of false alarms that lie outside of their interval, to be measured once more."""
    outside = (
        one.cell for one in measured if one.cell.table == "alarms" and not one.cell.seed and not one.within
    )
    return [replace(cell, seed=1) for cell in outside]


def pending(measured: list[Measured], wanted: Iterable[Cell]) -> Iterator[str]:
    """What a run that was interrupted has not measured yet, if anything."""
    done = {one.cell for one in measured}
    left = [cell for cell in (*wanted, *repeated(measured)) if cell not in done]
    if left:
        again = {0: "", 1: ", once more"}
        named = "; ".join(f"{one.features} {one.kind} in {one.window}{again[one.seed]}" for one in left)
        yield ""
        yield f"Not measured yet (features, data, window): {named}."


def report(measured: list[Measured], wanted: Iterable[Cell] = ()) -> Iterator[str]:
    """The page, a line at a time."""
    tables: dict[str, list[Measured]] = {}
    for one in measured:
        tables.setdefault(f"{one.cell.table} {one.cell.seed}", []).append(one)
    yield _HEAD
    yield from alarm_rows(tables["alarms 0"])
    yield ""
    yield total(tables["alarms 0"])
    if "alarms 1" in tables:
        yield _AGAIN
        yield from alarm_rows(tables["alarms 1"])
    yield from pending(measured, wanted)
    yield _POWER
    yield from power_rows(tables["power 0"])
    yield _CORRELATION
    yield from correlation_rows(tables["correlation 0"])


class Bench:
    """Measures cells, and keeps what they gave.

    Args:
        kept: The file of what was measured before; ``None`` keeps nothing.
    """

    def __init__(self, kept: Path | None) -> None:
        self._kept = kept
        self._known: dict[tuple[Cell, int], Measured] = {}
        if kept is not None and kept.exists():
            for line in kept.read_text(encoding="utf-8").splitlines():
                read = json.loads(line)
                one = Measured(Cell(**read["cell"]), read["trials"], read["found"])
                self._known[one.cell, one.trials] = one

    def all(self, cells: Iterable[Cell], trials: int, *, only_kept: bool) -> list[Measured]:
        """What the cells gave; what was not measured before is left out, if that is asked."""
        return [
            self.measured(cell, trials) for cell in cells if not only_kept or (cell, trials) in self._known
        ]

    def measured(self, cell: Cell, trials: int) -> Measured:
        """What the cell gave, or gives now."""
        if (cell, trials) not in self._known:
            started = time.process_time()
            one = self._known[cell, trials] = Measured(cell, trials, cell.measure(trials))
            print(f"{cell}: {one.found} in {trials}, {time.process_time() - started:.0f} s", flush=True)
            if self._kept is not None:
                self._kept.parent.mkdir(exist_ok=True)
                with self._kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
        return self._known[cell, trials]


def main() -> None:
    """Write the page, or print a quick one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the cheaper cells with few trials, and print only"
    )
    parser.add_argument("--resume", action="store_true", help=f"go on from what is kept in build/{KEPT.name}")
    parser.add_argument("--page", action="store_true", help="only write the page of what is kept")
    options = parser.parse_args()
    if not (options.quick or options.resume or options.page):
        KEPT.unlink(missing_ok=True)
    bench = Bench(None if options.quick else KEPT)
    wanted = list(cells(quick=options.quick))
    measured = bench.all(wanted, QUICK if options.quick else TRIALS, only_kept=options.page)
    if not options.quick:
        measured += bench.all(repeated(measured), AGAIN, only_kept=options.page)
    page = "\n".join(report(measured, () if options.quick else wanted)) + "\n"
    print(page)
    if not options.quick:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
