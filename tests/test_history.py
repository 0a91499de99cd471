"""Everything that was recorded, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.history import SEGMENT_ROWS, SEGMENTS_KEPT, History


def nothing(number):
    raise AssertionError(f"segment {number} is read")


def add(history, steps, **columns):
    history.add("train", {"step": np.array(steps, dtype=float), **columns}, {})


def test_rows_come_back_in_their_order_with_nan_where_there_is_no_value():
    history = History()
    add(history, [1, 2], loss=np.array([0.5, 0.4]))
    history.add("train", {"step": np.array([3.0, 4.0])}, {"accuracy": 0.9})
    found = history.columns("train", nothing)
    assert list(found) == ["step", "loss", "accuracy"]
    np.testing.assert_array_equal(found["loss"], [0.5, 0.4, np.nan, np.nan])
    np.testing.assert_array_equal(found["accuracy"], [np.nan, np.nan, np.nan, 0.9])
    assert history.columns("test", nothing) == {}


def test_without_a_disk_the_last_segments_stay_and_memory_is_bounded():
    history = History()
    rows = (SEGMENTS_KEPT + 4) * SEGMENT_ROWS
    for start in range(0, rows, 1024):
        add(history, np.arange(start, start + 1024))
    found = history.columns("train", lambda number: {})["step"]
    assert len(found) == SEGMENTS_KEPT * SEGMENT_ROWS
    assert found[-1] == rows - 1
    assert len(history.sealed()) == SEGMENTS_KEPT


def test_segments_on_disk_are_read_from_there():
    history, disk = History(), {}
    for start in range(0, 30_000, 100):
        add(history, np.arange(start, start + 100))
        disk |= {number: segment for (_, number), segment in history.sealed().items()}
        history.drop(list(history.sealed()))
    restored = History.restored(history.save())
    for one in (history, restored):
        assert np.array_equal(one.columns("train", disk.__getitem__)["step"], np.arange(30_000.0))


@pytest.mark.parametrize("restored", [False, True])
def test_steps_that_training_went_back_behind_are_left_out(restored):
    history = History()
    add(history, range(1, 11))
    history.roll_back(6)
    add(history, range(7, 10))
    history.roll_back(4)
    add(history, range(5, 8))
    if restored:
        history = History.restored(history.save())
    assert history.columns("train", nothing)["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_two_rows_of_one_step_are_both_kept():
    history = History()
    for value in (0.1, 0.2):
        history.add("validation", {"step": np.array([5.0])}, {"loss": value})
    assert history.columns("validation", nothing)["loss"].tolist() == [0.1, 0.2]
