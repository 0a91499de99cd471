"""The page and the file of results."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.alerts.report import TUNING, fingerprint
from benchmarks.life.assess import Case, Notification, Outcome
from benchmarks.life.situation import Situation, situations

#: Targets: share of the situations in which anything is sent, and seconds from when Prometheus can know of a death to its
#: notification.
LOUD, LATE_SECONDS = 1 / 40, 120.0

#: With fewer situations a good result does not show that the target is met.
ENOUGH = 40


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes, and how they were measured.

    Attributes:
        outcomes: Of every situation at every interval.
        promtool: Version of it.
        when: Day on which it was measured.
        machine: On which.
        rules: :func:`~benchmarks.alerts.report.fingerprint` of what was measured.
    """

    outcomes: Sequence[Outcome]
    promtool: str
    when: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))
    machine: str = field(default_factory=lambda: f"{platform.system()} {platform.machine()}")
    rules: str = field(default_factory=fingerprint)

    @classmethod
    def read(cls, numbers: Mapping[str, Any]) -> Report:
        """A report from its results."""
        outcomes = [
            Outcome(
                Case(one["situation"], one["seed"], one["interval"]),
                one["knowable"],
                tuple(Notification(**notification) for notification in one["sent"]),
            )
            for one in numbers["outcomes"]
        ]
        return cls(outcomes, numbers["promtool"], numbers["when"], numbers["machine"], numbers["rules"])

    def numbers(self) -> dict[str, Any]:
        """The results as JSON: every situation with what was sent."""
        outcomes = [
            {
                "situation": one.case.name,
                "seed": one.case.seed,
                "interval": one.case.interval,
                "knowable": one.knowable,
                "sent": [asdict(notification) for notification in one.sent],
            }
            for one in self.outcomes
        ]
        return {
            "when": self.when,
            "machine": self.machine,
            "promtool": self.promtool,
            "rules": self.rules,
            "outcomes": outcomes,
        }

    @property
    def intervals(self) -> list[float]:
        """At which the situations were played."""
        return sorted({one.case.interval for one in self.outcomes})

    @property
    def ordinary(self) -> dict[Situation, list[Outcome]]:
        """The situations in which no one has to do anything."""
        return {one: found for one, found in self._played.items() if not one.is_death}

    @property
    def deaths(self) -> dict[Situation, list[Outcome]]:
        """The others."""
        return {one: found for one, found in self._played.items() if one.is_death}

    @property
    def loud(self) -> list[Situation]:
        """The situations in which something was sent all the same."""
        return [one for one, found in self.ordinary.items() if any(outcome.sent for outcome in found)]

    @property
    def critical(self) -> int:
        """Critical alerts that were sent in them."""
        return sum(
            notification.severity == "critical"
            for found in self.ordinary.values()
            for outcome in found
            for notification in outcome.sent
        )

    @property
    def not_once(self) -> list[Situation]:
        """The deaths that were not reported, or not once and alone."""
        return [one for one, found in self.deaths.items() if not all(outcome.once for outcome in found)]

    @property
    def slowest(self) -> float:
        """Longest time from when Prometheus could know of a death to its notification."""
        took = [outcome.took for found in self.deaths.values() for outcome in found]
        return max((one for one in took if one is not None), default=float("nan"))

    @property
    def met(self) -> bool:
        """Whether all targets are."""
        return self._quiet and not self.critical and not self.not_once and self.slowest <= LATE_SECONDS

    def page(self) -> str:
        """As Markdown."""
        return "\n".join([*self._head(), *self._ordinary(), *self._deaths(), *_limits(), ""])

    @property
    def _quiet(self) -> bool:
        return len(self.loud) <= LOUD * len(self.ordinary)

    @property
    def _played(self) -> dict[Situation, list[Outcome]]:
        found = {
            situation: [one for one in self.outcomes if one.case.name == name]
            for name, situation in situations().items()
        }
        return {situation: played for situation, played in found.items() if played}

    def _age(self) -> list[str]:
        changed = "**Rules or routes have changed since**: what they send may differ."
        return [] if self.rules == fingerprint() else [changed]

    def _head(self) -> list[str]:
        seeds = [one.case.seed for one in self.outcomes]
        unseen = "which no threshold was tuned on" if max(seeds) < TUNING else "which rules are tuned on"
        intervals = " and ".join(f"{one:g}" for one in self.intervals)
        evaluations = " and ".join(
            f"{one:g}" for one in sorted({one.case.evaluation for one in self.outcomes})
        )
        deaths = len(self.deaths)
        return [
            "# Alerts in ordinary life",
            "",
            "<!-- Written by `python -m benchmarks.life`; do not edit. -->",
            "",
            "What the alerts say when no one has to do anything, and whether every death is reported once. Each situation",
            "is a small script: runs that train and publish through the real exporter under a clock that is moved by",
            "hand, and a Prometheus that scrapes them, loses them, or is away itself. What it sees is replayed through",
            "the shipped rules, unscaled, by `promtool test rules`. An alert counts as sent each time that it begins to",
            "fire, if the shipped inhibition and routes let it pass. `benchmarks/life` describes the method.",
            "[How good the alerts are](alert-benchmark.md) is about faults of training.",
            "",
            f"Measured on {self.when}, {self.machine}, promtool {self.promtool}, with scrapes every {intervals} s "
            f"and evaluations every {evaluations} s; seeds {min(seeds)} to {max(seeds)}, {unseen}. "
            f"Rules and routes: `{self.rules[:12]}`.",
            *self._age(),
            "",
            "| target | measured | met |",
            "| --- | --- | --- |",
            f"| ≤ 1 situation in {1 / LOUD:g} sends anything | {len(self.loud)} of {len(self.ordinary)} "
            f"| {_yes(self._quiet, len(self.ordinary) >= ENOUGH)} |",
            f"| nothing critical is sent in them | {self.critical} critical | {_yes(not self.critical)} |",
            f"| each death is reported once, and nothing else is sent | {deaths - len(self.not_once)} of {deaths} deaths "
            f"| {_yes(not self.not_once)} |",
            f"| within {LATE_SECONDS / 60:g} min of when Prometheus can know of it | slowest {_spelt(self.slowest)} "
            f"| {_yes(self.slowest <= LATE_SECONDS)} |",
            "",
        ]

    def _ordinary(self) -> list[str]:
        lines = [
            "## No one has to do anything",
            "",
            f"| what happens | {' | '.join(f'sent at {one:g} s' for one in self.intervals)} |",
            f"| --- |{' --- |' * len(self.intervals)}",
        ]
        for situation, found in self.ordinary.items():
            sent = [_counted(_at(found, interval)) for interval in self.intervals]
            lines.append(f"| {' | '.join([situation.what, *sent])} |")
        return [*lines, ""]

    def _deaths(self) -> list[str]:
        lines = [
            "## Deaths",
            "",
            "*Time*: from when Prometheus can know of it to the notification.",
            "",
            "| what dies | alert | Prometheus can know | "
            + " | ".join(f"time at {one:g} s | sent" for one in self.intervals)
            + " |",
            f"| --- | --- | --- |{' --- | --- |' * len(self.intervals)}",
        ]
        for situation, found in self.deaths.items():
            cells = [situation.what, _short(situation.reported_by), situation.knowable]
            for interval in self.intervals:
                outcomes = _at(found, interval)
                cells += [
                    ", ".join("**never**" if one.took is None else _spelt(one.took) for one in outcomes),
                    _counted(outcomes),
                ]
            lines.append(f"| {' | '.join(cells)} |")
        return [*lines, ""]


def _limits() -> list[str]:
    return [
        "## What it cannot show",
        "",
        "* A run that dies before its first scrape, where it does not wait for one: on Kubernetes without",
        "  `TRAINGAUGE_WAIT_FOR_SCRAPE=1`, or of SIGKILL in the first seconds. Prometheus never knew of it. Where an",
        "  Alertmanager is set, the exporter itself sends `TrainingCrashed` for an exception, which tests of the exporter",
        "  cover; for SIGKILL nothing can.",
        "* What Prometheus cannot tell apart. A run that takes no first step for 40 minutes and says nothing looks like one",
        "  that hangs, and a process that SIGSTOP stops for 20 minutes like one that died: both count as deaths here.",
        "* A process itself: a kill, an eviction or a SIGTERM is what Prometheus sees of one. Tests with real servers cover",
        "  the ends.",
        "* What a server that sleeps keeps in memory: while Prometheus is away, rules are replayed as if it had restarted.",
        "* Grouping: Alertmanager sends one message for the alerts of a run that begin together.",
    ]


def _at(found: Sequence[Outcome], interval: float) -> list[Outcome]:
    return [one for one in found if one.case.interval == interval]


def _counted(found: Iterable[Outcome]) -> str:
    counts = Counter((one.name, one.severity) for outcome in found for one in outcome.sent)
    return (
        ", ".join(f"{_short(name)} ({severity}) {count}" for (name, severity), count in counts.items())
        or "none"
    )


def _short(name: str) -> str:
    return name.removeprefix("Model")


def _spelt(seconds: float) -> str:
    return f"{seconds:.0f} s"


def _yes(met: bool, enough: bool = True) -> str:
    if not met:
        return "**no**"
    return "yes" if enough else "so far; too few situations to say"
