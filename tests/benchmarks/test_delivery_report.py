"""The page about what arrives says what was measured, losses too."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from benchmarks.delivery.report import COMPARED, RESULTS, page
from benchmarks.delivery.scenarios import SCENARIOS, difference


@pytest.fixture
def results() -> dict[str, Any]:
    return copy.deepcopy(json.loads(RESULTS.read_text(encoding="utf-8")))


def test_the_committed_results_are_of_all_scenarios_and_name_the_processor(results: dict[str, Any]) -> None:
    assert list(results["scenarios"]) == list(results["measured"]) == list(SCENARIOS)
    assert f"* processor: {results['machine']['processor']}" in page(results)


def test_lost_doubled_and_wrong_samples_are_on_the_page(results: dict[str, Any]) -> None:
    for at, name in enumerate(COMPARED):
        results["scenarios"][name].update(right=1000, lost=100 + at, doubled=7, different=2)
    found = re.findall(r"\| 1 (\d{3}) \| 1 000 \| (\d{3}) \| 7 \| 2 \|", page(results))
    assert found == [(str(102 + at), str(100 + at)) for at in range(len(COMPARED))]


def test_samples_are_compared_by_millisecond_and_value() -> None:
    wanted = {1: 0.1, 2: 0.2, 3: 0.3}
    found = [(1, 0.1), (2, 0.25), (2, 0.25), (4, 0.4)]
    assert difference(wanted, found, exact=0.0) == {
        "right": 1,
        "different": 1,
        "doubled": 1,
        "lost": 1,
        "not recorded": 1,
    }
