"""The card of a run in a notebook."""

from __future__ import annotations

import math

import nbclient
from nbformat.v4 import new_code_cell, new_notebook

from traingauge.delivery.notebook_card import card

CELLS = (
    """
from traingauge import ModelMonitor
from traingauge.delivery import notebook_card
notebook_card.EVERY = 0.05
monitor = ModelMonitor("digits", run="r1", total_steps=4, delivery=[])
monitor""",
    """
import time
for loss in (3.0, 2.0, 1.0):
    monitor.step(loss=loss)
    time.sleep(0.2)""",
    "monitor.close()\ntime.sleep(1)",
)


def test_the_card_follows_the_run_to_its_end_and_stays():
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    html = output.data["text/html"]
    assert "digits r1 finished: step 3/4 (75%), loss 1" in html
    assert '<progress max="1" value="0.7500"' in html
    assert "<svg" in html
    assert "loss from 3 to 1" in html or "loss from nan to 1" in html


def test_a_name_is_no_html():
    assert "<script>" not in card({}, "<script>", [])


def test_a_loss_that_is_not_finite_leaves_a_gap():
    assert card({}, "m r", [1.0, math.nan, 0.0, 0.5]).count("M") == 2


def test_losses_whose_range_is_beyond_float64_are_drawn_within_the_card():
    assert 'd="M0.0 46.0L120.0 24.0L240.0 2.0"' in card({}, "m r", [-1.7e308, 0.0, 1.7e308])


def test_losses_that_differ_by_the_least_that_float64_holds_are_drawn_within_the_card():
    assert 'd="M0.0 46.0L120.0 46.0L240.0 2.0"' in card({}, "m r", [0.0, 0.0, 5e-324])


def test_one_loss_is_no_line_yet():
    assert "<svg" not in card({}, "m r", [1.0])
