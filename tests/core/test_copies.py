"""What happens to a monitor that tools copy: one process has one, and another process gets a stand-in."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, clone

from tests.waiting import PATIENCE
from traingauge import (
    Adwin,
    Alertmanager,
    Canary,
    Cusum,
    Drift,
    Endpoint,
    Ewma,
    ModelMonitor,
    PageHinkley,
    Reference,
    ReferenceRun,
    RobustZ,
    Scoring,
    State,
)

Reading = Callable[..., float | None]
COPIES = [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_in_the_process_is_the_monitor(copied: Callable[[Any], Any]) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        assert copied(monitor) is monitor
        assert copied({"callbacks": [monitor]})["callbacks"][0] is monitor
        assert copied(monitor.session) is monitor.session


class Estimator(BaseEstimator):
    """Reports to a monitor, as the callback of a boosting library does."""

    def __init__(self, callback: Any = None) -> None:
        self.callback = callback


class Callback:
    def __init__(self, monitor: ModelMonitor) -> None:
        self.monitor = monitor


def test_an_estimator_that_is_cloned_reports_to_the_same_run(read: Reading) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        for _ in range(3):
            clone(Estimator(Callback(monitor))).callback.monitor.step(loss=1.0)
        assert read(monitor, "model_steps_total", split="train") == 3


def test_a_loader_that_is_watched_can_be_copied(read: Reading) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        assert list(copy.deepcopy(monitor.watch([1, 2]))) == [1, 2]
        assert read(monitor, "model_data_wait_seconds_count", split="train") == 2


ELSEWHERE = """
import pickle, sys
first, second = pickle.load(sys.stdin.buffer)
assert first is second
first.step(loss=1.0)
first.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])
first.evaluate("validation", loss=1.0)
list(first.watch([1, 2]))
first.send_alert("Audit", "Something.")
with first:
    first.end_epoch()
print(first.model, first.run, first.url, first.rows(), first.history)
"""


def test_a_copy_in_another_process_takes_everything_records_nothing_and_says_so_once() -> None:
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        monitor.step(loss=1.0)
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            input=pickle.dumps((monitor, monitor)),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.stdout.decode().strip() == "digits r1 None {} {}", done.stderr.decode()
    said = done.stderr.decode().splitlines()
    assert len(said) == 1
    assert "a copy of the monitor of run r1 of digits has reached process" in said[0]


def _train(monitor: ModelMonitor, steps: Any) -> None:
    monitor.step(loss=1.0)
    steps.put(monitor.rows())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_may_be_given_the_monitor_however_it_is_started(method: str, read: Reading) -> None:
    context = multiprocessing.get_context(method)
    steps = context.Queue()
    with ModelMonitor("m", delivery=[]) as monitor:
        worker = context.Process(target=_train, args=(monitor, steps))
        worker.start()
        assert steps.get(timeout=PATIENCE) == {}
        worker.join()
        assert worker.exitcode == 0
        assert read(monitor, "model_steps_total", split="train") == 0


REFERENCE = Reference.from_data([[0.0], [1.0]])


def settings() -> list[Any]:
    return [
        Scoring(classes=["a", "b"]),
        Drift(REFERENCE),
        Endpoint(links={"Code": "http://a"}, discovery_dir=False, linger=1.0),
        State("runs/m"),
        Alertmanager("http://a"),
        REFERENCE,
        Canary.record("m", lambda x: x, [1.0, 2.0]),
    ]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("setting", settings(), ids=lambda one: type(one).__name__)
def test_what_a_monitor_is_made_with_can_be_copied(setting: Any, copied: Callable[[Any], Any]) -> None:
    assert repr(copied(setting)) == repr(setting)


@pytest.mark.parametrize("copied", COPIES)
def test_detectors_can_be_copied(copied: Callable[[Any], Any]) -> None:
    detectors = [Adwin(), Cusum(), Ewma(), PageHinkley(), RobustZ()]
    with ModelMonitor("m", detectors=copied(detectors), delivery=[]) as monitor:
        monitor.step(loss=1.0)


@pytest.mark.parametrize("copied", COPIES)
def test_what_a_monitor_has_recorded_can_be_copied(copied: Callable[[Any], Any], tmp_path: Path) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.evaluate("validation", loss=1.0)
        for step in range(200):
            monitor.step(loss=1.0 + step)
        monitor.end_epoch()
        assert copied(monitor.history) == monitor.history
        assert list(copied(monitor.rows())["loss"]) == list(monitor.rows()["loss"])
        assert copied(ReferenceRun.record(monitor)).model == "m"
