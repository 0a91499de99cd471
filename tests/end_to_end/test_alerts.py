"""From a training loop to a person: exporter, Prometheus, shipped rules, Alertmanager, webhook; and back to quiet.

All runs train at the same time, beside one that is healthy. They are real loops on real data; the servers are real, too.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from traingauge import ModelMonitor, Reference
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

FACTOR = 30.0

pytestmark = pytest.mark.servers

PIXELS, DIGITS = load_digits(return_X_y=True)


class Run:
    """A training loop in a thread: a linear classifier on digits, a fault that a test switches on and off."""

    def __init__(self, name: str, discovery_dir: Path) -> None:
        self.name = name
        self.sick = threading.Event()
        self._over = threading.Event()
        self._discovery_dir = discovery_dir
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
            discovery_dir=self._discovery_dir,
            reference=reference,
            window=20,
            drift_window=500,
            thresholds={"accuracy": {"warning": 0.8, "critical": 0.6}},
        ) as monitor:
            while not self._over.wait(0.05):
                if self.name == "stuck" and self.sick.is_set():
                    continue
                chosen = random.choice(len(DIGITS), 64)
                images, digits = PIXELS[chosen], DIGITS[chosen]
                if self.name == "drifting" and self.sick.is_set():
                    images = np.roll(images, 2, axis=1)
                predicted = model.predict(PIXELS[chosen])
                if self.name == "degraded" and self.sick.is_set():
                    predicted = (predicted + 1) % 10
                loss = float(np.mean(predicted != digits))
                if self.name == "nan" and self.sick.is_set():
                    loss = float("nan")
                monitor.step(loss=loss, y_true=digits, y_pred=predicted, features=images)


CHILD = """
import sys, time
from traingauge import ModelMonitor
with ModelMonitor("digits-linear", run=sys.argv[1], discovery_dir=sys.argv[2]) as monitor:
    for _ in range(100_000):
        monitor.step(loss=1.0)
        time.sleep(0.05)
        if sys.argv[1] == "failed" and sys.stdin.readline() == "fail\\n":
            raise ValueError("out of data")
"""


class World:
    """The servers, the runs, and what was told."""

    def __init__(self, stack: Stack, receiver: WebhookReceiver) -> None:
        self.stack, self.receiver = stack, receiver
        names = ("healthy", "nan", "degraded", "drifting", "stuck")
        self.runs = {name: Run(name, stack.discovery_dir) for name in names}
        self.children = {name: self._child(name) for name in ("failed", "killed")}

    def _child(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, name, str(self.stack.discovery_dir)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_until_scraped(self) -> None:
        count = len(self.runs) + len(self.children)
        steps = 'model_steps_total{split="train"} > 20 or model_steps_total{run="failed"} > 0'
        self.stack.wait_for(lambda: len(self.stack.prometheus.query(steps)) == count, "every run is scraped")

    def make_sick(self) -> None:
        for run in self.runs.values():
            run.sick.set()
        self.children["killed"].kill()
        stdin = self.children["failed"].stdin
        assert stdin is not None
        stdin.write("fail\n")
        stdin.flush()

    def told(self, run: str, status: str) -> set[str]:
        return {alert.name for _, alert in self.receiver.alerts(status) if alert.labels.get("run") == run}

    def wait_until_told(self, run: str, name: str, status: str, *, timeout: float = 60) -> None:
        what = f"{name} of {run} is told to be {status}"
        self.stack.wait_for(lambda: name in self.told(run, status), what, timeout=timeout)

    def end(self) -> None:
        for run in self.runs.values():
            run.end()
        for child in self.children.values():
            child.kill()
            child.communicate()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with WebhookReceiver() as receiver, Stack(webhook_url=receiver.url, factor=FACTOR) as stack:
        world = World(stack, receiver)
        try:
            world.wait_until_scraped()
            world.make_sick()
            yield world
        finally:
            world.end()


MENDED = [
    ("nan", "ModelLossNonFinite"),
    ("degraded", "ModelScoreBelowThreshold"),
    ("drifting", "ModelFeaturesDrifted"),
    ("stuck", "ModelStuck"),
]


@pytest.mark.parametrize(("run", "alert"), MENDED)
def test_a_sick_run_is_told_and_once_it_is_mended_so_is_its_recovery(
    world: World, run: str, alert: str
) -> None:
    world.wait_until_told(run, alert, "firing")
    world.runs[run].sick.clear()
    world.wait_until_told(run, alert, "resolved")


def test_a_run_that_ends_by_an_exception_is_told_with_the_exceptions_name(world: World) -> None:
    world.wait_until_told("failed", "ModelRunFailed", "firing")
    alert = next(alert for _, alert in world.receiver.alerts("firing") if alert.name == "ModelRunFailed")
    assert "ValueError" in alert.annotations["description"]


def test_a_killed_run_is_told_as_vanished_and_resolves_when_its_target_is_taken_away(world: World) -> None:
    world.wait_until_told("killed", "ModelRunVanished", "firing")
    for file in world.stack.discovery_dir.glob("digits-linear-killed@*.json"):
        file.unlink()
    world.wait_until_told("killed", "ModelRunVanished", "resolved")


def test_a_cleanly_ended_run_was_seen_to_finish_and_pages_nobody(world: World) -> None:
    before = len(world.receiver.alerts("firing"))
    world.runs["healthy"].end()
    finished = 'last_over_time(model_run_state{run="healthy",state="finished"}[5m]) == 1'
    world.stack.wait_for(lambda: world.stack.prometheus.query(finished), "the end was scraped")
    gone = 'up{run="healthy"}'
    world.stack.wait_for(lambda: not world.stack.prometheus.query(gone), "its target is gone")
    longest_wait = 300 / FACTOR  # ModelExporterDown waits five minutes
    quiet_until = time.monotonic() + longest_wait + 2
    world.stack.wait_for(lambda: time.monotonic() > quiet_until, "nothing is told for a while")
    assert world.told("healthy", "firing") == set()
    assert [
        a.labels for _, a in world.receiver.alerts("firing")[before:] if a.labels.get("run") == "healthy"
    ] == []


def test_nobody_is_told_of_what_follows_from_the_cause(world: World) -> None:
    """At most two alerts for one cause: the collapse of classes may be told beside that of the score, or not in time."""
    explained = {
        "nan": {"ModelLossNonFinite"},
        "degraded": {"ModelScoreBelowThreshold", "ModelClassRecallCollapsed"},
        "drifting": {"ModelFeaturesDrifted", "ModelFeatureDrift"},
        "stuck": {"ModelStuck"},
        "failed": {"ModelRunFailed"},
        "killed": {"ModelRunVanished"},
    }
    mains = {**dict(MENDED), "failed": "ModelRunFailed", "killed": "ModelRunVanished"}
    for run, alert in mains.items():
        world.wait_until_told(run, alert, "firing")
        assert world.told(run, "firing") <= explained[run], run
