"""Everything that was recorded, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge import ModelMonitor, State
from traingauge.core.step_log import SEGMENT_ROWS, SEGMENTS_KEPT, StepLog


def nothing(number):
    raise AssertionError(f"segment {number} is read")


def add(history, steps, **columns):
    history.add("train", {"step": np.array(steps, dtype=float), **columns}, {})


def test_rows_come_back_in_their_order_with_nan_where_there_is_no_value():
    history = StepLog()
    add(history, [1, 2], loss=np.array([0.5, 0.4]))
    history.add("train", {"step": np.array([3.0, 4.0])}, {"accuracy": 0.9})
    found = history.columns("train", nothing)
    assert list(found) == ["step", "loss", "accuracy"]
    np.testing.assert_array_equal(found["loss"], [0.5, 0.4, np.nan, np.nan])
    np.testing.assert_array_equal(found["accuracy"], [np.nan, np.nan, np.nan, 0.9])
    assert history.columns("test", nothing) == {}


def test_without_a_disk_the_last_segments_stay_and_memory_is_bounded():
    history = StepLog()
    rows = (SEGMENTS_KEPT + 4) * SEGMENT_ROWS
    for start in range(0, rows, 1024):
        add(history, np.arange(start, start + 1024))
    found = history.columns("train", lambda number: {})["step"]
    assert len(found) == SEGMENTS_KEPT * SEGMENT_ROWS
    assert found[-1] == rows - 1
    assert len(history.sealed()) == SEGMENTS_KEPT


def test_segments_on_disk_are_read_from_there():
    history, disk = StepLog(), {}
    for start in range(0, 30_000, 100):
        add(history, np.arange(start, start + 100))
        disk |= {number: segment for (_, number), segment in history.sealed().items()}
        history.drop(list(history.sealed()))
    restored = StepLog.restored(history.save())
    for one in (history, restored):
        assert np.array_equal(one.columns("train", disk.__getitem__)["step"], np.arange(30_000.0))


@pytest.mark.parametrize("restored", [False, True])
def test_steps_that_training_went_back_behind_are_left_out(restored):
    history = StepLog()
    add(history, range(1, 11))
    history.roll_back(6)
    add(history, range(7, 10))
    history.roll_back(4)
    add(history, range(5, 8))
    if restored:
        history = StepLog.restored(history.save())
    assert history.columns("train", nothing)["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_nan_that_was_given_is_distinguished_from_a_value_that_was_not(on_disk, tmp_path):
    with ModelMonitor("m", delivery=[], state=State(tmp_path) if on_disk else None) as run:
        run.step(loss=0.5, entropy=1.0)
        run.step(loss=math.nan)
        run.step(entropy=math.nan)
        run.step(loss=np.float32("nan"), samples=3)
        run.step(loss=math.inf)
        run.evaluate("validation", loss=math.nan)
        run.evaluate("validation", y_true=[0, 1], y_pred=[0, 1])
        rows, passes = run.rows(), run.rows("validation")
    if on_disk:
        with ModelMonitor("m", delivery=[], state=State(tmp_path)) as run:
            assert [str(values) for values in run.rows().values()] == [
                str(values) for values in rows.values()
            ]
    assert str(rows["loss"]) == "[0.5 nan -- nan inf]"
    assert str(rows["entropy"]) == "[1.0 -- nan -- --]"
    assert str(rows["seconds"].mask) == "[ True False False False False]", "a first step has no duration"
    assert (str(passes["loss"]), str(passes["accuracy"])) == ("[nan --]", "[-- 1.0]")


def test_a_pass_without_scores_or_loss_does_not_repeat_those_of_the_pass_before():
    with ModelMonitor("m", delivery=[]) as run:
        run.evaluate("validation", loss=0.5, y_true=[0, 1], y_pred=[0, 1])
        run.evaluate("validation", auc=0.75)
        passes = run.rows("validation")
        assert len(dict(run.curves.items())["accuracy", "validation"].table) == 1
    assert str(passes["loss"]) == "[0.5 --]"
    assert str(passes["accuracy"]) == "[1.0 --]"


def test_two_rows_of_one_step_are_both_kept():
    history = StepLog()
    for value in (0.1, 0.2):
        history.add("validation", {"step": np.array([5.0])}, {"loss": value})
    assert history.columns("validation", nothing)["loss"].tolist() == [0.1, 0.2]
