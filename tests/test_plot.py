"""A run drawn for notebooks, by a real matplotlib."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from traingauge import ModelMonitor
from traingauge.errors import UnknownNameError


@pytest.fixture
def run():
    with ModelMonitor("digits", run="r", delivery=[]) as monitor:
        for step in range(60):
            numbers = {} if step % 10 == 9 else {"loss": math.nan if step == 30 else 1 / (step + 1)}
            monitor.step(y_true=[0, 1], y_pred=[0, step % 2], entropy=0.5, **numbers)
        monitor.evaluate("validation", loss=0.25, y_true=[0, 1], y_pred=[0, 0])
        yield monitor


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_there_is_a_panel_a_column_and_a_line_a_split(run):
    loss, accuracy = run.plot().get_axes()
    assert [axes.get_ylabel() for axes in (loss, accuracy)] == ["loss", "accuracy"]
    assert lines(loss).keys() == lines(accuracy).keys() == {"train", "validation"}
    assert lines(accuracy)["train"].get_xdata().tolist() == [25, 50]
    assert lines(loss)["validation"].get_ydata().tolist() == [0.25]
    assert lines(loss)["validation"].get_marker() == ".", "one value makes no line"
    assert loss.get_xlabel() == "training step"


def test_a_line_continues_where_nothing_was_given_and_breaks_at_a_nan(run):
    line = lines(run.plot("loss").get_axes()[0])["train"]
    steps, values = line.get_xdata(), np.asarray(line.get_ydata())
    assert 10 not in steps
    assert len(steps) == 54
    assert steps[np.isnan(values)].tolist() == [31]


def test_columns_may_be_chosen_and_a_wrong_one_is_refused_with_those_there_are(run):
    assert [axes.get_ylabel() for axes in run.plot("entropy", "seconds").get_axes()] == ["entropy", "seconds"]
    with pytest.raises(UnknownNameError, match="'entropy'"):
        run.plot("acuracy")


def test_a_figure_can_be_drawn(run, tmp_path):
    run.plot().savefig(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_drawing_opens_no_window_and_chooses_no_backend():
    """In a process of its own: another test may have drawn with pyplot."""
    script = """
import sys
from traingauge import ModelMonitor
with ModelMonitor("m", delivery=[]) as run:
    run.step(loss=1.0)
    run.plot()
print("matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_run_without_rows_gives_an_empty_figure():
    with ModelMonitor("m", run="r", delivery=[]) as run:
        assert run.plot().get_axes() == []


def test_a_missing_matplotlib_is_named_with_the_extra_that_brings_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'traingauge\[plot\]'"):
        run.plot()
