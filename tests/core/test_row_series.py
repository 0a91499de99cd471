"""A column of the recorded rows is the series that a scrape shows of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from traingauge import ModelMonitor, State, export
from traingauge.core.row_series import published_as
from traingauge.testing import InMemory

TRUE = np.arange(10)
PREDICTED = np.eye(10)[::-1]


@pytest.mark.parametrize("column", ["time", "samples", "seconds"])
def test_what_describes_a_row_is_not_published_by_row(column: str) -> None:
    assert published_as(column, "train") is None


def test_the_step_is_that_of_training_alone() -> None:
    assert published_as("step", "train") is not None
    assert published_as("step", "validation") is None


def test_every_column_of_a_run_is_a_series_that_it_publishes(tmp_path: Path) -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[published], state=State(tmp_path)) as monitor:
        for step in range(60):
            monitor.step(0.5, TRUE, PREDICTED, learning_rate=0.1, entropy=float(step))
        monitor.evaluate("validation", loss=0.5, y_true=TRUE, y_pred=PREDICTED)
        shown = {(name, frozenset(labels)) for name, labels in published.samples()}
        for split in ("train", "validation"):
            for column in monitor.rows(split):
                found = published_as(column, split)
                if found is not None:
                    metric, labels = found
                    assert (metric.name, frozenset(zip(metric.labels, labels, strict=True))) in shown
    text = io.StringIO()
    saved, tables = export.read(tmp_path)
    export.write_openmetrics(saved.identity, tables, text)
    assert "model_top_k_accuracy{" in text.getvalue()
