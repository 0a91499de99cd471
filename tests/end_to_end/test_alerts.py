"""From a training loop to a person: exporter, Prometheus, shipped rules, Alertmanager, webhook; and back to quiet.

All runs train at the same time, next to one that is healthy. They are real loops on real data; the servers are real, too.

Nothing here depends on how fast the machine is. What must happen is waited for, and what must not happen is given its time
in evaluations of the rules. On a busy machine a run may not get to answer a scrape in time; the rules then see a run that
vanished, as they should. So what happened counts only if the machine kept the pace of the stack, and otherwise everything is
repeated at half the pace (see :mod:`traingauge.stack.pace`).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from traingauge import Drift, Endpoint, ModelMonitor, Reference, Scoring
from traingauge.stack.errors import WaitTimeoutError
from traingauge.stack.notification import Alert
from traingauge.stack.pace import Pace, at_a_pace_that_holds
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

PACE = Pace(30.0)

#: Seconds that ModelExporterDown waits, the longest of the rules about runs that are gone.
LONGEST_WAIT = 300

#: Seconds without a step after which the run "stuck" is, as it says itself: by default that is half an hour.
STUCK = 300

pytestmark = pytest.mark.servers

PIXELS, DIGITS = load_digits(return_X_y=True)


class Run:
    """A training loop in a thread: a linear classifier on digits, a fault that a test switches on and off."""

    def __init__(self, name: str, stack: Stack) -> None:
        self.name = name
        self.broken = threading.Event()
        self._over = threading.Event()
        self._discovery_dir = stack.discovery_dir
        self._thresholds: dict[str, Any] = {"accuracy": {"warning": 0.8, "critical": 0.6}}
        if name == "stuck":
            self._thresholds["stuck_seconds"] = STUCK / stack.pace.factor
        self._thread = threading.Thread(target=self._train, name=name)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _train(self) -> None:
        model = SGDClassifier(loss="log_loss", random_state=0)
        model.partial_fit(PIXELS, DIGITS, classes=np.arange(10))
        reference = Reference.from_data(PIXELS)
        random = np.random.default_rng(0)
        with ModelMonitor(
            "digits-linear",
            run=self.name,
            scoring=Scoring(window=20),
            drift=Drift(reference, window=500),
            thresholds=self._thresholds,
            delivery=[Endpoint(discovery_dir=self._discovery_dir)],
        ) as monitor:
            while not self._over.wait(0.05):
                if self.name == "stuck" and self.broken.is_set():
                    continue
                chosen = random.choice(len(DIGITS), 64)
                images, digits = PIXELS[chosen], DIGITS[chosen]
                if self.name == "drifting" and self.broken.is_set():
                    images = np.roll(images, 2, axis=1)
                predicted = model.predict(PIXELS[chosen])
                if self.name == "degraded" and self.broken.is_set():
                    predicted = (predicted + 1) % 10
                loss = float(np.mean(predicted != digits))
                if self.name == "nan" and self.broken.is_set():
                    loss = float("nan")
                monitor.step(loss=loss, y_true=digits, y_pred=predicted, features=images)


CHILD = """
import sys, time
from traingauge import Endpoint, ModelMonitor
with ModelMonitor("digits-linear", run=sys.argv[1], delivery=[Endpoint(discovery_dir=sys.argv[2])]) as monitor:
    for _ in range(100_000):
        monitor.step(loss=1.0)
        time.sleep(0.05)
        if sys.argv[1] == "failed" and sys.stdin.readline() == "fail\\n":
            raise ValueError("out of data")
"""


#: The alert of each fault that is repaired, and of each run that ends.
REPAIRED = {
    "nan": "ModelLossNonFinite",
    "degraded": "ModelScoreBelowThreshold",
    "drifting": "ModelFeaturesDrifted",
    "stuck": "ModelStuck",
}
ENDED = {"failed": "ModelRunFailed", "killed": "ModelRunVanished"}


class Record:
    """What was delivered, and when the story came to each point (in seconds since the epoch)."""

    def __init__(self) -> None:
        self.alerts: list[tuple[float, Alert]] = []
        self.repaired = 0.0
        self.removed = 0.0
        self.finished = False

    def times(self, run: str, name: str, status: str) -> list[float]:
        return [
            at
            for at, alert in self.alerts
            if (alert.labels.get("run"), alert.name, alert.status) == (run, name, status)
        ]

    def delivered(self, run: str) -> set[str]:
        return {alert.name for _, alert in self.alerts if alert.labels.get("run") == run}


class World:
    """The servers and the runs."""

    def __init__(self, stack: Stack, receiver: WebhookReceiver) -> None:
        self.stack, self.receiver = stack, receiver
        self.runs = {name: Run(name, stack) for name in ("healthy", *REPAIRED)}
        self.children = {name: self._child(name) for name in ENDED}

    def _child(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, name, str(self.stack.discovery_dir)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition; if it never holds, the test of that fact fails later, with what was recorded."""
        with suppress(WaitTimeoutError):
            self.stack.wait_for(condition, what, timeout=3600 / self.stack.pace.factor)
        self.stack.check_pace()

    def wait_until_scraped(self) -> None:
        count = len(self.runs) + len(self.children)
        steps = 'model_steps_total{split="train"} > 20 or model_steps_total{run="failed"} > 0'
        self.wait(lambda: len(self.stack.prometheus.query(steps)) == count, "every run is scraped")

    def wait_until_delivered(self, run: str, name: str, status: str) -> None:
        def delivered() -> bool:
            alerts = self.receiver.alerts(status)
            return any(alert.name == name and alert.labels.get("run") == run for _, alert in alerts)

        self.wait(delivered, f"{name} of {run} is {status}")

    def break_everything(self) -> None:
        for run in self.runs.values():
            run.broken.set()
        self.children["killed"].kill()
        stdin = self.children["failed"].stdin
        assert stdin is not None
        stdin.write("fail\n")
        stdin.flush()

    def repair(self) -> None:
        for run in self.runs.values():
            run.broken.clear()

    def remove_target(self, run: str) -> None:
        for file in self.stack.discovery_dir.glob(f"digits-linear-{run}-*@*.json"):
            file.unlink()

    def end(self) -> None:
        for run in self.runs.values():
            run.end()
        for child in self.children.values():
            child.kill()
            child.communicate()


@contextmanager
def world(pace: Pace) -> Iterator[World]:
    with WebhookReceiver() as receiver, Stack(webhook_url=receiver.url, pace=pace) as stack:
        one = World(stack, receiver)
        try:
            yield one
        finally:
            one.end()


def tell(pace: Pace) -> Record:
    """The whole story: all runs are healthy, all but one break, the healthy one ends, four are repaired."""
    record = Record()
    with world(pace) as it:
        it.wait_until_scraped()
        it.break_everything()
        it.runs["healthy"].end()
        finished = 'last_over_time(model_run_state{run="healthy",state="finished"}[5m]) == 1'
        it.wait(lambda: it.stack.prometheus.query(finished), "the end was scraped")
        it.wait(lambda: not it.stack.prometheus.query('up{run="healthy"}'), "its target is gone")
        record.finished = bool(it.stack.prometheus.query(finished))
        for run, alert in (REPAIRED | ENDED).items():
            it.wait_until_delivered(run, alert, "firing")
        record.repaired = time.time()
        it.repair()
        record.removed = time.time()
        it.remove_target("killed")
        for run, alert in (*REPAIRED.items(), ("killed", ENDED["killed"])):
            it.wait_until_delivered(run, alert, "resolved")
        it.wait(it.stack.evaluated_for(LONGEST_WAIT / pace.factor + 2), "time for a late alert")
        record.alerts = it.receiver.alerts()
    return record


@pytest.fixture(scope="module")
def record() -> Record:
    return at_a_pace_that_holds(tell, PACE)


@pytest.mark.parametrize(("run", "alert"), REPAIRED.items())
def test_a_fault_raises_its_alert_which_resolves_once_the_fault_is_repaired(
    record: Record, run: str, alert: str
) -> None:
    assert any(at < record.repaired for at in record.times(run, alert, "firing"))
    assert any(at > record.repaired for at in record.times(run, alert, "resolved"))


def test_a_run_that_ends_by_an_exception_raises_an_alert_that_names_the_exception(record: Record) -> None:
    (alert, *_) = (alert for _, alert in record.alerts if alert.name == "ModelRunFailed")
    assert alert.labels["run"] == "failed"
    assert "ValueError" in alert.annotations["description"]


def test_a_killed_run_raises_vanished_which_resolves_when_its_target_is_removed(record: Record) -> None:
    assert any(at < record.removed for at in record.times("killed", "ModelRunVanished", "firing"))
    assert any(at > record.removed for at in record.times("killed", "ModelRunVanished", "resolved"))


def test_a_run_that_ends_cleanly_is_seen_to_finish_and_raises_no_alert(record: Record) -> None:
    assert record.finished
    assert record.delivered("healthy") == set()


def test_an_alert_that_only_follows_from_the_cause_is_not_delivered(record: Record) -> None:
    """At most two alerts for one cause: the collapsed recall of a class may be delivered with the low score, or too late."""
    explained = {
        "nan": {"ModelLossNonFinite"},
        "degraded": {"ModelScoreBelowThreshold", "ModelClassRecallCollapsed"},
        "drifting": {"ModelFeaturesDrifted", "ModelFeatureDrift"},
        "stuck": {"ModelStuck"},
        "failed": {"ModelRunFailed"},
        "killed": {"ModelRunVanished"},
    }
    for run, alert in (REPAIRED | ENDED).items():
        assert {alert} <= record.delivered(run) <= explained[run], run
