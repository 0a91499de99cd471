"""Saving while training continues."""

from __future__ import annotations

import time

import pytest

from tests.waiting import wait_until
from traingauge.core.guard import Guard
from traingauge.state.saver import Saver


class Disk:
    """Counts the saves, and fails while it is full."""

    def __init__(self, full):
        self.full, self.saves = full, 0

    def save(self):
        self.saves += 1
        if self.full:
            raise OSError(28, "No space left on device")


@pytest.fixture
def started():
    savers = []

    def start(disk, every=3600.0):
        savers.append(Saver(disk.save, every, Guard()))
        return savers[-1]

    yield start
    for saver in savers:
        saver.close()


def test_many_rows_are_saved_without_waiting_for_the_pause_between_saves(started, monkeypatch):
    monkeypatch.setattr("traingauge.state.saver.LEAST_SECONDS", 3600.0)
    disk = Disk(full=False)
    saver = started(disk)
    for saves in range(1, 4):
        saver.hurry()
        wait_until(lambda wanted=saves: disk.saves == wanted, "a save")


def test_a_disk_that_is_full_is_not_tried_again_at_once_however_many_rows_wait(started, monkeypatch):
    monkeypatch.setattr("traingauge.state.saver.LEAST_SECONDS", 3600.0)
    disk = Disk(full=True)
    saver = started(disk)
    saver.ask()
    wait_until(lambda: disk.saves == 1, "the first attempt")
    for _ in range(10):
        saver.hurry()
        time.sleep(0.01)
    assert disk.saves == 1
    assert saver.close()
    assert disk.saves == 2, "the end of the run is one more attempt"


def test_saving_continues_after_a_failure(started):
    disk = Disk(full=True)
    saver = started(disk, every=0.1)
    wait_until(lambda: disk.saves >= 2, "a second attempt")
    disk.full = False
    failed = disk.saves
    wait_until(lambda: disk.saves > failed, "a save")
    assert saver.close()
