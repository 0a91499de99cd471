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
        assert text in page(rounds=rounds)
    assert "µs" not in page(rounds=0)


def page(tables=None, *, rounds=3):
    """The page with a table of the first kind, on a machine that has only what that needs."""
    kinds = {"loop": tables or {}}
    absent = {"lightning": "lightning", "transformers": "accelerate"}
    results = {"rounds": rounds, "where": {"date": "today"}, "truth": TRUTH, "kinds": kinds, "absent": absent}
    return report.page(results)


def test_the_page_says_what_was_not_installed():
    parts = page().split("\n## ")
    assert "Not measured: lightning was not installed." in parts[2]
    assert "Not measured: accelerate was not installed." in parts[3]
    assert "Not measured" not in parts[1]


def rows(numbers, **more):
    """The cells of a table with one tracker, by row."""
    found = {"numbers": {**TRUTH, **numbers}, "ends": {"plain": ""}, "micros": {"µs a step": 12.4}, **more}
    text = page({"one": found, "other": None})
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


def test_what_was_not_timed_has_no_row_for_it():
    assert "µs a step" in rows({})
    assert "µs a step" not in rows({}, micros={})


def test_each_row_of_time_has_a_name_of_its_own():
    found = rows({}, micros={"µs a step, two numbers logged": 12.4, "µs a step, accuracy logged too": 45.6})
    assert [found["µs a step, two numbers logged"], found["µs a step, accuracy logged too"]] == ["12", "46"]


def test_a_number_that_was_not_recorded_is_not_right():
    found = rows({"plain": [[], [math.nan, 0.09]]})
    assert found["loss of each step"] == "no: nothing"
    assert found["learning rate that was used"] == "no: NaN"
