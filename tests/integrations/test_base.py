"""The seam between frameworks and a run, shown by an integration that is added for the purpose."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import traingauge
from tests.integrations import toy_integration
from tests.integrations.toy_integration import ToyModel
from tests.waiting import wait_until
from traingauge import ModelMonitor
from traingauge.core.events import EpochEnd
from traingauge.errors import ClosedError, InvalidArgumentError, InvalidTypeError
from traingauge.integrations import base
from traingauge.integrations.base import RunSource, integration_of
from traingauge.process.end import FINISHED
from traingauge.process.runs import live_runs
from traingauge.testing import InMemory, RecordingSession


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "INTEGRATIONS", {**base.INTEGRATIONS, "tests": toy_integration.__name__})


@pytest.mark.usefixtures("toy")
def test_an_integration_is_added_by_its_file_and_a_line_of_the_mapping(read: Callable[..., Any]) -> None:
    with ModelMonitor(ToyModel(), delivery=[]) as run:
        assert run.fit(steps=3)["loss"] == [0.125]
        run.describe(ToyModel())
        assert run.model == "toy"
        assert read(run, "model_steps_total", split="train") == 3
        assert read(run, "model_parameters", trainable="true") == 1


def test_a_model_that_no_integration_knows_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="model is a ToyModel: expected a model of keras"):
        integration_of(ToyModel())


def test_what_an_integration_records_can_be_asserted_on_in_memory() -> None:
    session = RecordingSession()
    toy_integration.fit(ToyModel(), session, steps=2)
    assert session.value("model_loss", split="train") == 0.25
    assert isinstance(session.events[-1], EpochEnd)


def test_the_run_of_a_monitor_stays_open() -> None:
    with ModelMonitor("m", delivery=[]) as run:
        toy_integration.fit(ToyModel(), run, steps=2)
        assert run.state == "running"


def test_a_name_opens_a_run_each_time_and_ends_it(opened: list[ModelMonitor]) -> None:
    runs = RunSource("digits")
    for _ in range(2):
        runs.begin()
        assert opened[-1].state == "running"
        runs.end()
    assert [(run.model, run.state) for run in opened] == [("digits", "finished")] * 2


def test_a_run_opened_by_name_that_never_ended_has_failed_when_the_next_begins(
    opened: list[ModelMonitor],
) -> None:
    runs = RunSource("digits")
    runs.begin()
    runs.begin()
    runs.end()
    assert [run.state for run in opened] == ["failed", "finished"]


def test_a_run_opened_by_name_that_never_ended_has_failed_when_the_process_ends(
    opened: list[ModelMonitor],
) -> None:
    runs = RunSource("digits")
    runs.begin()
    (live,) = (run for run in live_runs if run.name == ("digits", opened[0].run))
    live.conclude(FINISHED)
    assert opened[0].state == "failed"


def test_a_run_opened_by_name_that_never_ended_has_failed_when_nothing_refers_to_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published = InMemory()
    monkeypatch.setattr(traingauge, "ModelMonitor", partial(ModelMonitor, delivery=[published]))
    RunSource("digits").begin()
    gc.collect()
    wait_until(lambda: published.ended)
    assert published.value("model_run_state", state="failed") == 1


def test_a_run_that_has_ended_is_not_begun_again() -> None:
    run = ModelMonitor("m", delivery=[])
    run.close()
    with pytest.raises(ClosedError, match="the run is finished"):
        RunSource(run).begin()


@pytest.mark.parametrize(("monitor", "error"), [(3, InvalidTypeError), (" ", InvalidArgumentError)])
def test_what_is_neither_a_monitor_nor_a_name_is_refused(monitor: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="monitor is"):
        RunSource(monitor)
