"""The page and the file of results."""

from __future__ import annotations

import hashlib
import platform
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy import stats

from alerting import rulebook
from benchmarks.alerts.faults import FAULTS
from benchmarks.alerts.healthy import HEALTHY
from benchmarks.alerts.runs import HEALTHY_SECONDS, Case, by_keras
from benchmarks.alerts.verdict import Alarm, Verdict
from simulation.clock import SCRAPE_SECONDS
from simulation.replay import EVALUATION_SECONDS
from traingauge.bundle import places

#: Targets: share of seeds in which a fault is detected, false alarms per healthy run, alerts per cause.
DETECTED, FALSE_ALARMS, ALERTS = 0.95, 0.01, 2

#: First of the seeds that rules are tuned on; those before prove them.
TUNING = 1000

#: Runs of a proof that led to a change of a rule, by kind and seed, and the alert: of that they prove nothing any more.
SPENT = {("overfitting", 416): "ModelClassRecallCollapsed"}

#: With fewer runs of each fault, and fewer healthy ones, a good result does not show that the target is met.
ENOUGH_SEEDS, ENOUGH_HEALTHY = 20, 100


def fingerprint() -> str:
    """What tells the rules and the routes of the present from earlier ones."""
    found = hashlib.sha256()
    for file in (*rulebook.rule_files(), places.ALERTMANAGER_CONFIG):
        found.update(file.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts, and how they were measured.

    Attributes:
        verdicts: Of every run.
        promtool: Version of it.
        when: Day on which it was measured.
        machine: On which.
        rules: :func:`fingerprint` of what was measured; empty where it is not known.
    """

    verdicts: Sequence[Verdict]
    promtool: str
    when: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))
    machine: str = field(default_factory=lambda: f"{platform.system()} {platform.machine()}")
    rules: str = field(default_factory=fingerprint)

    @classmethod
    def read(cls, numbers: Mapping[str, Any]) -> Report:
        """A report from its results."""
        verdicts = [
            Verdict(Case(run["kind"], run["seed"]), tuple(_alarm(alarm) for alarm in run["alarms"]))
            for run in numbers["runs"]
        ]
        return cls(
            verdicts, numbers["promtool"], numbers["when"], numbers["machine"], numbers.get("rules", "")
        )

    def of(self, kind: str) -> list[Verdict]:
        """Of all runs of one kind."""
        return [verdict for verdict in self.verdicts if verdict.case.kind == kind]

    @property
    def faults(self) -> list[str]:
        """The faults that were tried."""
        return [kind for kind in FAULTS if self.of(kind)]

    @property
    def healthy(self) -> list[Verdict]:
        """Of all healthy runs."""
        return [verdict for verdict in self.verdicts if verdict.case.fault is None]

    @property
    def missed(self) -> list[str]:
        """The faults that are not detected as often as they should be."""
        return [kind for kind in self.faults if _share(self.of(kind)) < DETECTED]

    @property
    def loud(self) -> list[str]:
        """The faults that send more alerts than they should."""
        return [kind for kind in self.faults if max(len(run.sent) for run in self.of(kind)) > ALERTS]

    @property
    def false_alarms(self) -> float:
        """Alerts sent per healthy run."""
        return sum(len(run.sent) for run in self.healthy) / max(1, len(self.healthy))

    @property
    def met(self) -> bool:
        """Whether all targets are."""
        return not self.missed and not self.loud and self.false_alarms <= FALSE_ALARMS

    def page(self) -> str:
        """As Markdown."""
        return "\n".join([*self._head(), *self._faults(), *self._healthy(), ""])

    def numbers(self) -> dict[str, Any]:
        """The results as JSON: every run with its alerts."""
        runs = [
            {"kind": run.case.kind, "seed": run.case.seed, "alarms": [asdict(alarm) for alarm in run.alarms]}
            for run in self.verdicts
        ]
        return {
            "when": self.when,
            "machine": self.machine,
            "promtool": self.promtool,
            "rules": self.rules,
            "scrape_seconds": SCRAPE_SECONDS,
            "runs": runs,
        }

    @property
    def _seeds(self) -> str:
        seeds = [run.case.seed for run in self.verdicts]
        unseen = "which no rule was tuned on" if max(seeds) < TUNING else "which rules are tuned on"
        cases = {(run.case.kind, run.case.seed) for run in self.verdicts}
        spent = [
            f", but for {kind} {seed}, which led to a change of {alert}"
            for (kind, seed), alert in SPENT.items()
            if (kind, seed) in cases
        ]
        return f"seeds {min(seeds)} to {max(seeds)}, {unseen}{''.join(spent)}"

    def _age(self) -> list[str]:
        changed = "**Rules or routes have changed since**: their detection and false alarms may differ."
        return [] if self.rules == fingerprint() else [changed]

    @property
    def _most_false_alarms(self) -> float:
        """Upper limit of false alarms a run, if they come independently of each other (exact, for a Poisson count)."""
        count = sum(len(run.sent) for run in self.healthy)
        return float(stats.chi2.ppf(0.95, 2 * (count + 1))) / 2 / max(1, len(self.healthy))

    def _head(self) -> list[str]:
        seeds = min((len(self.of(kind)) for kind in self.faults if not by_keras(kind)), default=0)
        detected = f"{len(self.faults) - len(self.missed)} of {len(self.faults)} faults"
        alarms = (
            f"{self.false_alarms * 100:.1f} ({len(self.healthy)} runs; with 95% confidence below "
            f"{self._most_false_alarms * 100:.1f})"
        )
        quiet = f"{len(self.faults) - len(self.loud)} of {len(self.faults)} faults"
        return [
            "# How good the alerts are",
            "",
            "<!-- Written by `python -m benchmarks.alerts`; do not edit. -->",
            "",
            "Real models train on real data and publish through the real exporter, under a clock that is moved by hand.",
            "Faults are injected one at a time; what a scrape sees is replayed through the shipped rules, unscaled, by",
            "`promtool test rules`, and an alert counts as sent if the shipped inhibition and routes let it pass.",
            "`benchmarks/alerts` describes the method.",
            "",
            "Most models are small networks in numpy, because hundreds of runs of an hour or more are trained. Kinds",
            "that begin with `keras` are trained by Keras' `fit` with `MonitorCallback`, which takes five times as long.",
            "The rules see the same of both. Data: digits, breast cancer, wine, diabetes, and a synthetic regression.",
            "",
            f"Measured on {self.when}, {self.machine}, promtool {self.promtool}, a scrape every {SCRAPE_SECONDS:g} s "
            f"and an evaluation every {EVALUATION_SECONDS:g} s; {len(self.verdicts)} runs, {self._seeds}.",
            *self._age(),
            "",
            "| target | measured | met |",
            "| --- | --- | --- |",
            f"| each fault detected by its own alert in ≥ {DETECTED:.0%} of its runs | {detected} "
            f"| {_yes(not self.missed, seeds >= ENOUGH_SEEDS)} |",
            f"| ≤ {FALSE_ALARMS * 100:g} false alarm in 100 healthy runs | {alarms} "
            f"| {_yes(self.false_alarms <= FALSE_ALARMS, len(self.healthy) >= ENOUGH_HEALTHY)} |",
            f"| ≤ {ALERTS} alerts sent per cause, in every run | {quiet} "
            f"| {_yes(not self.loud, seeds >= ENOUGH_SEEDS)} |",
            "",
        ]

    def _faults(self) -> list[str]:
        lines = [
            "## Faults",
            "",
            "*Detected*: an alert that names the fault fired and was not muted. *Time*: from the fault to it, median and",
            "slowest. *Sent*: different alerts sent to a person, median and most. *Others*: alerts that do not name the",
            "fault, with the number of runs; those in parentheses are informative, and shown only.",
            "",
            "| fault | what happens | its own alerts | detected | time | sent | others |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for kind in self.faults:
            fault, runs = FAULTS[kind], self.of(kind)
            took = [run.detected_after for run in runs if run.detected_after is not None]
            sent = [len(run.sent) for run in runs]
            cells = [
                kind,
                fault.what,
                ", ".join(_short(name) for name in sorted(fault.own)) or "none",
                f"{sum(run.good for run in runs)} of {len(runs)}",
                f"{_minutes(statistics.median(took))}, {_minutes(max(took))}" if took else "never",
                f"{statistics.median(sent):g}, {max(sent)}",
                _counted(
                    (name for run in runs for name in run.sent if name not in fault.own),
                    (name for run in runs for name in run.shown if name not in fault.own),
                ),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        early = [name for run in self.verdicts for name in run.before]
        lines += [
            "",
            f"Before the fault, while these runs were healthy, {len(early)} alerts were sent"
            + (f": {_counted(early, ())}." if early else "."),
            "",
        ]
        return lines

    def _healthy(self) -> list[str]:
        lines = [
            "## Healthy runs",
            "",
            f"Each is watched for {HEALTHY_SECONDS / 60:g} minutes, or until its end.",
            "",
            "| kind | runs | false alarms a run | which (in parentheses: shown only) |",
            "| --- | --- | --- | --- |",
        ]
        for kind in HEALTHY:
            if runs := self.of(kind):
                sent = [name for run in runs for name in run.sent]
                which = _counted(sent, (name for run in runs for name in run.shown))
                lines.append(f"| {kind} | {len(runs)} | {len(sent) / len(runs):.2f} | {which} |")
        return lines


def _alarm(numbers: Mapping[str, Any]) -> Alarm:
    labels = tuple((name, value) for name, value in numbers["labels"])
    return Alarm(numbers["name"], numbers["severity"], labels, numbers["at"], numbers["sent"])


def _share(runs: Sequence[Verdict]) -> float:
    return sum(run.good for run in runs) / len(runs)


def _counted(sent: Iterable[str], shown: Iterable[str]) -> str:
    texts = [f"{_short(name)} {count}" for name, count in Counter(sent).most_common()]
    texts += [f"({_short(name)} {count})" for name, count in Counter(shown).most_common()]
    return ", ".join(texts) or "none"


def _short(name: str) -> str:
    return name.removeprefix("Model")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _yes(met: bool, enough: bool) -> str:
    if not met:
        return "**no**"
    return "yes" if enough else "so far; too few runs to say"
