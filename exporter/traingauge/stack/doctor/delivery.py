"""Alertmanager: whether an alert that is sent is notified."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from traingauge.stack.client import get

from .finding import Finding, ok, problem, skipped, warning
from .notifications import address
from .receivers import without_integration
from .servers import BROKEN, TIMEOUT
from .subject import Subject
from .waiting import EVERY

#: The alert that is sent, as the routes of the rules' alerts take it.
TEST_ALERT = "ModelTestAlert"

#: Seconds within which it has to be notified: routes wait for others to come.
DELIVERED_WITHIN = 90.0


def delivered(subject: Subject) -> Iterator[Finding]:
    """An alert that is sent is notified."""
    if not subject.sends_test_alert:
        yield skipped("no test alert was sent", "--send-test-alert sends one to your receivers")
        return
    url = address(subject)
    if url is None:
        yield skipped("no Alertmanager is known")
        return
    # A name of its own, as Alertmanager notifies a group that it knows only after its group_interval.
    test = _Test(url, f"test-{os.urandom(4).hex()}", subject.receiver_url)
    try:
        others, before = test.others(), test.counts()
    except BROKEN as error:
        yield skipped(
            f"no test alert was sent, as its notification could not be watched: {error}",
            "--alertmanager-url has to lead to Alertmanager itself, with its /api/v2 and /metrics",
        )
        return
    try:
        test.post(minutes=5)
        try:
            found = _watched(test, before, others)
        finally:
            test.post(minutes=0)
    except BROKEN as error:
        yield problem(f"Alertmanager does not take an alert: {error}", "see its log")
        return
    yield found


@dataclass(frozen=True, slots=True)
class _Counts:
    """Attempts to notify, of any alert."""

    made: float
    failed: float

    @property
    def succeeded(self) -> float:
        return self.made - self.failed


@dataclass(frozen=True, slots=True)
class _Test:
    """One alert of a group of its own.

    Attributes:
        url: The Alertmanager that gets it.
        run: Its label ``run``.
        receiver_url: The receiver of ``traingauge up``, which says what has arrived; ``None`` if Alertmanager is another's.
    """

    url: str
    run: str
    receiver_url: str | None

    @property
    def labels(self) -> dict[str, str]:
        return {
            "alertname": TEST_ALERT,
            "severity": "warning",
            "model": "traingauge-doctor",
            "run": self.run,
        }

    def post(self, *, minutes: float) -> None:
        """Send the alert, which ends that many minutes from now."""
        now = datetime.now(UTC)
        alert = {
            "labels": self.labels,
            "annotations": {
                "summary": "traingauge doctor tests whether alerts arrive. There is nothing to do."
            },
            "startsAt": (now - timedelta(seconds=1)).isoformat(),
            "endsAt": (now + timedelta(minutes=minutes)).isoformat(),
        }
        with requests.Session() as session:
            session.trust_env = False
            session.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=TIMEOUT).raise_for_status()

    def counts(self) -> _Counts:
        name = "alertmanager_notification_requests"
        metrics = self._metrics()
        return _Counts(metrics.get(f"{name}_total", 0.0), metrics.get(f"{name}_failed_total", 0.0))

    def others(self) -> int:
        """Groups of other alerts that may notify, those included whose alerts are over and whose end is still to be sent."""
        groups = self._asked("/api/v2/alerts/groups")
        status = self._asked("/api/v2/status")
        silent = without_integration(str(status["config"]["original"]))
        loud = [
            group
            for group in groups
            if group["receiver"]["name"] not in silent
            and not any(self._is_it(alert["labels"]) for alert in group["alerts"])
        ]
        ended = self._metrics().get("alertmanager_dispatcher_aggregation_groups", 0.0) - len(groups)
        return len(loud) + max(0, int(ended))

    def has_arrived(self) -> bool:
        """Whether the receiver of ``traingauge up`` has it."""
        if self.receiver_url is None:
            return False
        arrived = get(self.receiver_url, {"run": self.run}, timeout=TIMEOUT).json()
        return any(self._is_it(labels) for labels in arrived)

    def route(self) -> tuple[str, str]:
        """The receivers that it is routed to, and its state: active, or suppressed."""
        for alert in self._asked("/api/v2/alerts"):
            if self._is_it(alert["labels"]):
                return ", ".join(one["name"] for one in alert["receivers"]), alert["status"]["state"]
        return "", ""

    def _is_it(self, labels: Mapping[str, str]) -> bool:
        return labels.get("alertname") == TEST_ALERT and labels.get("run") == self.run

    def _asked(self, path: str) -> Any:
        return get(f"{self.url}{path}", timeout=TIMEOUT).json()

    def _metrics(self) -> dict[str, float]:
        """The sum over all series of each metric of Alertmanager."""
        totals: dict[str, float] = {}
        for family in text_string_to_metric_families(get(f"{self.url}/metrics", timeout=TIMEOUT).text):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
        return totals


def _watched(test: _Test, before: _Counts, others: int) -> Finding:
    deadline = time.monotonic() + DELIVERED_WITHIN
    while True:
        arrived, now = test.has_arrived(), test.counts()
        sent = arrived if test.receiver_url is not None else now.succeeded > before.succeeded
        if sent or now.failed > before.failed:
            time.sleep(EVERY)  # a receiver may have several addresses
            return _notified(test, test.counts().failed > before.failed, max(others, test.others()))
        if time.monotonic() >= deadline:
            return _not_notified(test)
        time.sleep(EVERY)


def _notified(test: _Test, failed: bool, others: int) -> Finding:
    name = f"{TEST_ALERT} of run {test.run}"
    if others and test.receiver_url is None:
        happened = "failed" if failed else "was sent"
        return warning(
            f"a notification {happened}, of {name} or of another alert: {others} other groups may notify",
            f"look whether {name} has arrived",
        )
    if failed:
        return problem(
            f"Alertmanager could not deliver a notification after it got {name}",
            "its log says why: the address of the receiver, a token, a proxy",
        )
    return ok(f"{TEST_ALERT} was notified, for run {test.run}: look whether it has arrived. Its end follows")


def _not_notified(test: _Test) -> Finding:
    receivers, state = test.route()
    if state == "suppressed":
        return problem(
            f"{TEST_ALERT} is silenced or inhibited, and was not notified", "see the silences of Alertmanager"
        )
    return problem(
        f"{TEST_ALERT} was notified to no one within {DELIVERED_WITHIN:.0f} s; its receiver is {receivers or 'unknown'}",
        "give that receiver an address; if it has one, its route waits longer than that (group_wait, group_interval)",
    )
