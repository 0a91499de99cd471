"""The fuzzer for a bounded time, with the same examples each time; ``make fuzz`` runs it for longer, with others."""

from __future__ import annotations

import logging

import matplotlib as mpl
import pytest
from hypothesis import Phase

from tests.fuzz.campaign import RUNS_NAME, TARGETS, how
from tests.fuzz.functions import FUNCTIONS


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("traingauge"), "propagate", False)
    mpl.use("agg")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_takes_hostile_values_or_says_what_fits(name: str) -> None:
    TARGETS[name](how(15, derandomize=True), None)


def test_a_refused_call_leaves_a_run_as_it_was_and_what_is_taken_is_published_as_it_is() -> None:
    TARGETS[RUNS_NAME](how(60, derandomize=True, phases=[Phase.generate]), None)
