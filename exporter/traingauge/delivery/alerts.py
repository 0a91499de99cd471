"""Alerts that a script sends: what takes them, and what takes them where no Alertmanager is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from traingauge import environment, validation
from traingauge.core.guard import Guard
from traingauge.errors import shown

if TYPE_CHECKING:
    from traingauge.delivery.alertmanager import Alertmanager

Severity = Literal["critical", "warning", "info"]

#: How bad it is.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def alertmanager_of(given: Alertmanager | None) -> Alertmanager | None:
    """The argument ``alerts`` of a monitor, checked; without one, that of the variable."""
    urls = environment.ALERTMANAGER_URL.read() if given is None else None
    if given is None and urls is None:
        return None
    from traingauge.delivery.alertmanager import Alertmanager  # it loads requests, which most runs do without

    if urls is not None:
        return Alertmanager(
            urls,
            username=environment.ALERTMANAGER_USERNAME.read(),
            credentials_file=environment.ALERTMANAGER_CREDENTIALS_FILE.read(),
        )
    return validation.instance("alerts", given, Alertmanager, "Alertmanager('http://127.0.0.1:9093')")


class Alerts(Protocol):
    """Takes the alerts of one run."""

    def send(
        self,
        name: str,
        summary: str,
        *,
        severity: Severity,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        resolves_after: float = 300.0,
    ) -> None:
        """Send an alert, or keep it alive."""

    def resolve(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """End an alert."""

    def end(self, state: str, exception: str, steps: int) -> None:
        """The run has ended: report a crash, and take nothing more.

        Args:
            state: The final state.
            exception: Name of the exception that ended the run, or empty.
            steps: Training steps taken.
        """

    def flush(self, at_most: float | None = None) -> bool:
        """Wait a little, or up to ``at_most`` seconds, until everything is delivered; returns whether it is."""


class NoAlerts:
    """Takes the alerts of a run without an Alertmanager: each is counted as an error, and the first is logged.

    Args:
        guard: Counts them.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def send(self, name: str, summary: str, **rest: object) -> None:
        """Count the alert as not sent."""
        variable = environment.ALERTMANAGER_URL.name
        message = f"alert {shown(name)} was not sent: pass alerts=Alertmanager(url) or set ${variable}"
        self._guard.report("alert", RuntimeError(message))

    def resolve(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Do nothing."""

    def end(self, state: str, exception: str, steps: int) -> None:
        """Do nothing."""

    def flush(self, at_most: float | None = None) -> bool:
        """Nothing waits."""
        return True
