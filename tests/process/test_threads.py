"""A thread that dies has trained a run if the frames of its exception hold the run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import PATIENCE
from traingauge import ModelMonitor

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Trainer:
    def __init__(self, monitor: ModelMonitor) -> None:
        self.callbacks = [{"monitor": monitor}]

    def train(self) -> None:
        raise ValueError


def by_argument(monitor: ModelMonitor) -> Callable[[], None]:
    def loop(given: ModelMonitor) -> None:
        given.step(loss=1.0)
        raise ValueError

    return lambda: loop(monitor)


def by_closure(monitor: ModelMonitor) -> Callable[[], None]:
    def loop() -> None:
        monitor.step(loss=1.0)
        raise ValueError

    return loop


def by_method(monitor: ModelMonitor) -> Callable[[], None]:
    step = monitor.step

    def loop() -> None:
        step(loss=1.0)
        raise ValueError

    return loop


def by_attribute(monitor: ModelMonitor) -> Callable[[], None]:
    return Trainer(monitor).train


def side_job(monitor: ModelMonitor) -> Callable[[], None]:
    def upload() -> None:
        raise ValueError

    return upload


def dies(monitor: ModelMonitor, job: Callable[[ModelMonitor], Callable[[], None]]) -> None:
    monitor.step(loss=1.0)
    thread = threading.Thread(target=job(monitor))
    thread.start()
    thread.join()


@pytest.mark.parametrize("job", [by_argument, by_closure, by_method, by_attribute])
def test_a_run_whose_training_thread_died_has_failed(job: Any) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        dies(monitor, job)
    assert monitor.state == "failed"


def test_a_thread_that_did_something_else_does_not_end_the_run() -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        dies(monitor, side_job)
    assert monitor.state == "finished"


def test_a_thread_of_another_run_does_not_end_this_one() -> None:
    with ModelMonitor("m", run="1", delivery=[]) as one, ModelMonitor("m", run="2", delivery=[]) as two:
        dies(one, by_closure)
    assert (one.state, two.state) == ("failed", "finished")


def test_training_that_another_thread_carries_on_has_not_failed() -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        dies(monitor, by_closure)
        monitor.step(loss=1.0)
    assert monitor.state == "finished"


def test_a_thread_that_exits_with_a_code_fails_its_run_and_one_without_does_not() -> None:
    states = []
    for code in (1, 0):
        with ModelMonitor("m", delivery=[]) as monitor:

            def loop(monitor: ModelMonitor = monitor, code: int = code) -> None:
                raise SystemExit(code)

            dies(monitor, lambda _, loop=loop: loop)  # type: ignore[misc]
        states.append(monitor.state)
    assert states == ["failed", "finished"]


TRAINS_ON = """
    import atexit, threading
    from traingauge import ModelMonitor

    stepped, last = threading.Event(), []

    def train():
        try:
            while True:
                {step}
                stepped.set()
        finally:
            last.append("its finally has run")

    thread = threading.Thread(target=train, daemon=True)
    atexit.register(lambda: (thread.join({patience}), print(thread.is_alive(), *last)))  # after the runs have ended
    monitor = ModelMonitor("m", delivery=[])
    thread.start()
    stepped.wait({patience})
"""


@pytest.mark.parametrize(
    "step",
    ["monitor.step(loss=1.0)", "monitor.busy('upload', at_most=60).__enter__()", "monitor.end_epoch()"],
)
def test_a_daemon_thread_that_trains_while_the_process_exits_ends_without_a_word(step: str) -> None:
    script = textwrap.dedent(TRAINS_ON.format(step=step, patience=PATIENCE))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=3 * PATIENCE, check=True
    )
    assert (done.stdout, done.stderr) == ("False its finally has run\n", "")
