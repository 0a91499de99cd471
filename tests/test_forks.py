"""A forked child leaves the parent's run alone, says so, and never waits for a thread that it does not have."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.waiting import PATIENCE, finished, wait_until
from traingauge import Endpoint, ModelMonitor, State, forks
from traingauge.core.guard import Guard
from traingauge.delivery.outbox import Alert, Outbox
from traingauge.errors import StateInUseError
from traingauge.state.lock import Lock

Reading = Callable[..., float | None]


def in_child(work: Callable[[], Any]) -> Any:
    """What a function returns in a forked child; fails if it raises or hangs there."""
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(receiver)
            with os.fdopen(sender, "wb") as pipe:
                pipe.write(pickle.dumps(work()))
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as pipe:
        found = finished(pipe.read)
    os.waitpid(pid, 0)
    assert found, "it raised in the child"
    return pickle.loads(found)


@pytest.fixture
def monitor():
    with ModelMonitor("m", delivery=[]) as made:
        yield made


def train(monitor: ModelMonitor) -> None:
    for _ in range(10):
        monitor.step(loss=1.0)


class Noting:
    """Notes what a fork does with it."""

    def __init__(self, name: str, noted: list[str]) -> None:
        self.name, self.noted = name, noted

    def hold(self, at_most: float) -> Callable[[], None]:
        self.noted.append(f"hold {self.name}")
        return lambda: self.noted.append(f"release {self.name}")

    def leave_to_parent(self) -> None:
        self.noted.append(f"leave {self.name}")


def test_what_is_held_first_is_released_last_and_in_the_child_once_all_is_left_to_the_parent() -> None:
    noted: list[str] = []
    kept = [Noting("a", noted), Noting("b", noted)]
    for one in kept:
        forks.hold_during_forks(one)
        forks.leave_to_parent_after_fork(one)
    held, released = ["hold a", "hold b"], ["release b", "release a"]
    assert in_child(lambda: noted) == [*held, "leave a", "leave b", *released]
    assert noted == [*held, *released]


class Failing(Noting):
    """Raises wherever a fork comes to it, until it is mended."""

    mended = False

    def hold(self, at_most: float) -> Callable[[], None]:
        super().hold(at_most)
        return self._fail

    def leave_to_parent(self) -> None:
        self._fail()

    def _fail(self) -> None:
        if not self.mended:
            raise OSError("it cannot be closed")


def test_what_cannot_be_left_to_the_parent_or_released_keeps_nothing_else_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # it would keep what has failed
    noted: list[str] = []
    kept = [Noting("a", noted), failing := Failing("b", noted), Noting("c", noted)]
    for one in kept:
        forks.hold_during_forks(one)
        forks.leave_to_parent_after_fork(one)
    held, released = ["hold a", "hold b", "hold c"], ["release c", "release a"]
    assert in_child(lambda: noted) == [*held, "leave a", "leave c", *released]
    assert noted == [*held, *released]
    failing.mended = True  # what it has raised may keep it until the garbage is collected


def test_steps_in_the_child_are_counted_there_and_said_once(
    monitor: ModelMonitor, read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    train(monitor)

    def work() -> tuple[Any, Any, str]:
        train(monitor)
        monitor.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])
        monitor.evaluate("validation", loss=1.0)
        counted = read(monitor, "model_monitor_errors_total", reason="step")
        return counted, read(monitor, "model_steps_total", split="train"), caplog.text

    counted, steps, said = in_child(work)
    assert counted == 12
    assert steps == 10, "those before the fork"
    assert said.count("monitoring failed (step): this process is a fork") == 1
    assert read(monitor, "model_monitor_errors_total", reason="step") == 0


def test_the_parent_records_as_before(monitor: ModelMonitor, read: Reading) -> None:
    train(monitor)
    in_child(lambda: train(monitor))
    train(monitor)
    assert read(monitor, "model_steps_total", split="train") == 20


def test_what_was_recorded_before_the_fork_can_be_read_in_the_child(monitor: ModelMonitor) -> None:
    train(monitor)
    assert in_child(lambda: list(monitor.rows()["loss"])) == [1.0] * 10


def test_closing_in_the_child_does_not_end_the_run(tmp_path: Path) -> None:
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=tmp_path)]) as monitor:
        in_child(monitor.close)
        assert list(tmp_path.glob("*.json"))
        assert requests.get(f"{monitor.url}/healthz", timeout=PATIENCE).ok
        assert monitor.state == "running"


def test_a_child_that_reads_the_run_never_hangs_while_the_parent_is_scraped(tmp_path: Path) -> None:
    done = threading.Event()
    endpoint = Endpoint(discovery_dir=False)
    with ModelMonitor("m", delivery=[endpoint], state=State(tmp_path, save_every=0.1)) as monitor:

        def scrape() -> None:
            while not done.is_set():
                requests.get(f"{monitor.url}/metrics", timeout=PATIENCE)

        scrapers = [threading.Thread(target=scrape) for _ in range(3)]
        for thread in scrapers:
            thread.start()
        for _ in range(30):
            train(monitor)
            rows, families = in_child(
                lambda: (len(monitor.rows()["loss"]), len(monitor.collector.families()))
            )
            assert rows
            assert families
        done.set()
        for thread in scrapers:
            thread.join()


def test_a_reading_that_hangs_delays_a_fork_for_a_while_only_and_not_the_child(
    monitor: ModelMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(monitor)
    monkeypatch.setattr(forks, "HOLD_SECONDS", 0.01)
    held, over = threading.Event(), threading.Event()

    def hang() -> None:
        with monitor._recorder.queue.held():
            held.set()
            over.wait(PATIENCE)

    thread = threading.Thread(target=hang)
    thread.start()
    held.wait(PATIENCE)
    assert in_child(lambda: len(monitor.rows()["loss"])) == 10
    over.set()
    thread.join()


def test_a_monitor_that_the_child_makes_records_there_and_has_an_endpoint_of_its_own() -> None:
    def work() -> tuple[str, str]:
        with ModelMonitor("m", run="child", delivery=[Endpoint(discovery_dir=False)]) as own:
            own.step(loss=3.0)
            return own.url, requests.get(f"{own.url}/metrics", timeout=PATIENCE).text

    with ModelMonitor("m", run="parent", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        url, text = in_child(work)
        assert url.rpartition("/")[0] != monitor.url.rpartition("/")[0]
    assert 'model_loss{model="m",run="child",split="train"} 3.0' in text


def test_the_state_directory_is_free_once_the_parent_is_done_though_a_child_lives(tmp_path: Path) -> None:
    first = ModelMonitor("m", delivery=[], state=State(tmp_path))
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(sender)
        os.read(receiver, 1)
        os._exit(0)
    try:
        first.close()
        ModelMonitor("m", delivery=[], state=State(tmp_path)).close()
    finally:
        os.close(sender)
        os.close(receiver)
        os.waitpid(pid, 0)


def test_the_state_directory_is_free_even_if_a_child_has_not_closed_its_copy_yet(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "traingauge.lock")
    copy = os.dup(lock._descriptor)  # shares the lock, as the copy of a child does
    lock.release()
    Lock(tmp_path / "traingauge.lock").release()
    os.close(copy)


def test_the_state_directory_stays_in_use_when_a_child_closes_its_copy(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "traingauge.lock")
    in_child(lambda: None)
    with pytest.raises(StateInUseError):
        Lock(tmp_path / "traingauge.lock")
    lock.release()


def test_an_alert_of_the_child_is_delivered_by_it_and_those_that_wait_by_the_parent() -> None:
    posted: list[str] = []
    hangs = threading.Event()

    def post(alerts: Any) -> None:
        posted.extend(dict(alert.labels)["alertname"] for alert in alerts)
        if posted == ["Parent"]:
            hangs.wait(PATIENCE)

    changed = threading.Condition()
    outbox = Outbox(post, Guard(), changed)
    outbox.put(Alert((("alertname", "Parent"),), (), 0.0, 1.0))
    wait_until(lambda: posted)

    def work() -> list[str]:
        posted.clear()
        outbox.restart(threading.Condition())
        outbox.put(Alert((("alertname", "Child"),), (), 0.0, 1.0))
        wait_until(lambda: outbox.is_empty)
        return posted

    assert in_child(work) == ["Child"]
    hangs.set()
    wait_until(lambda: outbox.is_empty)
    outbox.close()
