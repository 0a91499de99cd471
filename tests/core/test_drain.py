"""How events reach the collectors, shown by one that is added for the purpose."""

from __future__ import annotations

import pytest

from tests.core.collectors.toy_collector import Toy
from traingauge.core import collectors
from traingauge.core.collectors.loss import Loss
from traingauge.core.drain import Drain
from traingauge.core.events import EpochEnd, Scored
from traingauge.core.recorder import Recorder
from traingauge.options import Scoring


def record(window: int = 8) -> Recorder:
    return Recorder(collectors.Setup(Scoring(window=window)))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(collectors, "COLLECTORS", {**collectors.COLLECTORS, "toy": Toy})
    return record()


def published(recorder: Recorder, name: str) -> list[float]:
    return [
        value
        for family in recorder.reader.families()
        if family.metric.name == name
        for value in family.values
    ]


def test_a_collector_is_added_by_its_file_and_a_line_of_the_mapping(recorder: Recorder) -> None:
    recorder.record((1.0, {"loss": 0.5}))
    assert published(recorder, "model_steps_planned") == [1.0]
    assert published(recorder, "model_monitor_dropped_series_total")[-1] == 3.0


def test_what_a_collector_saves_comes_back_in_the_next_process(recorder: Recorder) -> None:
    recorder.record((1.0, {"loss": 0.5}))
    tree, _ = recorder.snapshot.save()
    resumed = record()
    resumed.snapshot.restore(tree, None, lambda written, tables: [])
    assert resumed.collectors[Toy].steps == 1


def test_steps_are_one_batch_up_to_the_next_event_that_comes_after_them(recorder: Recorder) -> None:
    unix = 1000.0
    drain = Drain(recorder.collectors, recorder.guard)
    drain.take([(1.0, {}), (2.0, {}), EpochEnd(3.0), (4.0, {})], unix)
    assert [one for one in recorder.collectors[Toy].given if "slice" not in one and "train" not in one] == [
        "batch of 2",
        "epoch at 1003",
        "batch of 1",
    ]


def test_scores_are_read_as_they_were_at_the_end_of_each_interval(recorder: Recorder) -> None:
    right = recorder.encode([0, 1], [0, 1], None)
    wrong = recorder.encode([0, 1], [1, 0], None)
    for step, scored in enumerate([right, right, wrong, wrong, wrong]):
        recorder.record(Scored(float(step), {}, scored, None, 2))
    recorder.reader.families()
    assert recorder.collectors[Toy].given[1:] == [
        "slice 0 to 2",
        "train accuracy 1.0",
        "slice 2 to 4",
        "train accuracy 0.5",
        "slice 4 to 5",
    ]


def test_a_collector_that_fails_does_not_take_the_others_with_it(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Loss, "add", lambda *_: 1 / 0)
    recorder.record((1.0, {"loss": 0.5}))
    assert published(recorder, "model_steps_total")[0] == 1.0
    assert recorder.guard.errors["digest"] == 1


def test_a_number_that_cannot_be_read_does_not_take_the_others_with_it(recorder: Recorder) -> None:
    recorder.record(Scored(1.5, {"loss": object()}, None, None, 0))
    recorder.record((2.0, {"loss": 0.5}))
    assert published(recorder, "model_loss") == [0.5]
    assert published(recorder, "model_steps_total")[0] == 2.0
    assert recorder.guard.errors["digest"] == 1
