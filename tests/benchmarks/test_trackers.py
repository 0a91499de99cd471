"""The table of what trackers get right says what was recorded."""

from __future__ import annotations

import math

from benchmarks.trackers import report

TRUTH = {
    "plain": [[2.0, 1.0], [0.1, 0.09]],
    "accumulated": [[1.5], [0.1]],
    "nan": [[2.0, math.nan], [0.1, 0.09]],
}


def test_the_page_says_how_many_rounds_were_timed():
    said = {
        1: "of the training thread, in one round of 300 steps.",
        15: "of the training thread, the median of 15 rounds of 300 steps.",
    }
    for rounds, text in said.items():
        nothing = {"loop": {}, "lightning": {}}
        assert text in report.page({"rounds": rounds, "where": {}, "truth": TRUTH, "kinds": nothing})


def rows(numbers, **more):
    """The cells of a table with one tracker, by row."""
    found = {"numbers": {**TRUTH, **numbers}, "ends": {"plain": ""}, "micros": 12.4, **more}
    kinds = {"loop": {"one": found, "other": None}, "lightning": {}}
    text = report.page({"rounds": 3, "where": {"date": "today"}, "truth": TRUTH, "kinds": kinds})
    assert "Did not run here, and is left out: other." in text
    table = text.split("## A trainer of Lightning")[0].splitlines()
    return {line.split("|")[1].strip(): line.split("|")[2].strip() for line in table if line.startswith("|")}


def test_numbers_that_equal_those_of_the_loop_are_right():
    found = rows({}, waits=0.0)
    assert [found[name] for name in ("loss of each step", "loss under accumulation")] == ["yes", "yes"]
    assert [found["NaN at its step"], found["learning rate that was used"]] == ["yes", "yes"]
    assert [found["waits a step"], found["ends"], found["µs a step"]] == ["0", "nothing", "12"]


def test_numbers_that_differ_are_shown_with_how_they_do():
    wrong = {"plain": [[2.0, 1.1], [0.09, 0.081]], "accumulated": [[2.0, 1.0], []], "nan": [[2.0, 2.0], []]}
    found = rows(wrong, ends={"plain": "FINISHED", "failed": "FAILED"})
    assert found["loss of each step"] == "no: off by up to 10 %"
    assert found["loss under accumulation"] == "no: 2 values for 1 steps"
    assert found["NaN at its step"] == "no: 2"
    assert found["learning rate that was used"] == "no: off by up to 10 %"
    assert found["ends"] == "FINISHED, FAILED"
    assert "waits a step" not in found


def test_a_number_that_was_not_recorded_is_not_right():
    found = rows({"plain": [[], [math.nan, 0.09]]})
    assert found["loss of each step"] == "no: nothing"
    assert found["learning rate that was used"] == "no: NaN"
