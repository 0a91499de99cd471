"""Alerts straight from the script, through Alertmanager's v2 API.

They are for what no metric shows: a failed audit, a missing file, the crash of the run itself. A background thread delivers
them, with timeouts and retries, so that training never waits. It starts with the first alert.

Each alert carries the time at which it ends by itself. Sending the alert again extends that time, and posts nothing while
more than half of it is left. :meth:`AlertSender.resolve` ends the alert now.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import requests

from traingauge import validation
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery.alerts import SEVERITIES, Severity
from traingauge.delivery.base import RunView
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError

#: Seconds for a connection, and for an answer.
TIMEOUT = (2.0, 5.0)

#: Seconds before a failed delivery is retried; doubled each time, up to the longest.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0

#: Seconds for which a crash stays an active alert, and seconds that the end of a run waits for its last alerts.
CRASH_ACTIVE_SECONDS, FLUSH_SECONDS = 1800.0, 5.0

_OWN_LABELS = ("alertname", "model", "run", "severity")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is sent.

    Attributes:
        labels: Its identity, sorted.
        annotations: Its text.
        starts: Unix time in seconds.
        ends: Unix time in seconds at which it ends by itself.
    """

    labels: Labels
    annotations: Labels
    starts: float
    ends: float

    def as_json(self) -> dict[str, object]:
        """The form that Alertmanager's API accepts."""
        return {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": _rfc3339(self.starts),
            "endsAt": _rfc3339(self.ends),
        }


@dataclass(frozen=True)
class Alertmanager:
    """The Alertmanager that a run sends its alerts to.

    :meth:`traingauge.ModelMonitor.send_alert` sends to it, and so does the end of a run that crashed (``TrainingCrashed``).

    Args:
        url: Where Alertmanager serves, as ``http://127.0.0.1:9093``.

    Raises:
        InvalidArgumentError: Not an HTTP address.

    >>> Alertmanager("127.0.0.1:9093")
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Alertmanager.url is '127.0.0.1:9093': expected an address like 'http://127.0.0.1:9093'
    """

    url: str

    def __post_init__(self) -> None:
        validation.http_url("Alertmanager.url", self.url)

    def start(self, run: RunView) -> AlertSender:
        """Open a sender of the run's alerts; its thread starts with the first alert."""
        return AlertSender(self.url, run.identity, run.guard)


class AlertSender:
    """Delivers a run's alerts to one Alertmanager.

    Args:
        url: Where Alertmanager serves.
        identity: Labels of every alert.
        guard: Counts the attempts that failed.
    """

    def __init__(self, url: str, identity: Identity, guard: Guard) -> None:
        self._endpoint = f"{url.rstrip('/')}/api/v2/alerts"
        self._identity, self._guard = identity, guard
        self._changed = threading.Condition()
        self._active: dict[Labels, Alert] = {}
        self._pending: dict[Labels, Alert] = {}
        self._thread: threading.Thread | None = None

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
        """Send an alert, or keep it alive if it is still active.

        Args:
            name: ``alertname``: letters, digits and underscores.
            summary: One sentence.
            severity: ``critical``, ``warning`` or ``info``.
            description: What to look at.
            labels: Further labels; other labels make it another alert.
            resolves_after: Seconds after which it ends, unless it is sent again.

        Raises:
            InvalidArgumentError: A name, label or time that does not fit.
            InvalidTypeError: A label whose name or value is no string.
            UnknownNameError: An unknown severity.
        """
        if severity not in SEVERITIES:
            raise UnknownNameError("severity of an alert", severity, SEVERITIES)
        if not resolves_after > 0:
            raise InvalidArgumentError(f"resolves_after is {resolves_after}: expected seconds above 0")
        key = self._labels(name, labels or {}, severity)
        said = (("summary", summary), *((("description", description),) if description else ()))
        now = time.time()
        with self._changed:
            self._active = {known: alert for known, alert in self._active.items() if alert.ends > now}
            active = self._active.get(key)
            if active is not None and active.annotations == said and active.ends - now > resolves_after / 2:
                return
            self._queue(Alert(key, said, now if active is None else active.starts, now + resolves_after))

    def resolve(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """End an alert now, at every severity it was sent with; one that is not active is left alone."""
        keys = [self._labels(name, labels or {}, severity) for severity in SEVERITIES]
        now = time.time()
        with self._changed:
            for key in keys:
                alert = self._active.pop(key, None)
                if alert is not None and alert.ends > now:
                    self._queue(replace(alert, ends=now))

    def flush(self, at_most: float) -> bool:
        """Wait up to ``at_most`` seconds until everything is delivered; returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, at_most)

    def end(self, state: str, exception: str, steps: int) -> None:
        """Report a crash, and wait a little until everything is delivered."""
        if state == "failed":
            self.send(
                "TrainingCrashed",
                f"Training crashed with {exception or 'an error'}.",
                severity="critical",
                description=f"Run {self._identity.run} of {self._identity.model} ended after {steps} training steps.",
                resolves_after=CRASH_ACTIVE_SECONDS,
            )
        self.flush(FLUSH_SECONDS)

    def _labels(self, name: str, labels: Mapping[str, str], severity: Severity) -> Labels:
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            raise InvalidArgumentError(f"alert name {name!r}: expected letters, digits and underscores")
        for label, value in labels.items():
            if not isinstance(label, str) or not isinstance(value, str):
                raise InvalidTypeError(f"label {label!r} of alert {name!r} is {value!r}: expected strings")
            if label in _OWN_LABELS or not _LABEL.fullmatch(label):
                raise InvalidArgumentError(
                    f"label {label!r} of alert {name!r}: expected letters, digits and underscores, and none of "
                    + ", ".join(_OWN_LABELS)
                )
        own = {"alertname": name, "severity": severity, **self._identity._asdict()}
        return tuple(sorted({**labels, **own}.items()))

    def _queue(self, alert: Alert) -> None:
        if alert.ends > time.time():
            self._active[alert.labels] = alert
        self._pending[alert.labels] = alert
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver_all, name="traingauge-alerts", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _deliver_all(self) -> None:
        wait = FIRST_RETRY
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._pending))
                batch = dict(self._pending)
            try:
                self._deliver(list(batch.values()))
            except requests.RequestException as error:
                self._guard.report("alert", error)
                if not _refused(error):
                    time.sleep(wait)
                    wait = min(2 * wait, LONGEST_RETRY)
                    continue
            wait = FIRST_RETRY
            with self._changed:
                for key, alert in batch.items():
                    if self._pending.get(key) is alert:  # not one that was queued meanwhile
                        del self._pending[key]
                self._changed.notify_all()

    def _deliver(self, alerts: list[Alert]) -> None:
        body = [alert.as_json() for alert in alerts]
        requests.post(self._endpoint, json=body, timeout=TIMEOUT).raise_for_status()


def _refused(error: requests.RequestException) -> bool:
    """Whether Alertmanager understood the request and will never accept it."""
    return error.response is not None and 400 <= error.response.status_code < 500


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
