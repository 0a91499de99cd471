"""Counters, heartbeats and step times."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge import ModelMonitor, State
from traingauge.core.collectors.progress import DURATION_BUCKETS, EXPECTED_OVER, Histogram, Progress
from traingauge.core.events import Pass


def read(progress: Progress) -> dict[tuple[str, ...], float]:
    return {
        (family.metric.name + key.suffix, *map(str, key.labels)): value
        for family in progress.families()
        for key, value in zip(family.keys, family.values, strict=True)
    }


def steps(progress: Progress, *durations: float, split: str = "train", last: float = 100.0) -> None:
    progress.add_steps(split, count=len(durations), samples=0, last=last, durations=np.array(durations))


@given(st.lists(st.floats(max_value=1e300) | st.sampled_from([math.nan, math.inf]), max_size=50))
def test_buckets_are_cumulative_and_count_what_is_finite_and_not_negative(seconds: list[float]) -> None:
    histogram = Histogram("train")
    histogram.observe(np.array(seconds))
    good = [value for value in seconds if math.isfinite(value) and value >= 0]
    *buckets, total, count = histogram.values()
    assert buckets == [
        float(sum(value <= bound for value in good)) for bound in (*DURATION_BUCKETS, math.inf)
    ]
    assert count == len(good)
    assert total == float(np.array(good).sum())


def test_the_expected_duration_is_the_median_of_the_recent_steps() -> None:
    progress = Progress()
    steps(progress, *[9.0] * 10)
    steps(progress, *[1.0] * EXPECTED_OVER)
    assert read(progress)["model_step_expected_seconds",] == 1.0


def test_the_first_steps_unknown_duration_is_left_out() -> None:
    progress = Progress()
    steps(progress, math.nan)
    assert ("model_step_expected_seconds",) not in read(progress)
    steps(progress, 2.0)
    assert read(progress)["model_step_expected_seconds",] == 2.0


def test_counters_exist_at_0_for_every_split_from_the_start() -> None:
    found = read(Progress())
    for name in ("model_steps_total", "model_samples_total", "model_epochs_total"):
        assert [found[name, split] for split in ("train", "validation", "test")] == [0.0] * 3


def test_a_heartbeat_never_goes_back_while_the_clock_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: time.perf_counter() + 1000.0)
    progress = Progress()
    steps(progress, 1.0, last=100.0)
    steps(progress, 1.0, last=90.0)
    assert read(progress)["model_last_step_timestamp_seconds", "train"] == pytest.approx(1100.0)


def test_samples_that_are_no_number_leave_every_counter_as_it_was() -> None:
    progress = Progress()
    steps(progress, 1.0)
    before = read(progress)
    with pytest.raises(TypeError):
        progress.on_pass(Pass("validation", 2.0, 0.5, 1, np.array([30, 34])), 0.0)  # type: ignore[arg-type]
    after = read(progress)
    assert after == before


def test_a_pass_without_durations_adds_no_histogram() -> None:
    progress = Progress()
    steps(progress, math.nan, split="validation")
    assert not [
        key for key in read(progress) if key[0].startswith("model_step_duration") and "validation" in key
    ]


def test_planned_steps_are_absent_until_known() -> None:
    progress = Progress()
    assert ("model_steps_planned",) not in read(progress)
    progress.steps_planned = 10
    assert read(progress)["model_steps_planned",] == 10.0


class Steps:
    """Training steps of a run, on a clock of their own."""

    def __init__(self, monitor, clock):
        self._monitor, self._clock = monitor, clock

    def __call__(self, count, samples, seconds):
        for _ in range(count):
            self._clock.forward += seconds
            self._monitor.step(loss=0.5, samples=samples)


@pytest.fixture
def monitor():
    with ModelMonitor("m", delivery=[]) as monitor:
        yield monitor


@pytest.fixture
def take(clock, monitor):
    return Steps(monitor, clock)


def test_what_a_step_is_expected_to_take_starts_over_when_its_size_changes(monitor, take, read):
    take(200, 32, 1.0)
    assert read(monitor, "model_step_size_changed_timestamp_seconds") is None
    take(20, 256, 8.0)
    assert read(monitor, "model_step_size_changed_timestamp_seconds") is not None
    assert read(monitor, "model_step_expected_seconds") == pytest.approx(8.0, rel=0.1)


def test_steps_that_become_slow_without_another_size_are_no_change(monitor, take, read):
    take(200, 32, 1.0)
    take(20, 32, 8.0)
    assert read(monitor, "model_step_size_changed_timestamp_seconds") is None
    assert read(monitor, "model_step_expected_seconds") == pytest.approx(1.0, rel=0.1)


def test_the_short_batch_at_the_end_of_an_epoch_is_no_change(monitor, take, read):
    for _ in range(30):
        take(3, 32, 1.0)
        take(1, 5, 1.0)
        read(monitor, "model_step")
    assert read(monitor, "model_step_size_changed_timestamp_seconds") is None


def test_steps_of_unknown_size_are_no_change(monitor, take, read):
    take(20, 32, 1.0)
    take(40, 0, 1.0)
    assert read(monitor, "model_step_size_changed_timestamp_seconds") is None


def test_micro_batches_count_for_the_step_that_they_belong_to(monitor, read):
    for micro_batches in (2, 8):
        for _ in range(20):
            monitor.step(loss=0.5, samples=16)
            for _ in range(micro_batches - 1):
                monitor.step(samples=16, steps=0)
        changed = read(monitor, "model_step_size_changed_timestamp_seconds")
        assert (changed is None) == (micro_batches == 2)


def test_a_run_that_resumes_with_another_batch_size_notices(tmp_path, read):
    for samples in (32, 256):
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=[]) as monitor:
            for _ in range(20):
                monitor.step(loss=0.5, samples=samples)
            changed = read(monitor, "model_step_size_changed_timestamp_seconds")
    assert changed is not None
