"""Runs of one name on two clusters, on a real Prometheus: each is a run of its own on every dashboard."""

import json
import re
from collections.abc import Iterator

import pytest

from dashboards.example import kinds
from dashboards.example.history import END, History
from dashboards.example.store import Prometheus, Store
from dashboards.reading import Expression, Json, expressions
from dashboards.render import RENDERED
from dashboards.vocabulary.identity import IDENTITY
from simulation.clock import BEGIN
from traingauge.stack.programs import find_programs

pytestmark = pytest.mark.servers

#: What a kind of run is on each cluster, and on none.
CLUSTERS = {"eu": "loss-alone", "us": "half-a-minute", "": "half-a-minute"}

MOMENT = BEGIN + 30

#: What is chosen in addition to a run.
CHOSEN = {"scored": "validation", "statistic": "psi", "signal": "loss", "grid": "10"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    history = History()
    for cluster, kind in CLUSTERS.items():
        one = History()
        one.take(kinds.KINDS[kind].record("nightly"), BEGIN)
        where = f'run="nightly",cluster="{cluster}"' if cluster else 'run="nightly"'
        for header, lines in one.lines.items():
            history.lines[header] += [line.replace('run="nightly"', where) for line in lines]
    store = Store(tmp_path_factory.mktemp("clusters"), find_programs())
    store.add(history.text())
    with store.served() as server:
        yield server


def _filled(expression: Expression, one_run: bool, cluster: str) -> str:
    chosen = dict.fromkeys(IDENTITY, "" if one_run else ".*") | {"cluster": cluster, **CHOSEN}
    chosen |= {"model": kinds.MODEL, "run": "nightly"}
    return expression.filled_in(dict.fromkeys(expression.variables, ".+") | chosen)


def _asked(name: str, where: str) -> Iterator[Expression]:
    rendered = json.loads((RENDERED / f"{name}.json").read_text())
    return (expression for expression in expressions(rendered) if expression.where == where)


def test_no_query_takes_two_runs_for_one(prometheus: Prometheus, dashboard: Json):
    """Prometheus refuses to join one series with two."""
    one_run = "traingauge-one-run" in dashboard["tags"]
    for expression in expressions(dashboard):
        for cluster in ("eu", "us", "") if one_run else (".*",):
            prometheus.over(_filled(expression, one_run, cluster), BEGIN + 60)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_dashboard_of_one_run_shows_the_one_on_the_chosen_cluster(prometheus: Prometheus, cluster: str):
    (progress,) = _asked("run-overview", "State")
    (found,) = prometheus.at(_filled(progress, True, cluster), MOMENT)
    assert found["metric"].get("cluster", "") == cluster


def test_a_table_of_runs_has_a_row_for_each_of_them_and_says_where_it_is(prometheus: Prometheus):
    columns = [
        prometheus.at(_filled(column, False, ".*"), MOMENT)
        for column in (*_asked("fleet", "Runs"), *_asked("compare-runs", "Chosen runs"))
    ]
    clusters = [sorted(one["metric"].get("cluster", "") for one in column) for column in columns if column]
    assert clusters
    assert all(found == ["", "eu", "us"] for found in clusters)
    places = {one["metric"].get("where", "") for column in columns for one in column}
    assert places == {"", "eu", "us"}


def test_lines_are_called_by_the_name_of_their_run_and_by_its_cluster_where_the_name_is_not_enough(
    prometheus: Prometheus,
):
    for dashboard, panel in (
        ("compare-runs", "Training loss over time"),
        ("fleet", "Training loss of the newest runs"),
        ("monitoring-health", "Scrapes of each run"),
    ):
        (expression,) = _asked(dashboard, panel)
        for cluster, names in (
            (".*", {"nightly kinds", "nightly kinds eu", "nightly kinds us"}),
            ("eu", {"nightly"}),
        ):
            found = prometheus.over(_filled(expression, False, cluster), BEGIN + 60)
            assert {one["metric"]["called"] for one in found} == names, panel


def test_a_curve_over_steps_is_drawn_for_each_of_them(prometheus: Prometheus):
    for target in _asked("compare-runs", "Training loss"):
        found = prometheus.over(_filled(target, False, ".*"), BEGIN + 60)
        assert {one["metric"]["called"] for one in found} == {
            "nightly kinds",
            "nightly kinds eu",
            "nightly kinds us",
        }


def test_the_places_of_a_run_are_found_and_no_place_is_one_of_them(prometheus: Prometheus):
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    (variable,) = (one for one in overview["templating"]["list"] if one["name"] == "cluster")
    (query,) = _asked("run-overview", "cluster")
    found = prometheus.at(_filled(query, True, ""), END)
    regex = re.compile(variable["regex"].strip("/"))
    labels = (", ".join(f'{name}="{value}"' for name, value in one["metric"].items()) for one in found)
    shown = [f"{{{listed}}} 1772442030 1772442030000" for listed in labels]
    assert sorted(regex.match(text)[1] for text in shown) == ["", "eu", "us"]
    assert variable["hide"] == 2
