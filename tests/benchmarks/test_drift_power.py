"""The benchmark of false alarms and power: what it counts, keeps and says."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift.power.bench import Bench, cells
from benchmarks.drift.power.cell import Cell, Measured, interval, scipy_pvalue
from benchmarks.drift.power.kinds import KINDS
from benchmarks.drift.power.report import page, pending, report

ROOT = Path(__file__).parents[2]
CELL = Cell("alarms", "binary", 1, 500)


def test_the_same_cell_gives_the_same_and_a_repetition_draws_other_data():
    first, again, other = (
        [rows[0, 0] for rows, _, _ in cell.trials(2)]
        for cell in (
            Cell("alarms", "normal", 1, 500),
            Cell("alarms", "normal", 1, 500),
            Cell("alarms", "normal", 1, 500, 1),
        )
    )
    assert first == again
    assert not set(first) & set(other)


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path):
    kept = tmp_path / "kept.jsonl"
    other = replace(CELL, window=1000)
    Bench(kept).measure([CELL], 2)
    bench = Bench(kept, processes=2)
    bench.measure([CELL, other], 2)
    assert [json.loads(line)["cell"]["window"] for line in kept.read_text().splitlines()] == [500, 1000]
    assert bench.known([CELL, other], 2) == [Measured(cell, 2, cell.measure(2)) for cell in (CELL, other)]
    assert bench.known([CELL], 3) == []


def test_a_quick_run_measures_no_cell_of_many_features_or_large_windows():
    assert {(cell.features, cell.window) for cell in cells(quick=True)} == {
        (features, window) for features in (1, 10, 50) for window in (500, 1000)
    }


def test_a_large_shift_is_found_by_both_and_a_clean_window_by_neither():
    found = Cell("power", "normal", 1, 500).measure(3)
    assert found["scale x 1.5"] == [3, 3]
    assert Cell("alarms", "normal", 1, 500).measure(3) == {"clean": [0]}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_shifts_of_its_own_distribution(name):
    rng = np.random.default_rng(0)
    clean = KINDS[name].draw(rng, (10_000, 1))
    for draw in KINDS[name].shifts.values():
        assert (
            scipy_pvalue(clean[:, 0], draw(rng, (10_000, 1))[:, 0], categorical=KINDS[name].categorical) < 0.1
        )


def test_the_interval_is_that_of_the_binomial_distribution():
    assert interval(200) == (0, 5)
    assert interval(1000) == (4, 17)


def test_the_page_says_which_rows_lie_outside_and_what_measuring_them_again_gave():
    outside = replace(CELL, window=1000)
    page = "\n".join(
        report(
            [
                Measured(CELL, 200, {"clean": [2]}),
                Measured(outside, 200, {"clean": [8]}),
                Measured(replace(outside, seed=1), 1000, {"clean": [9]}),
                Measured(Cell("power", "binary", 1, 500), 200, {"5 % missing": [190, 196]}),
                Measured(Cell("correlation", "", 10, 500), 200, {"clean": [1], "flipped": [199]}),
            ]
        )
    )
    assert "| binary | 1 | 1000 | 8 | no |" in page
    assert "| binary | 1 | 1000 | 9 | yes |" in page
    assert (
        "Together 10 false alarms in 400 windows, 2.50% (interval: 1 to 8); 1 of 2 rows lie outside" in page
    )
    assert "ahead by at most 3.0 points" in page
    assert "| 500 | 1 | 99.5% |" in page


def test_the_page_of_an_interrupted_run_says_what_is_not_measured_yet():
    measured = [Measured(replace(CELL, window=1000), 200, {"clean": [8]})]
    page = list(report(measured, [CELL, replace(CELL, window=1000)]))
    assert "| binary | 1 | 1000 | 8 | no |" in page
    assert page[-1] == (
        "Not measured yet (features, data, window): 1 binary in 500; 1 binary in 1000, once more."
    )
    assert not list(pending([Measured(CELL, 200, {"clean": [1]})], [CELL]))


def test_a_page_can_be_written_before_anything_is_measured(tmp_path):
    assert page(Bench(tmp_path / "kept.jsonl"), 200).endswith("300 categories in 10000.\n")


def test_a_cell_that_fails_ends_the_measuring(tmp_path):
    with pytest.raises(KeyError, match="no such kind"):
        Bench(tmp_path / "kept.jsonl").measure([CELL, Cell("alarms", "no such kind", 1, 500)], 2)


def test_ctrl_c_ends_the_measuring():
    command = [sys.executable, "-u", "-m", "benchmarks.drift.power", "--quick"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # so that the signal reaches it and its workers, as from a terminal
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("1 of ")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) != 0
        assert len(process.stdout.readlines()) <= 2  # what was ready by then
