"""Every dashboard on runs of every kind: what a run leaves out is named, and breaks nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.example import kinds
from dashboards.example.store import Prometheus, Store
from dashboards.reading import Expression, Json, expressions, panels
from dashboards.render import RENDERED
from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.panels import MAY_BE_EMPTY
from simulation.clock import BEGIN

pytestmark = pytest.mark.servers

#: When one looks: late in the run, or as soon as the short one is over.
MOMENTS = dict.fromkeys(kinds.KINDS, BEGIN + 19 * 60) | {"half-a-minute": BEGIN + 60}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with Store.of(kinds.recorded(), tmp_path_factory.mktemp("kinds")).served() as server:
        yield server


def _answer(prometheus: Prometheus, expression: Expression, run: str) -> list[dict[str, Any]]:
    """What an expression gives for a run."""
    chosen = {"model": kinds.MODEL, "run": run, "scored": "validation", "statistic": "psi", "signal": "loss"}
    chosen |= dict.fromkeys(IDENTITY, "")
    chosen |= dict.fromkeys(("class", "feature", "moved"), ".+") | {"grid": "10"}
    chosen |= dict.fromkeys(expression.variables - set(chosen), ".+")
    text, moment = expression.filled_in(chosen), MOMENTS[run]
    return prometheus.at(text, moment) if expression.instant else prometheus.over(text, moment)


def _of_runs(dashboard: Json) -> Iterator[tuple[Json, list[Expression]]]:
    """Each panel with its queries, where all of them ask for series of runs; the history has none of the servers."""
    asked = [one for one in expressions(dashboard) if one.kind == "panel"]
    for panel in panels(dashboard):
        queries = [one for one in asked if one.where == panel["title"]]
        if queries and all("model_" in one.text for one in queries):
            yield panel, queries


@pytest.mark.parametrize("run", kinds.KINDS)
def test_a_panel_that_is_empty_for_a_kind_of_run_says_why(prometheus: Prometheus, dashboard: Json, run: str):
    """An error of Prometheus, such as two series for one, fails here as well."""
    for panel, queries in _of_runs(dashboard):
        answered = [_answer(prometheus, query, run) for query in queries]
        assert any(answered) or MAY_BE_EMPTY in panel["description"], panel["title"]


@pytest.mark.parametrize("run", kinds.KINDS)
def test_heatmaps_tables_and_curves_have_a_row_whatever_the_run_leaves_out(
    prometheus: Prometheus, dashboard: Json, run: str
):
    for panel, queries in _of_runs(dashboard):
        changed = [one["id"] for one in panel.get("transformations", [])]
        if panel["type"] in {"heatmap", "trend"} or changed == ["merge", "organize"]:
            assert any(_answer(prometheus, query, run) for query in queries), panel["title"]


def test_each_output_of_a_model_with_several_is_drawn_by_its_name_in_the_panels_of_its_task(
    prometheus: Prometheus,
):
    dashboard = json.loads((RENDERED / "run-overview.json").read_text())
    answers = {
        panel["title"]: [_answer(prometheus, query, "two-outputs") for query in queries]
        for panel, queries in _of_runs(dashboard)
        if panel["title"].endswith("of each output")
    }
    assert all(all(answer) for answer in answers.values()), "every query of every panel"
    drawn = {
        title: {one["metric"].get("output") for answer in every for one in answer} - {None}
        for title, every in answers.items()
    }
    assert drawn == {
        "Loss of each output": {"digit", "ink"},
        "Accuracy and F1 of each output": {"digit"},
        "Regression error of each output": {"ink"},
    }
