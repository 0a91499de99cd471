"""Everything that was recorded, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge import ModelMonitor, State
from traingauge.core.step_log import BLOCK_ROWS, ROWS_KEPT, Disk, StepLog


def add(log, steps, **columns):
    log.add("train", {"step": np.array(steps, dtype=float), **columns}, {})


def rows(log, table="train"):
    return log.table(table, log.blocks())


class Asked:
    """A disk that notes what it is asked."""

    def __init__(self, log):
        self.urgent, self.lost = 0, []
        log.disk = Disk(self.hurry, self.lost.append)

    def hurry(self):
        self.urgent += 1


def test_rows_come_back_in_their_order_with_nan_where_there_is_no_value():
    log = StepLog()
    add(log, [1, 2], loss=np.array([0.5, 0.4]))
    log.add("train", {"step": np.array([3.0, 4.0])}, {"accuracy": 0.9})
    found = rows(log)
    assert list(found) == ["step", "loss", "accuracy"]
    np.testing.assert_array_equal(found["loss"], [0.5, 0.4, np.nan, np.nan])
    np.testing.assert_array_equal(found["accuracy"], [np.nan, np.nan, np.nan, 0.9])
    assert rows(log, "test") == {}


def test_without_a_disk_the_last_rows_stay_and_memory_is_bounded():
    log = StepLog()
    count = ROWS_KEPT + 4 * BLOCK_ROWS
    for start in range(0, count, 1024):
        add(log, np.arange(start, start + 1024))
    found = rows(log)["step"]
    assert ROWS_KEPT <= len(found) < ROWS_KEPT + BLOCK_ROWS
    assert found[-1] == count - 1


def test_without_a_disk_many_rows_of_one_table_take_none_from_another():
    log = StepLog()
    log.add("validation", {"step": np.array([0.0])}, {})
    log.roll_back(0)
    add(log, np.arange(float(BLOCK_ROWS)))
    for start in range(0, 2 * ROWS_KEPT, BLOCK_ROWS):
        add(log, np.arange(start, start + BLOCK_ROWS))
    assert rows(log, "validation")["step"].tolist() == [0]


def test_with_a_disk_rows_stay_until_they_are_written_and_not_longer():
    log = StepLog()
    Asked(log)
    count = ROWS_KEPT + 4 * BLOCK_ROWS
    for start in range(0, count, 1024):
        add(log, np.arange(start, start + 1024))
    taken = log.take()
    add(log, [count])
    assert len(rows(log)["step"]) == count + 1
    log.failed()
    assert np.array_equal(rows(log)["step"], np.arange(count + 1.0))
    assert sum(block.rows for block in taken) == count
    log.take()
    log.wrote("all of it")
    assert (log.blocks(), log.written) == ([], "all of it")


def test_the_disk_is_asked_to_hurry_and_the_oldest_rows_are_given_up_and_counted_where_it_does_not(
    monkeypatch,
):
    monkeypatch.setattr("traingauge.core.step_log.URGENT_BYTES", 2 * 8 * BLOCK_ROWS)
    monkeypatch.setattr("traingauge.core.step_log.MOST_BYTES", 3 * 8 * BLOCK_ROWS)
    log = StepLog()
    disk = Asked(log)
    for start in range(0, 5 * BLOCK_ROWS, BLOCK_ROWS):
        add(log, np.arange(start, start + BLOCK_ROWS))
        assert (disk.urgent > 0) == (start >= BLOCK_ROWS)
    assert np.array_equal(rows(log)["step"], np.arange(2.0 * BLOCK_ROWS, 5 * BLOCK_ROWS))
    assert sum(disk.lost) == log.given_up == log.save()["given_up"] == 2 * BLOCK_ROWS


@pytest.mark.parametrize("restored", [False, True])
def test_steps_that_training_went_back_behind_are_left_out(restored):
    log = StepLog()
    add(log, range(1, 11))
    log.roll_back(6)
    add(log, range(7, 10))
    log.roll_back(4)
    add(log, range(5, 8))
    blocks = log.blocks()
    if restored:
        saved, log = log.save(), StepLog()
        log.restore(saved)
    assert log.table("train", blocks)["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]


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
    log = StepLog()
    for value in (0.1, 0.2):
        log.add("validation", {"step": np.array([5.0])}, {"loss": value})
    assert rows(log, "validation")["loss"].tolist() == [0.1, 0.2]


def test_a_name_that_utf_8_cannot_encode_is_escaped_where_rows_are_read():
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(**{"m\udce9tier": 0.5})
        assert monitor.rows()["m\\udce9tier"].tolist() == [0.5]
        assert list(monitor.frame()["m\\udce9tier"]) == [0.5]
