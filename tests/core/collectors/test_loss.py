"""The loss of a run, as it is published."""

from __future__ import annotations

import math

import pytest

from traingauge import ModelMonitor, State


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_finite_number_says_whether_the_last_loss_is_not_finite(read, loss):
    with ModelMonitor("m", delivery=[]) as monitor:
        for given, broken in ((0.5, 0.0), (loss, 1.0), (0.4, 0.0)):
            monitor.step(loss=given)
            assert read(monitor, "model_loss_nonfinite", split="train") == broken


def test_each_split_has_its_own(read):
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(loss=0.5)
        monitor.evaluate("validation", loss=math.nan)
        assert read(monitor, "model_loss_nonfinite", split="train") == 0.0
        assert read(monitor, "model_loss_nonfinite", split="validation") == 1.0
        assert read(monitor, "model_loss_nonfinite", split="test") is None


def test_a_run_without_a_loss_does_not_say_so(read):
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(entropy=1.0)
        assert read(monitor, "model_loss_nonfinite", split="train") is None


def test_the_initial_loss_is_the_median_of_the_first_ten_however_training_continues(read):
    with ModelMonitor("m", delivery=[]) as monitor:
        for loss in (4.0, math.nan, 2.0):
            monitor.step(loss=loss)
        assert read(monitor, "model_loss_initial", split="train") == 3.0
        for loss in (1e30, *[2.0] * 7, *[100.0] * 20):
            monitor.step(loss=loss)
        assert read(monitor, "model_loss_initial", split="train") == 2.0
        monitor.evaluate("validation", loss=9.0)
        assert read(monitor, "model_loss_initial", split="validation") is None


def test_a_resumed_run_keeps_the_initial_loss_that_its_first_process_saw(read, tmp_path):
    for losses in ([4.0] * 6, [0.1] * 50):
        with ModelMonitor("m", run="r", delivery=[], state=State(tmp_path)) as monitor:
            for loss in losses:
                monitor.step(loss=loss)
            initial = read(monitor, "model_loss_initial", split="train")
    assert initial == 4.0
