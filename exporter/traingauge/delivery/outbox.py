"""The alerts that wait for one Alertmanager, and the thread that delivers them.

The thread never dies and nothing blocks the queue: an outage is waited out, an alert that Alertmanager refuses is counted
and dropped while the others of its batch arrive, and the queue is bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from traingauge.core.guard import Guard

#: Seconds before a failed delivery is retried; doubled each time, up to the longest.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0

#: The first retry after the run has ended, when little time is left.
LAST_RETRY = 0.25

#: Alerts that wait at once; a new one beyond it replaces the oldest.
MOST_PENDING = 1000

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


class UnavailableError(ConnectionError):
    """Nothing was delivered, and a later attempt may succeed."""


class Outbox:
    """Delivers alerts to one Alertmanager, in a thread of its own.

    Args:
        post: Sends a batch. An :class:`UnavailableError` is retried; after any other error the batch is divided until the
            alerts that do not pass stand alone.
        guard: Counts the failed attempts, and the alerts that were dropped.
        changed: Guards the queue, and is notified when it gets shorter.
    """

    def __init__(
        self, post: Callable[[Sequence[Alert]], None], guard: Guard, changed: threading.Condition
    ) -> None:
        self._post, self._guard, self._changed = post, guard, changed
        self._pending: dict[Labels, Alert] = {}
        self._closed = self._hurried = self._runs = False
        self._start()  # with the run: an interpreter that is shutting down starts no thread, and a crash is reported then

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._pending

    def put(self, alert: Alert) -> None:
        """Queue an alert; it replaces one with the same labels that still waits."""
        with self._changed:
            if alert.labels not in self._pending and len(self._pending) >= MOST_PENDING:
                del self._pending[next(iter(self._pending))]
                self._guard.report(
                    "alert", RuntimeError(f"{MOST_PENDING} alerts wait: the oldest was dropped")
                )
            self._pending[alert.labels] = alert
            if not self._runs:  # the run has ended, and its script still sends
                self._guard.shield("alert", self._start)
            self._changed.notify_all()

    def restart(self, changed: threading.Condition) -> None:
        """Forget what waits, in a forked child, where the thread does not run; the next alert starts one.

        Args:
            changed: Replaces the condition, which a thread of the parent may hold.
        """
        self._changed, self._runs = changed, False
        self._pending.clear()

    def close(self) -> None:
        """Deliver what waits at once, without waiting out the pause after an outage, and end the thread after it."""
        with self._changed:
            self._closed = self._hurried = True
            self._changed.notify_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._deliver_all, name="traingauge-alerts", daemon=True)
        self._thread.start()
        self._runs = True

    def _deliver_all(self) -> None:
        wait = FIRST_RETRY
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
                if not self._pending:
                    self._runs = False
                    return
                self._hurried = False
                batch = list(self._pending.values())
            try:
                self._deliver(batch)
            except UnavailableError as error:
                self._guard.report("alert", error)
                wait = self._pause(wait)
            else:
                wait = FIRST_RETRY

    def _pause(self, wait: float) -> float:
        """Wait, unless the run ends meanwhile; returns the next wait."""
        with self._changed:
            hurried = self._changed.wait_for(lambda: self._hurried, wait)
        return LAST_RETRY if hurried else min(2 * wait, LONGEST_RETRY)

    def _deliver(self, alerts: Sequence[Alert]) -> None:
        try:
            self._post(alerts)
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, the next alert must not wait for it
            if len(alerts) > 1:
                half = len(alerts) // 2
                self._deliver(alerts[:half])
                self._deliver(alerts[half:])
                return
            self._guard.report("alert", error)
        self._done(alerts)

    def _done(self, alerts: Sequence[Alert]) -> None:
        with self._changed:
            for alert in alerts:
                if self._pending.get(alert.labels) is alert:  # not one that was queued meanwhile
                    del self._pending[alert.labels]
            self._changed.notify_all()


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
