"""The one object that a training script needs: from its start to its end."""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer

from tests.waiting import FOREVER, PATIENCE, Clock, finished, wait_until
from traingauge import Alertmanager, Drift, Endpoint, ModelMonitor, Reference, Scoring, State
from traingauge.core.collectors import Setup
from traingauge.core.collectors.loss import Loss
from traingauge.core.recorder import Recorder
from traingauge.errors import (
    ClosedError,
    InvalidArgumentError,
    InvalidTypeError,
    LabelError,
    PortInUseError,
    ReferenceMismatchError,
    ShapeError,
    TrainGaugeError,
    UnknownNameError,
)
from traingauge.process.names import new_name
from traingauge.process.runs import live_runs
from traingauge.testing import Broken, samples

Reading = Callable[..., float | None]


@pytest.fixture
def monitor() -> Any:
    with ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=False)]) as made:
        yield made


# The start


def test_port_0_picks_a_free_one_and_says_which(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "traingauge"),
        ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor,
    ):
        assert requests.get(f"{monitor.url}/healthz", timeout=PATIENCE).text == "ok\n"
        assert monitor.url in caplog.text
        assert monitor.url in repr(monitor)


def test_a_taken_port_is_an_error_that_names_it_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=rf"port {port} on 127.0.0.1 is in use: .*port=0") as raised:
            ModelMonitor("m", delivery=[Endpoint(port=port, discovery_dir=False)])
    assert isinstance(raised.value, OSError)


def test_two_monitors_in_one_process_serve_their_own_runs() -> None:
    with (
        ModelMonitor("m", run="1", delivery=[Endpoint(discovery_dir=False)]) as one,
        ModelMonitor("m", run="2", delivery=[Endpoint(discovery_dir=False)]) as two,
    ):
        one.step(loss=1.0)
        two.step(loss=2.0)
        texts = [requests.get(f"{monitor.url}/metrics", timeout=PATIENCE).text for monitor in (one, two)]
    assert 'model_loss{model="m",run="1",split="train"} 1.0\n' in texts[0]
    assert 'run="2"' not in texts[0]
    assert 'model_loss{model="m",run="2",split="train"} 2.0\n' in texts[1]


def test_it_listens_on_the_loopback_only_by_default(monitor: ModelMonitor) -> None:
    assert monitor.url.startswith("http://127.0.0.1:")


def test_runs_that_start_at_one_moment_get_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.localtime()
    monkeypatch.setattr(time, "localtime", lambda *at: now)
    names = {new_name() for _ in range(10_000)}
    assert len(names) == 10_000
    with ModelMonitor("m", delivery=[]) as one, ModelMonitor("m", delivery=[]) as two:
        assert one.run != two.run


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model": ""}, InvalidArgumentError, "model is ''"),
        ({"model": "a\nb"}, InvalidArgumentError, "printable"),
        ({"model": 3}, InvalidTypeError, "expected a name or a model of keras"),
        ({"run": 3}, InvalidTypeError, "run is 3: expected a name"),
        (
            {"scoring": {"window": 50}},
            InvalidTypeError,
            "scoring is a dict: expected a Scoring, as Scoring\\(",
        ),
        ({"drift": {"window": 50}}, InvalidTypeError, "drift is a dict: expected a Drift"),
        ({"reference": "a.reference"}, InvalidTypeError, "Drift.reference is a str: expected a Reference"),
        (
            {"delivery": Endpoint()},
            InvalidTypeError,
            r"delivery is a Endpoint: expected a list .* \[Endpoint\(\)\]",
        ),
        (
            {"delivery": [Endpoint]},
            InvalidTypeError,
            r"delivery\[0\] is Endpoint: expected a delivery, as Endpoint\(\)",
        ),
        (
            {"alerts": "http://a"},
            InvalidTypeError,
            "alerts is a str: expected an Alertmanager, as Alertmanager",
        ),
        ({"state": "runs/m"}, InvalidTypeError, r"state is a str: expected a State, as State\("),
        ({"warmup_steps": -1}, InvalidArgumentError, "warmup_steps is -1"),
        ({"total_steps": 1.5}, InvalidTypeError, "total_steps is 1.5: expected a whole number"),
        ({"thresholds": {"acuracy": 0.9}}, UnknownNameError, "'acuracy'"),
    ],
)
def test_a_wrong_argument_says_at_once_what_was_given_and_what_fits(
    arguments: dict[str, Any], error: type, says: str
) -> None:
    before = set(threading.enumerate())
    with pytest.raises(error, match=says) as raised:
        ModelMonitor(**{"model": "m", "delivery": [Endpoint(discovery_dir=False)]} | arguments)
    assert isinstance(raised.value, TrainGaugeError)
    assert set(threading.enumerate()) <= before, "nothing was left running"


def test_a_reference_and_drift_at_once_are_refused() -> None:
    reference = Reference.from_data([[0.0], [1.0]])
    with pytest.raises(InvalidArgumentError, match="reference and drift were both given"):
        ModelMonitor("m", reference=reference, drift=Drift(reference), delivery=[])


def test_a_monitor_that_cannot_start_leaves_its_state_directory_to_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortInUseError):
        ModelMonitor(
            "m",
            state=State(tmp_path),
            delivery=[Endpoint(port=taken.getsockname()[1], discovery_dir=False)],
        )
    ModelMonitor("m", state=State(tmp_path), delivery=[]).close()


def test_a_monitor_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    def kept() -> set[object]:
        return {*os.listdir("/proc/self/fd"), *threading.enumerate()}  # noqa: PTH208

    before, runs = kept(), list(live_runs)
    for _ in range(3):
        with pytest.raises(InvalidArgumentError, match="broken"):
            ModelMonitor(
                "m",
                state=State(tmp_path / "state"),
                alerts=Alertmanager("http://127.0.0.1:9"),
                delivery=[
                    Endpoint(discovery_dir=tmp_path / "targets"),
                    Broken("start", InvalidArgumentError("broken")),
                ],
            )
    wait_until(lambda: kept() <= before)  # what earlier tests left may end meanwhile
    assert not list((tmp_path / "targets").iterdir())
    assert list(live_runs) == runs


# Steps


def test_a_step_takes_any_subset_of_what_there_is(monitor: ModelMonitor, read: Reading) -> None:
    monitor.step()
    monitor.step(loss=0.5)
    monitor.step(y_true=[0, 1], y_pred=[0, 1])
    monitor.step(learning_rate=0.1, entropy=2.0)
    monitor.step(samples=7)
    assert read(monitor, "model_steps_total", split="train") == 5
    assert read(monitor, "model_samples_total", split="train") == 9
    assert read(monitor, "model_loss", split="train") == 0.5
    assert read(monitor, "model_learning_rate") == 0.1
    assert read(monitor, "model_scalar", name="entropy", split="train") == 2.0


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=120))
def test_the_window_statistics_are_those_of_numpy_over_the_last_steps(losses: list[float]) -> None:
    recorder = Recorder(Setup(Scoring(window=50)))
    for loss in losses:
        recorder.step(loss, None, None, None, None, 0, {})
    published = {family.metric.name: family.values for family in recorder.reader.families()}
    window = np.array(losses[-50:])
    assert list(published["model_loss"]) == [losses[-1]]
    assert list(published["model_loss_best"]) == [min(losses)]
    assert list(published["model_loss_window_min"]) == [window.min()]
    assert list(published["model_loss_window_max"]) == [window.max()]
    assert list(published["model_loss_window_mean"]) == pytest.approx([window.mean()], rel=1e-12)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_nonfinite_loss_is_published_and_counted_and_stays_counted(
    monitor: ModelMonitor, read: Reading, loss: float
) -> None:
    monitor.step(loss=1.0)
    monitor.step(loss=loss)
    assert str(read(monitor, "model_loss", split="train")) == str(loss)
    monitor.step(loss=2.0)
    assert read(monitor, "model_nonfinite_total", split="train", signal="loss") == 1
    assert read(monitor, "model_loss_window_mean", split="train") == 1.5


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"loss": [1.0, 2.0]}, ShapeError, r"loss has shape \(2,\): expected one number"),
        ({"loss": "low"}, InvalidTypeError, "loss is 'low': expected a number"),
        ({"entropy": "high"}, InvalidTypeError, "entropy is 'high'"),
        ({"scalars": {"a b": 1}}, InvalidTypeError, "each number is a keyword of its own, which .. unpacks"),
        ({"y_true": [0, 1], "y_pred": [0]}, ShapeError, "2"),
        ({"y_true": [0, 1]}, TrainGaugeError, "y_pred"),
        ({"sample_weight": [1.0]}, TrainGaugeError, "y_true"),
    ],
)
def test_a_wrong_step_says_what_was_given_and_records_nothing(
    monitor: ModelMonitor, read: Reading, arguments: dict[str, Any], error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        monitor.step(**arguments)
    assert read(monitor, "model_steps_total", split="train") == 0


def test_a_label_out_of_range_is_named_with_the_classes() -> None:
    with (
        ModelMonitor("m", scoring=Scoring(classes=3), delivery=[]) as monitor,
        pytest.raises(LabelError, match="7"),
    ):
        monitor.step(y_true=[0, 7], y_pred=[0, 1])


def test_an_empty_batch_and_none_are_no_steps_to_be_afraid_of(monitor: ModelMonitor, read: Reading) -> None:
    monitor.step(loss=None, y_true=[], y_pred=[], entropy=None)
    monitor.step(y_true=np.empty(0, int), y_pred=np.empty((0, 3)))
    assert read(monitor, "model_steps_total", split="train") == 2
    assert read(monitor, "model_loss", split="train") is None


def test_nan_predictions_are_counted_and_never_scored(monitor: ModelMonitor, read: Reading) -> None:
    monitor.step(y_true=[0, 1, 1], y_pred=[0.1, math.nan, 0.9])
    assert read(monitor, "model_nonfinite_total", split="train", signal="prediction") == 1
    assert read(monitor, "model_accuracy", split="train") == 1.0
    assert read(monitor, "model_samples_total", split="train") == 3


def test_an_array_that_the_caller_reuses_does_not_change_what_was_recorded(
    monitor: ModelMonitor, read: Reading
) -> None:
    true, predicted = np.array([0, 1]), np.array([0, 1])
    monitor.step(y_true=true, y_pred=predicted)
    predicted[:] = 1 - predicted
    assert read(monitor, "model_accuracy", split="train") == 1.0


def test_the_step_after_an_evaluation_does_not_count_the_evaluations_time(
    clock: Clock, monitor: ModelMonitor, read: Reading
) -> None:
    monitor.step(loss=1.0)
    monitor.step(loss=1.0)
    clock.forward += FOREVER
    monitor.evaluate("validation", loss=1.0)
    monitor.step(loss=1.0)
    total = read(monitor, "model_step_duration_seconds_sum", split="train")
    assert total is not None
    assert total < FOREVER


def test_steps_of_many_threads_are_all_counted(monitor: ModelMonitor, read: Reading) -> None:
    def train() -> None:
        for _ in range(3000):
            monitor.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])

    threads = [threading.Thread(target=train) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        requests.get(f"{monitor.url}/metrics", timeout=PATIENCE)
    assert read(monitor, "model_steps_total", split="train") == 12000
    assert read(monitor, "model_class_true_positives_total", split="train", **{"class": "1"}) == 12000


# Drift


def test_features_are_compared_with_the_reference(read: Reading) -> None:
    data = load_breast_cancer()
    reference = Reference.from_data(data.data, feature_names=data.feature_names.tolist())
    with ModelMonitor("m", drift=Drift(reference, window=569), delivery=[]) as monitor:
        monitor.step(features=data.data)
        clean = read(monitor, "model_features_drifted")
        shifted = data.data.copy()
        shifted[:, 0] += 2 * data.data[:, 0].std()
        monitor.step(features=shifted)
        assert (clean, read(monitor, "model_features_drifted")) == (0.0, 1.0)
        drift = read(monitor, "model_feature_drift", feature="mean radius", statistic="psi")
        assert drift is not None
        assert drift > 0.2


def test_a_calibrated_reference_brings_its_own_thresholds_and_window(read: Reading) -> None:
    data = load_breast_cancer()
    reference = Reference.from_data(data.data[:, :3], feature_names=["a", "b", "c"])
    calibrated = reference.calibrate(window=200, false_alarm_rate=0.05)
    with ModelMonitor("m", reference=calibrated, thresholds={"accuracy": 0.9}, delivery=[]) as monitor:
        monitor.step(features=data.data[:200, :3])
        labels = {"metric": "feature_drift", "severity": "warning"}
        for name in "abc":
            threshold = read(monitor, "model_threshold", feature=name, **labels)
            assert threshold is not None
            assert threshold > 0
        assert read(monitor, "model_threshold", metric="accuracy", severity="warning") == 0.9
    with pytest.raises(ReferenceMismatchError, match="expected 200, which the reference is calibrated for"):
        ModelMonitor("m", drift=Drift(calibrated, window=100), delivery=[])


def test_labels_and_predictions_are_compared_with_the_references(read: Reading) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    reference = Reference.from_data(x, y_true=y, y_pred=y)
    with ModelMonitor("m", drift=Drift(reference, window=len(y)), delivery=[]) as monitor:
        monitor.step(features=x, y_true=y, y_pred=np.ones_like(y))
        same = read(monitor, "model_label_drift", statistic="psi")
        changed = read(monitor, "model_prediction_drift", statistic="psi")
        assert same is not None
        assert changed is not None
        assert same < 0.1 < changed


def test_columns_that_are_not_the_references_are_counted_and_arrays_that_cannot_be_are_refused(
    read: Reading,
) -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0], "weight": [3.0, 4.0]})
    with ModelMonitor("m", reference=Reference.from_data(frame), delivery=[], strict=True) as monitor:
        monitor.step(features=frame.rename(columns={"weight": "height"}))
        assert read(monitor, "model_features_missing") == 1
        assert read(monitor, "model_features_extra") == 1
        with pytest.raises(ReferenceMismatchError, match="3"):
            monitor.step(features=np.zeros((4, 3)))


# Evaluation


def test_an_evaluation_is_published_all_at_once_and_replaces_the_last(
    monitor: ModelMonitor, read: Reading
) -> None:
    monitor.evaluate("validation", loss=0.5, y_true=[0, 1], y_pred=[0, 0])
    with monitor.evaluation("validation") as evaluation:
        evaluation.update(loss=0.4, y_true=[0, 1], y_pred=[0, 1])
        assert read(monitor, "model_accuracy", split="validation") == 0.5
    assert read(monitor, "model_accuracy", split="validation") == 1.0
    assert read(monitor, "model_epochs_total", split="validation") == 2


def test_the_loss_of_a_pass_is_the_mean_over_its_samples(monitor: ModelMonitor) -> None:
    with monitor.evaluation("test") as evaluation:
        evaluation.update(loss=1.0, samples=30)
        evaluation.update(loss=4.0, samples=10)
    assert monitor.history["test_loss"] == [1.75]


def test_an_evaluation_that_breaks_off_is_not_published(monitor: ModelMonitor) -> None:
    def broken() -> None:
        with monitor.evaluation("test") as evaluation:
            evaluation.update(loss=1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert monitor.history == {}


@pytest.mark.parametrize("split", ["train", "valid", ""])
def test_another_split_is_refused_with_the_known_ones(monitor: ModelMonitor, split: str) -> None:
    with pytest.raises(UnknownNameError, match="expected one of 'validation', 'test'"):
        monitor.evaluate(split, loss=1.0)


def test_history_has_no_entry_for_a_loss_that_was_never_published_and_one_for_a_loss_that_was_nan(
    monitor: ModelMonitor,
) -> None:
    monitor.step(entropy=2.0, y_true=[0, 1], y_pred=[0, 1])
    monitor.end_epoch()
    assert "loss" not in monitor.history
    assert monitor.history["accuracy"] == [1.0]
    monitor.step(loss=math.nan)
    monitor.end_epoch()
    assert [math.isnan(loss) for loss in monitor.history["loss"]] == [True]
    assert len(monitor.history["accuracy"]) == 2


def test_history_holds_what_was_published_at_the_end_of_each_epoch(monitor: ModelMonitor) -> None:
    for epoch in range(3):
        monitor.step(loss=9.0, y_true=[0, 1], y_pred=[0, 0])
        monitor.step(loss=float(epoch), y_true=[0, 1], y_pred=[0, 1])
        monitor.evaluate("validation", loss=epoch + 0.5)
        monitor.end_epoch()
    history = monitor.history
    assert history["loss"] == [0.0, 1.0, 2.0]
    assert history["val_loss"] == [0.5, 1.5, 2.5]
    assert history["accuracy"] == [0.75] * 3


def test_checkpoints_are_counted_and_saving_one_is_no_part_of_a_step(
    clock: Clock, monitor: ModelMonitor, read: Reading
) -> None:
    monitor.step(loss=1.0)
    clock.forward += FOREVER
    monitor.checkpointed()
    monitor.step(loss=1.0)
    assert read(monitor, "model_checkpoints_total") == 1
    total = read(monitor, "model_step_duration_seconds_sum", split="train")
    assert total is not None
    assert total < FOREVER


def test_watched_batches_come_through_unchanged_and_their_waits_are_recorded(
    monitor: ModelMonitor, read: Reading
) -> None:
    def slow() -> Any:
        for batch in ("a", "b"):
            time.sleep(0.05)
            yield batch

    assert list(monitor.watch(slow())) == ["a", "b"]
    assert read(monitor, "model_data_wait_seconds_count", split="train") == 2
    waited = read(monitor, "model_data_wait_seconds_sum", split="train")
    assert waited is not None
    assert waited >= 0.1


# The end


def test_leaving_the_with_finishes_the_run_and_frees_the_port() -> None:
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        port = urlsplit(monitor.url).port
    assert monitor.state == "finished"
    with socket.create_server(("127.0.0.1", port)):
        pass


def info(monitor: ModelMonitor) -> dict[str, str]:
    (labels,) = [labels for name, labels in samples(monitor.collector.families()) if name == "model_run_info"]
    return dict(labels)


def test_an_exception_fails_the_run_is_named_and_propagates() -> None:
    monitor = ModelMonitor("m", delivery=[])
    with pytest.raises(ZeroDivisionError), monitor:
        raise ZeroDivisionError
    assert monitor.state == "failed"
    assert info(monitor)["exception"] == "ZeroDivisionError"


def test_ctrl_c_interrupts_the_run() -> None:
    monitor = ModelMonitor("m", delivery=[])
    with pytest.raises(KeyboardInterrupt), monitor:
        raise KeyboardInterrupt
    assert monitor.state == "interrupted"
    assert "exception" not in info(monitor)


@pytest.mark.parametrize(
    ("code", "state"), [(0, "finished"), (None, "finished"), (1, "failed"), ("bad", "failed")]
)
def test_sys_exit_ends_the_run_by_its_code(code: object, state: str) -> None:
    monitor = ModelMonitor("m", delivery=[])
    with pytest.raises(SystemExit), monitor:
        sys.exit(code)  # type: ignore[arg-type]
    assert monitor.state == state


def test_closing_twice_keeps_the_first_state() -> None:
    monitor = ModelMonitor("m", delivery=[])
    monitor.close("failed")
    monitor.close()
    assert monitor.state == "failed"


def test_a_step_after_the_end_is_refused() -> None:
    monitor = ModelMonitor("m", delivery=[])
    monitor.close()
    with pytest.raises(ClosedError, match="the run is finished"):
        monitor.step(loss=1.0)


def scrape_as_prometheus(url: str) -> str:
    as_prometheus = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}
    return requests.get(f"{url}/metrics", headers=as_prometheus, timeout=PATIENCE).text


def scrape_and_let_it_be_noted(url: str) -> None:
    scrape_as_prometheus(url)
    requests.get(
        f"{url}/healthz", timeout=PATIENCE
    )  # one thread answers: it notes the scrape before this request


def test_a_scraped_run_stays_until_its_end_was_scraped(tmp_path: Path) -> None:
    monitor = ModelMonitor("m", delivery=[Endpoint(discovery_dir=tmp_path, linger=FOREVER)])
    scrape_and_let_it_be_noted(monitor.url)
    finished(monitor.close)
    assert monitor.state == "finished"
    assert list(tmp_path.glob("*.json")), "it is still announced"
    assert 'state="finished"} 1.0' in scrape_as_prometheus(monitor.url)
    wait_until(lambda: not list(tmp_path.glob("*.json")), "the end of the run")


def test_the_wait_for_the_last_scrape_is_bounded() -> None:
    monitor = ModelMonitor("m", delivery=[Endpoint(discovery_dir=False, linger=0.2)])
    scrape_and_let_it_be_noted(monitor.url)
    finished(monitor.close)


def test_a_run_that_was_never_scraped_ends_at_once() -> None:
    monitor = ModelMonitor("m", delivery=[Endpoint(discovery_dir=False, linger=FOREVER)])
    requests.get(f"{monitor.url}/metrics", timeout=PATIENCE)  # a person looking is no Prometheus
    finished(monitor.close)


# Scripts, as processes of their own

SCRIPT = """
import atexit, os, signal, sys
from traingauge import Endpoint, ModelMonitor
from traingauge.testing import InMemory

published = InMemory()

def tell():
    if published.ended:
        found = published.samples()
        (state,) = [dict(labels)["state"] for name, labels in found if name == "model_run_state" and found[name, labels]]
        (info,) = [dict(labels) for name, labels in found if name == "model_run_info"]
        print(state, info.get("exception", ""))

atexit.register(tell)  # before the monitor, so that it runs after it
monitor = ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir={directory!r}), published])
{body}
"""


@pytest.mark.parametrize(
    ("body", "told", "left"),
    [
        ("monitor.step(loss=1.0)", "finished", 0),
        ("raise ValueError", "failed ValueError", 0),
        ("os.kill(os.getpid(), signal.SIGINT)\nsignal.pause()", "interrupted", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", "", 1),
        (
            "pid = os.fork()\nif pid == 0: sys.exit()\nos.waitpid(pid, 0); assert os.listdir({directory!r})",
            "finished",
            0,
        ),
    ],
)
def test_the_end_of_the_interpreter_ends_the_run_and_only_a_crash_leaves_the_discovery_file(
    tmp_path: Path, body: str, told: str, left: int
) -> None:
    script = SCRIPT.format(directory=str(tmp_path), body=body.format(directory=str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.strip() == told, done.stderr
    assert len(list(tmp_path.glob("*.json"))) == left


# What fails inside


def test_a_discovery_directory_that_cannot_be_written_is_counted_and_training_continues(
    tmp_path: Path, read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=blocked / "targets")]) as monitor:
        monitor.step(loss=1.0)
        assert read(monitor, "model_monitor_errors_total", reason="discovery") == 1
    assert "monitoring failed (discovery)" in caplog.text


def test_a_full_disk_is_counted_and_training_continues(read: Reading) -> None:
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir="/dev/full")]) as monitor:
        monitor.step(loss=1.0)
        assert read(monitor, "model_monitor_errors_total", reason="discovery") == 1


class BrokenTensor:
    """A device tensor whose value can no longer be read."""

    is_cpu = False

    def detach(self) -> BrokenTensor:
        return self

    def clone(self) -> BrokenTensor:
        return self

    def numel(self) -> int:
        return 1

    def __float__(self) -> float:
        raise RuntimeError("device lost")


def test_a_loss_that_cannot_be_read_is_counted_and_the_steps_are_counted_all_the_same(
    monitor: ModelMonitor, read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.step(loss=BrokenTensor())
    monitor.end_epoch()
    monitor.step(loss=2.0)
    assert read(monitor, "model_steps_total", split="train") == 2
    assert read(monitor, "model_loss", split="train") == 2.0
    assert read(monitor, "model_monitor_errors_total", reason="digest") == 1
    assert caplog.text.count("device lost") >= 1


def test_a_collector_that_cannot_be_read_does_not_affect_the_others(
    monitor: ModelMonitor, read: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor.step(loss=1.0)

    def broken(part: Loss) -> Any:
        raise RuntimeError("broken part")

    monkeypatch.setattr(Loss, "families", broken)
    assert read(monitor, "model_loss", split="train") is None
    assert read(monitor, "model_steps_total", split="train") == 1
    assert read(monitor, "model_monitor_errors_total", reason="scrape") == 3  # this reading's own included


def test_a_lost_endpoint_does_not_stop_training(monitor: ModelMonitor, read: Reading) -> None:
    monitor._deliveries.close()
    monitor.step(loss=1.0)
    assert read(monitor, "model_loss", split="train") == 1.0
