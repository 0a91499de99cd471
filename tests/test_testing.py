"""What users' own tests assert on."""

from __future__ import annotations

import pytest

from traingauge import ModelMonitor
from traingauge.errors import UnknownNameError
from traingauge.testing import InMemory, samples


def test_what_is_published_can_be_read_while_the_run_lasts() -> None:
    published = InMemory()
    with ModelMonitor("m", run="r", delivery=[published]) as monitor:
        for loss in (0.5, 0.25):
            monitor.step(loss=loss)
            assert published.value("model_loss", split="train") == loss
        assert not published.ended
        assert published.identity.name == ("m", "r")


def test_the_last_reading_is_kept_after_the_end() -> None:
    published = InMemory()
    monitor = ModelMonitor("m", delivery=[published])
    monitor.step(loss=0.5)
    monitor.close("failed")
    assert published.ended
    assert published.value("model_loss", split="train") == 0.5
    assert published.value("model_run_state", state="failed") == 1.0


def test_it_shows_all_that_a_scrape_would() -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[published]) as monitor:
        monitor.step(loss=0.5, y_true=[0, 1], y_pred=[0, 1])
        assert published.samples().keys() == samples(monitor.collector.families()).keys()


def test_a_sample_that_is_absent_is_none() -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[published]):
        assert published.value("model_loss", split="train") is None


def test_histograms_are_read_by_their_suffix() -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[published]) as monitor:
        monitor.step(loss=0.5)
        monitor.step(loss=0.5)
        assert published.value("model_step_duration_seconds_count", split="train") == 1.0


def test_a_misspelt_metric_or_label_raises_instead_of_looking_absent() -> None:
    published = InMemory()
    with pytest.raises(UnknownNameError, match="unknown metric 'model_los'"):
        published.value("model_los")
    with pytest.raises(
        UnknownNameError, match="unknown label of model_loss 'splitt': expected one of 'split'"
    ):
        published.value("model_loss", splitt="train")


def test_it_shows_the_last_run_that_was_started_with_it() -> None:
    published = InMemory()
    for loss in (0.5, 0.25):
        with ModelMonitor("m", delivery=[published]) as monitor:
            monitor.step(loss=loss)
    assert published.value("model_loss", split="train") == 0.25


def test_without_a_run_there_is_nothing_and_no_identity() -> None:
    assert InMemory().samples() == {}
    with pytest.raises(RuntimeError, match="no run has started"):
        InMemory().identity  # noqa: B018 the access is the test
