"""The pictures of the page on diagnostics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift import run_lengths
from docs.generators.diagnostics import drawing, runs

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "diagnostics.md"


def test_the_page_shows_every_picture_that_the_command_draws_and_no_other():
    shown = re.findall(r"\]\(pictures/(\w+)\.svg\)", PAGE.read_text(encoding="utf-8"))
    drawn = {path.stem for path in (PAGE.parent / "pictures").glob("*.svg")} - {"benchmarks-growth"}
    assert sorted(shown) == sorted(drawn)


@pytest.fixture(scope="module")
def canary():
    return runs.canary()


def test_the_canary_jumps_where_the_bit_flips(canary):
    distance = canary["canary_distance",]
    before, after = distance[canary.steps < runs.FLIP_AT], distance[canary.steps >= runs.FLIP_AT]
    assert after[0] > 5 * before.max()


def test_the_same_run_is_drawn_as_the_same_file(canary, tmp_path):
    for name in ("one.svg", "two.svg"):
        drawing.canary(canary, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_run_lengths_count_what_the_page_says(monkeypatch):
    monkeypatch.setattr(run_lengths, "READINGS", 2000)
    monkeypatch.setattr(run_lengths, "TRIALS", 10)
    assert run_lengths.false_alarms(run_lengths.NOISES["normal"], "cusum") == 0
    normal = run_lengths.NOISES["normal"]
    share, delay = run_lengths.found("cusum", run_lengths.Rise(normal, 200, 8.0))
    assert share == 1
    assert 1 < delay < 8
    assert np.isnan(run_lengths.found("cusum", run_lengths.Rise(normal, 200, 0.0))[1])
