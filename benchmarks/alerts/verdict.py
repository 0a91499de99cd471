"""The alerts that reached a person in each run, compared with those that should have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.alerts.inhibition import Labels, Policy
from benchmarks.alerts.runs import Case
from simulation.replay import EVALUATION_SECONDS, Firing


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that fired in a run and was not muted, under one set of labels.

    Attributes:
        name: Of the alert.
        severity: Of it.
        labels: The others, but model and run.
        at: Seconds into the run at which it was first there.
        sent: Whether it is sent to a person; an informative one is only shown.
    """

    name: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    at: float
    sent: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One run.

    Attributes:
        case: Which one.
        alarms: Everything that fired unmuted, in the order of time; one entry a set of labels.
    """

    case: Case
    alarms: tuple[Alarm, ...]

    @property
    def detected_after(self) -> float | None:
        """Seconds from the fault to the first alert of its own; ``None`` if there was none."""
        fault = self.case.fault
        assert fault is not None
        return next((alarm.at - self.case.at for alarm in self._caused if alarm.name in fault.own), None)

    @property
    def good(self) -> bool:
        """Whether the fault was detected; for a clean end, whether nothing was sent."""
        fault = self.case.fault
        assert fault is not None
        return self.detected_after is not None if fault.own else not self.sent

    @property
    def sent(self) -> list[str]:
        """Names of the alerts sent to a person from the fault on; in a healthy run all the time."""
        return sorted({alarm.name for alarm in self._caused if alarm.sent})

    @property
    def shown(self) -> list[str]:
        """Names of the informative alerts in the same time, which are shown and not sent."""
        return sorted({alarm.name for alarm in self._caused if not alarm.sent})

    @property
    def before(self) -> list[str]:
        """Names of the alerts sent before the fault."""
        return sorted({alarm.name for alarm in self.alarms if alarm.sent and alarm.at < self.case.at})

    @property
    def _caused(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.at >= self.case.at]


def verdicts(cases: Sequence[Case], firing: Firing, policy: Policy) -> list[Verdict]:
    """Of several runs that were replayed together."""
    # Runs that are replayed together differ in length; what fires after a run's last sample does not count.
    ends = {case.run: case.seconds for case in cases}
    alarms: dict[str, dict[tuple[object, ...], Alarm]] = defaultdict(dict)
    for number in sorted(firing):
        for run, alerts in _by_run(firing[number]).items():
            for alert in alerts if number * EVALUATION_SECONDS <= ends[run] else ():
                if not policy.muted(alert, alerts):
                    alarm = _alarm(alert, number * EVALUATION_SECONDS, policy)
                    alarms[run].setdefault((alarm.name, alarm.severity, alarm.labels), alarm)
    return [Verdict(case, tuple(alarms[case.run].values())) for case in cases]


def _by_run(firing: Sequence[Labels]) -> Mapping[str, list[Labels]]:
    """Alerts by run: no inhibition rule looks beyond a run, so each can be assessed alone."""
    runs: dict[str, list[Labels]] = defaultdict(list)
    for alert in firing:
        runs[alert.get("run", "")].append(alert)
    return runs


def _alarm(alert: Labels, at: float, policy: Policy) -> Alarm:
    known = {"__name__", "alertname", "alertstate", "severity", "model", "run"}
    labels = tuple(sorted((name, value) for name, value in alert.items() if name not in known))
    return Alarm(alert["alertname"], alert["severity"], labels, at, policy.receiver(alert) != "blackhole")
