"""A run that survives its process."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.waiting import PATIENCE, wait_until
from traingauge import Drift, Endpoint, ModelMonitor, Reference, ReferenceRun, Scoring, State
from traingauge.cli.main import main
from traingauge.core import step_log
from traingauge.core.collectors.scores import RECORDS
from traingauge.core.step_log import BLOCK_ROWS
from traingauge.errors import (
    DamagedFileError,
    InvalidArgumentError,
    InvalidTypeError,
    StateInUseError,
    StateMismatchError,
)
from traingauge.state.store import newest

#: What a process knows of itself alone, and what time makes of it.
OWN = (
    "model_run_info",
    "model_last_step",
    "model_last_activity",
    "model_run_state",
    "model_run_end",
    "model_restarts",
    "model_run_resumed",
    "model_monitor",
    "model_state",
)


def start(directory, **arguments):
    return ModelMonitor(
        "m", delivery=[Endpoint(discovery_dir=False, linger=0)], state=State(directory), **arguments
    )


def train(run, steps, seed=0, features=True):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        x = rng.normal(size=(32, 3))
        y = rng.integers(0, 3, 32)
        p = rng.dirichlet([1, 1, 1], 32)
        run.step(rng.random(), y, p, x if features else None, gradient_norm=rng.random(), entropy=0.5)


def kept(values):
    return {key: value for key, value in values.items() if not key[0].startswith(OWN)}


@pytest.mark.parametrize("window", [200, 100_000])
def test_a_resumed_run_reads_what_it_read_before(tmp_path, readings, window):
    reference = Reference.from_data(np.random.default_rng(1).normal(size=(500, 3)))
    more = {"drift": Drift(reference, window=window), "run": "r"}
    with start(tmp_path, **more) as run:
        train(run, 130)
        run.evaluate("validation", loss=0.5, y_true=[0, 1, 2], y_pred=[0, 1, 1])
        run.end_epoch()
        before, history, rows = kept(readings(run)), run.history, run.rows()
    with start(tmp_path, **more) as again:
        assert kept(readings(again)) == pytest.approx(before, nan_ok=True)
        assert again.history == history
        for name, values in again.rows().items():
            np.testing.assert_array_equal(values, rows[name])


def test_a_resumed_run_continues_as_if_it_had_never_stopped(tmp_path, readings):
    with start(tmp_path / "one", run="r", reference=None) as run:
        train(run, 60, seed=1)
        train(run, 60, seed=2)
        whole = kept(readings(run))
    for seed in (1, 2):
        with start(tmp_path / "two", run="r") as run:
            train(run, 60, seed=seed)
            parts = kept(readings(run))
    timed = ("model_step_", "model_run_start", "model_loss_best_timestamp", "model_signal")
    assert {key: value for key, value in parts.items() if not key[0].startswith(timed)} == pytest.approx(
        {key: value for key, value in whole.items() if not key[0].startswith(timed)}, nan_ok=True
    )


def test_the_run_s_name_is_that_of_the_state_and_restarts_are_counted(tmp_path, read):
    names, restarts = [], []
    for _ in range(3):
        with start(tmp_path) as run:
            names.append(run.run)
            restarts.append(read(run, "model_restarts_total"))
    assert len(set(names)) == 1
    assert restarts == [0, 1, 2]


def test_a_process_that_resumes_the_run_says_when_it_did_and_one_that_began_it_does_not(tmp_path, read):
    name = "model_run_resumed_timestamp_seconds"
    with start(tmp_path) as run:
        assert read(run, name) is None
    before = time.time()
    with start(tmp_path) as run:
        assert read(run, "model_run_start_timestamp_seconds") < before <= read(run, name) <= time.time()


def test_training_that_goes_back_to_a_checkpoint_takes_the_history_with_it_and_no_counter(tmp_path, read):
    with start(tmp_path) as run:
        for _ in range(2):
            train(run, 50)
            run.evaluate("validation", loss=0.5)
    with start(tmp_path) as run:
        run.resume_at(60)
        assert read(run, "model_step") == 60
        assert read(run, "model_steps_total", split="train") == 100
        assert run.history["val_loss"] == [0.5]
        train(run, 10)
        assert read(run, "model_step") == 70
        assert read(run, "model_steps_total", split="train") == 110
        assert run.rows()["step"].tolist() == list(range(1, 71))
        assert dict(run.curves.items())["loss", "train"].table[:, 0].tolist() == [25, 50]


def test_a_resumed_run_is_compared_with_the_reference_where_it_went_back_to(tmp_path, read):
    with ModelMonitor("m", delivery=[]) as good:
        for step in range(200):
            good.step(1 - step / 200, samples=32)
    with start(tmp_path, reference_run=ReferenceRun.record(good)) as run:
        for step in range(150):
            run.step(1 - step / 200, samples=32)
    with start(tmp_path, reference_run=ReferenceRun.record(good)) as run:
        run.resume_at(50)
        for step in range(50, 100):
            run.step(1 - step / 200, samples=32)
        assert read(run, "model_expected", metric="loss", split="train") == pytest.approx(0.56, abs=0.02)
        assert abs(read(run, "model_deviation", metric="loss", split="train")) < 1


def test_what_no_checkpoint_can_have_is_refused(tmp_path):
    with start(tmp_path) as run:
        with pytest.raises(InvalidArgumentError, match="at least 0"):
            run.resume_at(-1)
        with pytest.raises(InvalidTypeError, match="whole number"):
            run.resume_at(1.5)


ANOTHER_PROCESS = """
import sys
from traingauge import ModelMonitor, State
ModelMonitor("m", delivery=[], state=State(sys.argv[1]))
"""


def test_a_directory_in_use_or_of_another_run_is_refused_and_left_alone(tmp_path):
    with start(tmp_path, run="r") as run:
        train(run, 3)
        done = subprocess.run(
            [sys.executable, "-c", ANOTHER_PROCESS, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "StateInUseError" in done.stderr
        assert str(os.getpid()) in done.stderr
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StateMismatchError, match="'r'"):
        start(tmp_path, run="other")
    with pytest.raises(StateMismatchError, match="model 'm'"):
        ModelMonitor("n", delivery=[], state=State(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    start(tmp_path, run="r").close()


WINDOWS = """
import os, sys
sys.modules["fcntl"] = None  # what Windows lacks
del os.register_at_fork, os.fork
from traingauge import ModelMonitor, State
with ModelMonitor("m", delivery=[]) as run:
    run.step(loss=1.0)
try:
    ModelMonitor("m", state=State(sys.argv[1]), delivery=[])
except RuntimeError as error:
    print(error)
"""


def test_where_files_cannot_be_locked_a_state_is_refused_and_a_run_without_one_works(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS, str(tmp_path / "state")], capture_output=True, text=True, check=True
    )
    assert "a state directory needs the file locks of POSIX" in done.stdout
    assert not (tmp_path / "state").exists()


def test_a_damaged_copy_falls_back_says_so_and_is_counted(tmp_path, read, caplog):
    for steps in (5, 7):
        with start(tmp_path) as run:
            train(run, steps)
    last = max(tmp_path.glob("state-*.zip"))
    last.write_bytes(last.read_bytes()[:-100])
    with start(tmp_path) as run:
        assert 5 <= read(run, "model_steps_total", split="train") <= 12
        assert read(run, "model_monitor_errors_total", reason="state") == 1
    assert "is damaged" in caplog.text
    for path in tmp_path.glob("state-*.zip"):
        path.write_bytes(b"nonsense")
    with pytest.raises(DamagedFileError, match="start over"):
        start(tmp_path)


def test_a_collector_whose_state_does_not_fit_starts_over_and_the_others_continue(tmp_path, read):
    with start(tmp_path) as run:
        train(run, 5)
    with start(tmp_path, scoring=Scoring(classes=["cat", "dog", "owl"])) as run:
        assert read(run, "model_steps_total", split="train") == 5
        assert read(run, "model_accuracy", split="train") is None
        assert read(run, "model_monitor_errors_total", reason="state") == 1


def test_a_long_run_keeps_all_its_steps_on_disk_and_few_in_memory(tmp_path):
    steps = 3 * BLOCK_ROWS + 10
    with start(tmp_path) as run:
        for step in range(steps):
            run.step(loss=float(step))
        run.collector.families()
        wait_until(lambda: not run.session.queue._drain.step_log.blocks(), "the rows to be saved")
        assert np.array_equal(run.rows()["loss"], np.arange(float(steps)))
    with start(tmp_path) as run:
        assert np.array_equal(run.rows()["loss"], np.arange(float(steps)))


def test_more_steps_between_two_saves_than_memory_keeps_without_a_disk_are_all_there(tmp_path):
    steps = step_log.ROWS_KEPT + 3 * BLOCK_ROWS
    for rounds in (1, 2):
        with ModelMonitor("m", delivery=[], state=State(tmp_path, save_every=3600)) as run:
            for step in range(steps):
                run.step(loss=float(step))
            assert len(run.rows()["step"]) == rounds * steps


def test_rows_that_the_disk_does_not_take_in_time_are_given_up_counted_and_shown(
    tmp_path, read, monkeypatch, capsys
):
    answers, hangs, sync = threading.Event(), threading.Event(), os.fsync

    def fsync(descriptor):
        hangs.set()
        answers.wait()
        sync(descriptor)

    monkeypatch.setattr(step_log, "MOST_BYTES", 50 * BLOCK_ROWS)
    monkeypatch.setattr(os, "fsync", fsync)
    with start(tmp_path) as run:
        hangs.wait(PATIENCE)
        try:
            for step in range(4 * BLOCK_ROWS):
                run.step(loss=float(step))
            run.rows()
        finally:
            answers.set()
        lost = read(run, "model_monitor_errors_total", reason="state")
        assert lost >= 2
        kept = run.rows()["loss"]
        assert kept[-1] == 4 * BLOCK_ROWS - 1
        assert read(run, "model_monitor_dropped_rows_total", reason="disk") == 4 * BLOCK_ROWS - len(kept)
    main(["state", "show", str(tmp_path)])
    shown = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert int(shown["Rows given up"]) == 4 * BLOCK_ROWS - len(kept) > 0


def test_a_log_stays_within_its_bytes_and_the_rows_that_it_loses_are_shown(tmp_path, read, capsys):
    rng = random.Random(3)
    for _ in range(5):
        with ModelMonitor("m", delivery=[], state=State(tmp_path, log_bytes=1 << 20)) as run:
            for _ in range(BLOCK_ROWS):
                run.step(loss=rng.random(), one=rng.random(), two=rng.random(), three=rng.random())
        kept = len(run.rows()["step"])
    with ModelMonitor("m", delivery=[], state=State(tmp_path, log_bytes=1 << 20)) as run:
        assert read(run, "model_monitor_dropped_rows_total", reason="limit") == 5 * BLOCK_ROWS - kept
    main(["state", "show", str(tmp_path)])
    shown = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert int(shown["Rows given up"]) == 5 * BLOCK_ROWS - kept > 0
    assert int(shown["Rows, train"]) == kept


def test_a_save_does_not_grow_with_the_passes_before_it(tmp_path):
    def size():
        return max(tmp_path.glob("state-*.zip")).stat().st_size

    sizes, history = [], []
    for _ in range(3):
        with ModelMonitor("m", delivery=[], state=State(tmp_path)) as run:
            assert run.history.get("val_loss", []) == history
            for number in range(300):
                run.step(loss=0.5)
                run.evaluate("validation", loss=float(number))
            history = run.history["val_loss"]
        sizes.append(size())
    assert len(history) == 900
    assert sizes[2] - sizes[1] < 8 * 300, "not even a number a pass"


@pytest.mark.parametrize("spoil", ["remove", "damage"])
def test_rows_whose_file_is_damaged_are_left_out_and_that_is_counted_and_said(
    spoil, tmp_path, read, capsys, caplog
):
    for first in (0, 10):
        with start(tmp_path) as run:
            for step in range(first, first + 10):
                run.step(loss=float(step))
    segment = tmp_path / "rows-00000001.log"
    segment.unlink() if spoil == "remove" else segment.write_bytes(segment.read_bytes()[:-200])
    with start(tmp_path) as run:
        assert run.rows()["loss"].tolist() == list(range(10, 20))
        assert read(run, "model_monitor_errors_total", reason="state") >= 1
    assert main(["state", "show", str(tmp_path)]) == 0
    assert "rows are left out" in caplog.text


def test_rows_after_the_copy_that_is_resumed_are_left_out_as_the_counters_do_not_count_them(tmp_path, read):
    for first in (0, 10, 20):
        with start(tmp_path) as run:
            for step in range(first, first + 10):
                run.step(loss=float(step))
        if first == 0:
            kept = max(tmp_path.glob("state-*.zip")).read_bytes()
    for path in tmp_path.glob("state-*.zip"):
        path.write_bytes(b"nonsense")
    (tmp_path / "state-00000001.zip").write_bytes(kept)
    with start(tmp_path) as run:
        run.step(loss=100.0)
        assert run.rows()["loss"].tolist() == [*range(10), 100]
        assert read(run, "model_steps_total", split="train") == 11
    with start(tmp_path) as run:
        assert run.rows()["loss"].tolist() == [*range(10), 100]


def test_what_a_killed_process_left_unfinished_is_swept_by_the_next(tmp_path):
    (tmp_path / ".state-00000004.zip.x1y2z3_4").write_bytes(b"half of it")
    start(tmp_path).close()
    assert not list(tmp_path.rglob(".*"))


def test_files_of_others_in_the_directory_are_never_touched(tmp_path):
    (tmp_path / "deep").mkdir()
    theirs = [
        ".project.zip.a8kd2fx1",
        "deep/.state-00000004.zip.a8kd2fx1",
        "lock",
        "history",
        ".state-1.zip.part",
    ]
    for name in theirs:
        (tmp_path / name).write_text("precious")
    with start(tmp_path) as run:
        train(run, 3)
    assert [(tmp_path / name).read_text() for name in theirs] == ["precious"] * len(theirs)


def test_an_error_is_logged_in_each_process_of_a_run_not_only_in_the_first(tmp_path, read, caplog):
    for process in (1, 2):
        caplog.clear()
        with start(tmp_path) as run:
            run.session.guard.report("alert", RuntimeError("cannot be sent"))
            assert read(run, "model_monitor_errors_total", reason="alert") == process
        assert caplog.text.count("monitoring failed (alert)") == 1


def test_a_disk_that_hangs_neither_blocks_a_step_nor_the_end_of_the_run(tmp_path, read, monkeypatch):
    answers, hangs, sync = threading.Event(), threading.Event(), os.fsync

    def fsync(descriptor):
        hangs.set()
        answers.wait()
        sync(descriptor)

    monkeypatch.setattr("traingauge.state.saver.CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(os, "fsync", fsync)
    try:
        run = start(tmp_path)
        hangs.wait(PATIENCE)
        run.step(loss=0.5)
        run.close()
        assert read(run, "model_monitor_errors_total", reason="state") == 1
        with pytest.raises(StateInUseError):  # the thread that hangs may still write
            start(tmp_path)
    finally:
        answers.set()
    saving = [thread for thread in threading.enumerate() if thread.name == "traingauge-state"]
    for thread in saving:
        thread.join(PATIENCE)


def test_rows_become_a_frame_by_step(tmp_path):
    with start(tmp_path) as run:
        assert run.frame("test").empty
        train(run, 30)
        frame = run.frame()
    assert frame.index.tolist() == list(range(1, 31))
    assert frame["accuracy"].notna().tolist() == [step == 25 for step in range(1, 31)]
    assert {"time", "samples", "seconds", "loss", "gradient_norm", "entropy", "recall"} <= set(frame.columns)


TRAINING = """
import sys, time
from traingauge import Endpoint, ModelMonitor, State
run = ModelMonitor(
    "m", run="r", state=State(sys.argv[1], save_every=0.1), delivery=[Endpoint(discovery_dir=False)]
)
print(run.url, flush=True)
step = 0
while True:
    run.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1], samples=2)
    step += 1
    print(flush=True)
    if step % 50 == 0:
        run.evaluate("validation", loss=0.5, y_true=[0, 1], y_pred=[0, 1])
    time.sleep(0.0005)
"""


def test_a_kill_at_any_moment_loses_and_doubles_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.state.kills", "8", "--seed", "7"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 steps" not in done.stdout


def scraped_steps(url):
    for line in requests.get(f"{url}/metrics", timeout=PATIENCE).text.splitlines():
        if line.startswith("model_steps_total") and 'split="train"' in line:
            return float(line.rpartition(" ")[2])
    raise AssertionError


def wait_for_more_steps(url, than):
    def more():
        steps = scraped_steps(url)
        return steps if steps > than else None

    return wait_until(more, "more steps")


def wait_for_a_save(directory, after):
    def saved():
        found = newest(directory, RECORDS)
        return found is not None and found.saved > after

    wait_until(saved, "the state to be saved")


def test_counters_do_not_fall_behind_what_was_scraped_before_a_kill(tmp_path):
    last = 0.0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        url = process.stdout.readline().strip()
        first = scraped_steps(url)
        assert first >= last
        last = wait_for_more_steps(url, first)
        wait_for_a_save(tmp_path, time.time())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


LIMITED = """
import resource, sys
from traingauge import ModelMonitor, State
from traingauge.testing import samples
run = ModelMonitor("m", run="r", state=State(sys.argv[1], save_every=0.1), delivery=[])
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
for _ in range(100):
    run.step(loss=1.0)
run.close()
found = samples(run.collector.families())
print(
    found["model_steps_total", frozenset([("split", "train")])],
    found["model_monitor_errors_total", frozenset([("reason", "state")])],
)
"""


def test_a_full_disk_is_counted_and_training_continues(tmp_path):
    with start(tmp_path, run="r") as run:
        train(run, 3)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    steps, errors = map(float, done.stdout.split())
    assert steps == 103
    assert errors >= 1
    assert "training continues" in done.stderr
    assert newest(tmp_path, RECORDS).tree["progress"]["steps"]["train"] >= 3
    assert not list(tmp_path.glob(".*"))


def test_without_a_state_directory_nothing_is_said_of_one(read, readings):
    with ModelMonitor("m", delivery=[]) as run:
        assert read(run, "model_restarts_total") is None
        assert math.isfinite(read(run, "model_step"))
        assert not [name for name, _ in readings(run) if name.startswith("model_state")]
