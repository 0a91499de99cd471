"""Signs of life, and what a run is busy with."""

from __future__ import annotations

import threading
import time

import pytest

from tests.waiting import Clock
from traingauge import ModelMonitor, State
from traingauge.core.collectors.activity import NAME_CAP
from traingauge.errors import ClosedError, InvalidArgumentError, InvalidTypeError

HOUR = 3600.0


@pytest.fixture
def unix(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a test puts forward, and Unix time with it."""
    ahead = time.time() - clock()
    monkeypatch.setattr(time, "time", lambda: clock() + ahead)
    return clock


@pytest.fixture
def monitor(unix):
    with ModelMonitor("m", delivery=[]) as monitor:
        yield monitor


@pytest.fixture
def silence(monitor, read):
    """Seconds since the last sign of life."""
    return lambda: time.time() - read(monitor, "model_last_activity_timestamp_seconds")


@pytest.fixture
def left(monitor, read):
    """Seconds until the deadline of what the run is busy with; ``None`` if it is not."""

    def left(what):
        deadline = read(monitor, "model_busy_deadline_timestamp_seconds", what=what)
        return None if deadline is None else deadline - time.time()

    return left


def test_a_run_that_gave_no_sign_of_life_publishes_none(monitor, read):
    assert read(monitor, "model_last_activity_timestamp_seconds") is None


SIGNS = {
    "a step": lambda monitor: monitor.step(loss=0.5),
    "a checkpoint": lambda monitor: monitor.checkpointed(),
    "the end of an epoch": lambda monitor: monitor.end_epoch(),
    "a pass": lambda monitor: monitor.evaluate("test", loss=0.5),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_what_a_run_records_is_a_sign_of_life(monitor, unix, silence, sign):
    monitor.step(loss=0.5)
    unix.forward += HOUR
    assert silence() == pytest.approx(HOUR, abs=60)
    SIGNS[sign](monitor)
    assert silence() == pytest.approx(0, abs=60)


def test_each_batch_of_an_evaluation_is_a_sign_of_life(monitor, unix, silence):
    monitor.step(loss=0.5)
    with monitor.evaluation("validation") as evaluation:
        for _ in range(3):
            unix.forward += HOUR
            evaluation.update(loss=0.5)
            assert silence() == pytest.approx(0, abs=60)


def test_each_batch_of_a_watched_loader_is_a_sign_of_life(monitor, unix, silence):
    for _ in monitor.watch(range(3)):
        assert silence() == pytest.approx(0, abs=60)
        unix.forward += HOUR


def test_a_loader_that_hangs_gives_no_sign_of_life(monitor, unix, silence):
    def hangs():
        yield 1
        unix.forward += HOUR
        assert silence() == pytest.approx(HOUR, abs=60)
        yield 2

    for _ in monitor.watch(hangs()):
        pass


def test_a_run_that_is_busy_is_alive_until_its_deadline(monitor, unix, silence, left):
    with monitor.busy("upload", at_most=HOUR):
        assert left("upload") == pytest.approx(HOUR, abs=60)
        unix.forward += HOUR / 2
        assert (silence(), left("upload")) == pytest.approx((0, HOUR / 2), abs=60)
        unix.forward += HOUR
        assert (silence(), left("upload")) == pytest.approx((HOUR / 2, -HOUR / 2), abs=60)
    assert silence() == pytest.approx(0, abs=60)
    assert left("upload") is None


def test_an_exception_ends_it_and_is_raised(monitor, left):
    with pytest.raises(KeyError, match="of the script"), monitor.busy("upload", at_most=HOUR):
        raise KeyError("of the script")
    assert left("upload") is None


def test_inside_of_another_the_later_deadline_counts(monitor, unix, silence, left):
    with monitor.busy("checkpoint", at_most=2 * HOUR):
        with monitor.busy("upload", at_most=HOUR), monitor.busy("upload", at_most=HOUR / 2):
            assert left("upload") == pytest.approx(HOUR, abs=60)
        assert left("upload") is None
        unix.forward += 1.5 * HOUR
        assert silence() == pytest.approx(0, abs=60)


def test_a_thread_may_be_busy_while_another_trains(monitor, left):
    done = threading.Event()
    entered = threading.Event()

    def upload():
        with monitor.busy("upload", at_most=HOUR):
            entered.set()
            done.wait(HOUR)

    thread = threading.Thread(target=upload)
    thread.start()
    assert entered.wait(HOUR)
    monitor.step(loss=0.5)
    assert left("upload") is not None
    done.set()
    thread.join()
    assert left("upload") is None


def test_the_time_is_no_part_of_the_next_step(monitor, unix):
    monitor.step(loss=0.5)
    with monitor.busy("upload", at_most=HOUR):
        unix.forward += HOUR
    monitor.step(loss=0.5)
    assert monitor.rows()["seconds"][-1] < HOUR / 2


def nested(monitor):
    with monitor.busy("copy", at_most=HOUR):
        pass


@pytest.mark.parametrize("record", [*(SIGNS[sign] for sign in SIGNS if sign != "a step"), nested])
def test_the_time_is_no_part_of_the_next_step_whatever_is_recorded_meanwhile(monitor, unix, record):
    monitor.step(loss=0.5)
    with monitor.busy("upload", at_most=2 * HOUR):
        record(monitor)
        unix.forward += HOUR
    monitor.step(loss=0.5)
    assert monitor.rows()["seconds"][-1] < HOUR / 2


def test_the_time_of_threads_that_overlap_is_no_part_of_the_next_step(monitor, unix):
    monitor.step(loss=0.5)
    first, second = (monitor.busy(what, at_most=3 * HOUR) for what in ("upload", "copy"))
    for inside in (first.__enter__, second.__enter__):
        inside()
        unix.forward += HOUR
    for one in (first, second):
        one.__exit__(None, None, None)
        unix.forward += HOUR / 10
    monitor.step(loss=0.5)
    assert monitor.rows()["seconds"][-1] < HOUR / 5


def test_steps_that_another_thread_takes_meanwhile_keep_their_duration(monitor, unix):
    with monitor.busy("upload", at_most=2 * HOUR):
        monitor.step(loss=0.5)
        unix.forward += HOUR
    monitor.step(loss=0.5)
    assert monitor.rows()["seconds"][-1] == pytest.approx(HOUR, abs=60)


def test_names_beyond_the_cap_are_published_as_other(monitor, left):
    for number in range(NAME_CAP):
        with monitor.busy(f"upload {number}", at_most=HOUR):
            pass
    with monitor.busy("one more", at_most=HOUR), monitor.busy("upload 0", at_most=HOUR):
        assert left("one more") is None
        assert left("other") is not None
        assert left("upload 0") is not None


def test_a_run_that_has_ended_cannot_be_busy(monitor):
    monitor.close()
    with pytest.raises(ClosedError), monitor.busy("upload", at_most=HOUR):
        pass


def test_a_run_may_end_while_it_is_busy(monitor):
    with monitor.busy("upload", at_most=HOUR):
        monitor.close("failed")
    assert monitor.state == "failed"


@pytest.mark.parametrize(
    ("what", "at_most", "error", "says"),
    [
        ("", 60, InvalidArgumentError, "what is ''"),
        (3, 60, InvalidTypeError, "what is 3"),
        ("upload", None, InvalidTypeError, "at_most is None: expected a number"),
        ("upload", 0, InvalidArgumentError, "at_most is 0.0: expected at least 1 seconds"),
        ("upload", float("inf"), InvalidArgumentError, "at_most is inf"),
    ],
)
def test_what_does_not_fit_raises(monitor, what, at_most, error, says):
    with pytest.raises(error, match=says):
        monitor.busy(what, at_most=at_most)


def test_a_run_that_resumes_has_given_no_sign_of_life_yet(tmp_path, read):
    for _ in range(2):
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=[]) as monitor:
            assert read(monitor, "model_last_activity_timestamp_seconds") is None
            monitor.step(loss=0.5)


def test_monitoring_that_is_switched_off_is_busy_with_nothing(monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    with ModelMonitor("m") as monitor, monitor.busy("upload", at_most=HOUR):
        pass
    assert monitor.state == "finished"
