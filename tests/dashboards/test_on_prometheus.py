"""Every expression, executed on a real Prometheus that holds healthy, faulty, crashed and running runs."""

import itertools
import json
import math
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from alerting.inlined import DEFAULT, thresholds
from dashboards.example.history import END
from dashboards.example.hosts import POD
from dashboards.example.runs import RUNS
from dashboards.example.store import Prometheus, PromQLError, Store
from dashboards.promql import selectors
from dashboards.reading import Expression, Json, expressions, panels
from dashboards.render import RENDERED
from dashboards.vocabulary.identity import IDENTITY, identified
from dashboards.vocabulary.matrix import SAME
from dashboards.vocabulary.metrics import OF_THE_SERVERS
from dashboards.vocabulary.panels import MAY_BE_EMPTY
from dashboards.vocabulary.states import state_codes
from simulation.clock import BEGIN, SCRAPE_SECONDS
from traingauge.catalog import RUN_STATES
from traingauge.stack.programs import find_programs

pytestmark = pytest.mark.servers

#: What is chosen: one run, or all of them.
EVERYTHING = {
    **dict.fromkeys(("class", "feature", "moved", "host", "node"), ".+"),
    **{"scored": "validation", "statistic": "psi", "signal": "loss", "grid": "10"},
}
SELECTIONS = {
    "one run": {"model": "digits", "run": "faulty", **EVERYTHING, **dict.fromkeys(IDENTITY, "")},
    "all runs": {"model": ".+", "run": ".+", **EVERYTHING, **dict.fromkeys(IDENTITY, ".*")},
}

#: Moments at which one looks: in a faulty minute of the faulty run, and at the end.
MOMENTS = (BEGIN + 38 * 60, END)

#: The page that follows the wrong labels of this history.
INCIDENT = Path(__file__).parents[2] / "docs" / "how-to" / "incident.md"

CONFUSION = "Confusion: actual class by row, predicted by column"

#: Events that the history does not have.
NEVER_HAPPENS = {"Restarts"}

#: Panels that the history leaves empty, for the reason that they give.
LEFT_EMPTY: dict[str, set[str]] = {
    "traingauge-run-overview": {
        "Alarms of the detectors",
        # Each of its models has one output; test_kinds.py fills these.
        "Loss of each output",
        "Accuracy and F1 of each output",
        "Regression error of each output",
        "Step of the last alarm",
        "Model parameters",
        "Architecture changes",
    },
    "traingauge-data-and-drift": {"Predictions", "Prediction drift"},
    "traingauge-monitoring-health": {
        "Errors inside traingauge",
        "Series and rows left out",
        "Age of what waits to be sent",
        "Rows and readings that wait to be sent",
        "Failed requests, samples moved and given up",
        "Failed and missed evaluations",
    },
}


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with Store.made(tmp_path_factory.mktemp("history")).served() as server:
        yield server
        answered.cache_clear()


@cache
def answered(prometheus: Prometheus, text: str, instant: bool) -> list[dict[str, Any]]:
    """The answer to a query; several tests look at the same one."""
    if not instant:
        return prometheus.over(text)
    return [series for moment in MOMENTS for series in prometheus.at(text, moment)]


def results(
    prometheus: Prometheus, expression: Expression, selection: dict[str, str]
) -> list[dict[str, Any]]:
    if selection is SELECTIONS["all runs"]:
        # Also where a dashboard chooses one.
        expression = replace(expression, text=re.sub(r'="(\$\w+)"', r'=~"\1"', expression.text))
    return answered(prometheus, expression.filled_in(selection), expression.instant)


def test_the_history_was_recorded_without_an_error_inside_the_monitor(prometheus: Prometheus):
    assert prometheus.over("model_monitor_errors_total > 0") == []


def test_runs_that_are_worse_than_their_baseline_raise_an_alert(prometheus: Prometheus):
    fired = prometheus.over(
        'ALERTS{alertname="ModelScoreBelowBaseline", alertstate="firing", metric="precision"}'
    )
    assert {one["metric"]["run"] for one in fired} == {"crashed", "faulty"}, (
        "one never reached it, one fell below it"
    )


def test_every_score_that_has_a_baseline_is_compared_with_it(prometheus: Prometheus):
    compared = "count by (model, run, metric) (last_over_time(model_run_split:model_baseline:shortfall[2h]))"
    assert (
        prometheus.at(f"last_over_time(model_baseline[2h]) unless on (model, run, metric) {compared}") == []
    )


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_every_expression_is_answered_without_an_error(
    prometheus: Prometheus, dashboard: Json, selection: dict[str, str]
):
    for expression in expressions(dashboard):
        results(prometheus, expression, selection)


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_no_query_is_empty_unless_its_panel_says_why(
    prometheus: Prometheus, dashboard: Json, selection: dict[str, str]
):
    excused = {
        panel["title"] for panel in panels(dashboard) if MAY_BE_EMPTY in panel["description"]
    } | NEVER_HAPPENS
    if selection is SELECTIONS["one run"]:
        # A column of a table stays blank where this one run does not report its value.
        excused |= {panel["title"] for panel in panels(dashboard) if panel["type"] == "table"}
    empty = {
        f"{expression.where} {expression.ref}: {expression.text}"
        for expression in expressions(dashboard)
        if expression.where not in excused and not results(prometheus, expression, selection)
    }
    assert not empty


def test_the_history_fills_the_panels_that_may_be_empty_too(prometheus: Prometheus, dashboard: Json):
    """Otherwise they would never have been seen with data."""
    shown = {
        expression.where
        for expression in expressions(dashboard)
        if results(prometheus, expression, SELECTIONS["all runs"])
    }
    empty = {panel["title"] for panel in panels(dashboard)} - shown
    assert empty <= LEFT_EMPTY.get(dashboard["uid"], set())


def test_every_default_threshold_is_drawn_for_a_run_that_sets_none(prometheus: Prometheus, dashboard: Json):
    running = SELECTIONS["one run"] | {"run": "running"}
    defaults = thresholds()
    missing = {
        f"{expression.where}: {metric}, {severity}"
        for expression in expressions(dashboard)
        for metric, severity in re.findall(DEFAULT + r'{metric="(\w+)", severity="(\w+)"}', expression.text)
        if expression.where not in LEFT_EMPTY.get(dashboard["uid"], set())
        and severity in defaults.get(metric, {})
        and not results(prometheus, expression, running)
    }
    assert not missing


def test_what_a_killed_run_published_ends_with_it(prometheus: Prometheus):
    """As in a Prometheus that scrapes, and not 5 minutes later."""
    published, answers = (f'{name}{{run="crashed"}}' for name in ("model_loss_window_mean", "up"))
    ended = [at for at, value in prometheus.over(answers)[0]["values"] if value == "1"][-1]
    assert prometheus.at(published, ended)
    assert not prometheus.at(published, ended + 60)


def _column(name: str, title: str, heading: str, selection: str = "all runs") -> str:
    """What a column of a table asks for."""
    table = next(
        panel
        for panel in panels(json.loads((RENDERED / f"{name}.json").read_text()))
        if panel["title"] == title
    )
    headings = table["transformations"][1]["options"]["renameByName"]
    (column,) = (
        target["expr"] for target in table["targets"] if headings[f"Value #{target['refId']}"] == heading
    )
    return Expression(title, "panel", column).filled_in(SELECTIONS[selection])


@pytest.mark.parametrize(
    ("name", "title", "heading"),
    [
        ("fleet", "Runs", "Train loss"),
        ("compare-runs", "Chosen runs", "Train loss"),
        ("compare-runs", "Chosen runs", "Val. loss"),
        ("compare-runs", "Chosen runs", "Below baseline"),
    ],
)
def test_a_run_whose_loss_is_not_finite_does_not_look_good_in_a_table(
    prometheus: Prometheus, name: str, title: str, heading: str
):
    broken = BEGIN + 54.5 * 60
    answer = prometheus.at(_column(name, title, heading), broken)
    values = {one["metric"]["run"]: float(one["value"][1]) for one in answer}
    assert [run for run, value in values.items() if math.isinf(value)] == ["faulty"]


def test_the_line_of_the_training_loss_of_a_run_ends_where_its_loss_is_not_finite(prometheus: Prometheus):
    for name, title in (
        ("fleet", "Training loss of the newest runs"),
        ("compare-runs", "Training loss over time"),
    ):
        dashboard = json.loads((RENDERED / f"{name}.json").read_text())
        (panel,) = (one for one in panels(dashboard) if one["title"] == title)
        asked = Expression(title, "panel", panel["targets"][0]["expr"]).filled_in(SELECTIONS["all runs"])
        drawn = {one["metric"]["called"] for one in prometheus.at(asked, BEGIN + 54.5 * 60)}
        assert drawn == {"running"}, "faulty runs too, and its loss is NaN"


@pytest.mark.parametrize("title", ["Training loss", "Training loss at step"])
def test_the_training_loss_at_a_step_is_not_a_number_where_that_of_the_step_is_not(
    prometheus: Prometheus, title: str
):
    """The mean of the steps of the window that are finite rises on, while lines over time have ended."""
    (values,) = (
        Expression(title, "panel", target["expr"])
        for panel in panels(json.loads((RENDERED / "compare-runs.json").read_text()))
        if panel["title"] == title
        for target in panel["targets"]
        if target["refId"] == "B"
    )
    answer = prometheus.at(values.filled_in(SELECTIONS["all runs"]), BEGIN + 54.5 * 60)
    drawn = {one["metric"]["called"]: float(one["value"][1]) for one in answer}
    assert math.isnan(drawn.pop("faulty"))
    assert set(drawn) == {"running"}
    assert math.isfinite(drawn["running"])


def test_an_alert_that_fires_in_two_severities_holds_since_the_worse_one_does(prometheus: Prometheus):
    """Labels drifted above the warning threshold at 09:32:30, and above the critical one at 09:33."""
    for name, title, selection in (
        ("run-overview", "Firing alerts", "one run"),
        ("fleet", "Firing alerts by run", "all runs"),
    ):
        asked = _column(name, title, "Holds since", selection)
        (since,) = {
            float(one["value"][1])
            for one in prometheus.at(asked, MOMENTS[0])
            if (one["metric"]["alertname"], one["metric"].get("run", "faulty"))
            == ("ModelLabelDrift", "faulty")
        }
        assert since / 1000 == BEGIN + 33 * 60


def test_the_page_about_an_incident_dates_label_drift_as_the_history_does(prometheus: Prometheus):
    run = 'model="digits", run="faulty"'
    firing = f'ALERTS{{alertname="ModelLabelDrift", alertstate="firing", severity="critical", {run}}}'
    held = firing.replace("ALERTS", "ALERTS_FOR_STATE").replace('alertstate="firing", ', "")

    def minutes(expr: str) -> list[str]:
        (series,) = prometheus.over(expr, since=BEGIN + 27 * 60, until=MOMENTS[0])
        return [datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at, _ in series["values"]]

    page = " ".join(INCIDENT.read_text().split())
    drift = f'model_label_drift{{statistic="psi", {run}}}'
    assert f"The last scrape that saw it at 0 is that of {minutes(f'{drift} == 0')[-1]}:" in page
    assert f"last checkpoint before {minutes(f'{drift} == 0')[-1]}." in page
    assert f"**It rises at {minutes(f'{drift} > 0')[0]},**" in page
    assert f"0.5, in the scrape of {minutes(f'{drift} > 0.5')[0]}: *Holds since*" in page
    assert minutes(held)[0] == minutes(f"{drift} > 0.5")[0]
    assert f"The alert fires at {minutes(firing)[0]}," in page


def test_the_page_about_an_incident_counts_the_samples_of_lost_classes_as_the_history_does(
    prometheus: Prometheus,
):
    page = " ".join(INCIDENT.read_text().split())

    def support(split: str, moment: float) -> dict[str, str]:
        asked = f'model_class_support{{model="digits", run="faulty", split="{split}", class=~"3|4"}}'
        return {one["metric"]["class"]: one["value"][1] for one in prometheus.at(asked, moment)}

    counted = support("validation", MOMENTS[0])
    assert counted == support("validation", BEGIN + 31 * 60)
    assert f"{counted['3']} are still labelled 3, and {counted['4']} are labelled 4." in page
    assert support("train", MOMENTS[0]) == {"3": "0", "4": "0"}


def test_no_run_seems_to_slow_down_because_it_has_ended(prometheus: Prometheus):
    """A rate falls for as long as it looks back, and the legend shows its last value."""
    dashboard = json.loads((RENDERED / "compare-runs.json").read_text())
    (panel,) = (one for one in panels(dashboard) if one["title"] == "Training steps per second")
    asked = Expression(panel["title"], "panel", panel["targets"][0]["expr"]).filled_in(SELECTIONS["all runs"])
    last = {one["metric"]["called"]: float(one["values"][-1][1]) for one in prometheus.over(asked)}
    assert set(last) == {run.name for run in RUNS}
    assert min(last.values()) > 0.4, "a step takes two seconds"


def test_no_line_of_a_run_whose_loss_is_not_a_number_ends_with_a_number(prometheus: Prometheus):
    """The mean over the window leaves out the steps that are not finite."""
    dashboard = json.loads((RENDERED / "run-overview.json").read_text())
    (panel,) = (one for one in panels(dashboard) if one["title"] == "Loss")
    for target in (
        one for one in panel["targets"] if one["legendFormat"] in {"train", "last step, {{split}}"}
    ):
        (line,) = prometheus.over(
            Expression("Loss", "panel", target["expr"]).filled_in(SELECTIONS["one run"]),
            until=BEGIN + 54.5 * 60,
        )
        values = [float(value) for _, value in line["values"]]
        assert math.isnan(values[-1]), target["legendFormat"]
        assert math.isfinite(values[0])


def test_the_training_loss_of_a_run_is_one_number_wherever_tables_show_it(prometheus: Prometheus):
    shown = {
        json.dumps(
            sorted((one["metric"]["run"], one["value"][1]) for one in prometheus.at(asked, MOMENTS[0]))
        )
        for name, title in (("fleet", "Runs"), ("compare-runs", "Chosen runs"))
        for asked in [_column(name, title, "Train loss")]
    }
    assert len(shown) == 1


def test_a_class_that_is_never_predicted_has_the_lowest_precision_in_the_heatmap(prometheus: Prometheus):
    """All 3s and 4s are labelled 8 and 9; a precision that does not exist would be a gap."""
    classes = json.loads((RENDERED / "classes.json").read_text())
    (panel,) = (one for one in panels(classes) if one["title"] == "Precision of each class")
    asked = Expression(panel["title"], "panel", panel["targets"][0]["expr"]).filled_in(SELECTIONS["one run"])
    drawn = {one["metric"]["class"]: float(one["value"][1]) for one in prometheus.at(asked, MOMENTS[0])}
    assert set(drawn) == set("0123456789")
    assert {name for name, value in drawn.items() if value == 0} == {"3", "4"}


def test_only_a_class_with_samples_is_said_to_be_never_predicted(prometheus: Prometheus):
    """A pass whose predictions are all NaN has no samples that count."""
    classes = json.loads((RENDERED / "classes.json").read_text())
    (table,) = (one for one in panels(classes) if one["title"] == "Classes by recall")
    (asked,) = (one["expr"] for one in table["targets"] if "model_class_precision" in one["expr"])
    filled = Expression("", "panel", asked).filled_in(SELECTIONS["one run"])
    relabelled, broken = (
        {one["metric"]["class"]: float(one["value"][1]) for one in prometheus.at(filled, moment)}
        for moment in (MOMENTS[0], BEGIN + 54.5 * 60)
    )
    assert {name for name, value in relabelled.items() if math.isnan(value)} == {"3", "4"}
    assert set(relabelled) == set("0123456789")
    assert broken == {}


def test_the_diagonal_of_a_confusion_matrix_is_in_its_column_and_nowhere_else(prometheus: Prometheus):
    """So that every cell outside of that column is an error."""
    classes = json.loads((RENDERED / "classes.json").read_text())
    for panel in (one for one in panels(classes) if one["title"].startswith("Confusion")):
        asked = Expression(panel["title"], "panel", panel["targets"][0]["expr"]).filled_in(
            SELECTIONS["one run"]
        )
        cells = {
            (one["metric"]["actual"], one["metric"]["predicted"]): float(one["value"][1])
            for one in prometheus.at(asked, MOMENTS[0])
        }
        assert {actual for actual, predicted in cells if predicted == SAME} == set("0123456789")
        assert not any(actual == predicted for actual, predicted in cells)
        # The fault of the run at this moment: all 3s are labelled 8.
        assert (cells["3", SAME], cells["2", "8"]) == (0, 0)
        assert cells["3", "8"] == max(
            cells["3", predicted] for _, predicted in cells if ("3", predicted) in cells
        )


def test_a_table_has_a_row_for_each_set_of_the_labels_that_its_columns_share(
    prometheus: Prometheus, dashboard: Json
):
    """Columns are joined by the labels that more than one has: one that lacks such a label would open rows of its own."""
    for panel in panels(dashboard):
        targets = [target["refId"] for target in panel["targets"] if target["format"] == "table"]
        if len(targets) < 2:
            continue
        answers = [
            results(prometheus, expression, SELECTIONS["all runs"])
            for expression in expressions(dashboard)
            if (expression.kind, expression.where) == ("panel", panel["title"])
        ]
        columns = [{label for one in answer for label in one["metric"]} for answer in answers if answer]
        shared = {label for label, count in Counter(itertools.chain(*columns)).items() if count > 1}
        assert all(shared <= column for column in columns), panel["title"]
        for answer in answers:
            # The answer of an instant query holds one moment after the other.
            moments = Counter(
                (one["value"][0], *sorted((label, one["metric"][label]) for label in shared))
                for one in answer
                if "value" in one
            )
            assert set(moments.values()) <= {1}, panel["title"]


def test_the_row_that_stands_for_none_is_not_there_with_others(prometheus: Prometheus, dashboard: Json):
    """A column that is empty for all rows, such as the severity of healthy runs, does not mean that there are none."""
    calm = BEGIN + 3 * 60
    for panel in panels(dashboard):
        asked = [
            Expression(panel["title"], "panel", target["expr"]).filled_in(SELECTIONS["all runs"])
            for target in panel["targets"]
        ]
        for one in (text for text in asked if "label_replace(vector(NaN)" in text):
            if [series["value"][1] for series in prometheus.at(one, calm)] == ["NaN"]:
                others = [text for text in asked if text != one and prometheus.at(text, calm)]
                assert others == [], panel["title"]


def test_an_event_that_is_drawn_where_it_happened_is_one_sample(prometheus: Prometheus, dashboard: Json):
    """Grafana joins samples of neighbouring steps to a region."""
    at_value = {one["name"] for one in dashboard["annotations"]["list"] if one["useValueForTime"]}
    for expression in expressions(dashboard):
        if expression.kind == "annotation" and expression.where not in at_value:
            for one in results(prometheus, expression, SELECTIONS["all runs"]):
                moments = [moment for moment, _ in one["values"]]
                assert all(b - a > SCRAPE_SECONDS for a, b in itertools.pairwise(moments)), expression.where


def test_no_query_reads_many_more_series_than_it_shows(prometheus: Prometheus, dashboard: Json):
    """Buckets, reasons and severities of a run are added up in a panel; a scan over everything is not.

    How many series a server has of itself does not depend on runs: Alertmanager 0.33 counts five reasons of failure for
    each of 18 integrations, whichever are used.
    """
    one_run = SELECTIONS["one run"] | {"moved": "block_1_1"}
    for expression in expressions(dashboard):
        if expression.kind == "panel":
            shown, read = len(results(prometheus, expression, one_run)), Counter()
            for selector in selectors(promql.parse(expression.filled_in(one_run))):
                for one in answered(prometheus, f"count({selector})", instant=False):
                    most = max((float(value) for _, value in one["values"]), default=0)
                    read["servers" if selector.name in OF_THE_SERVERS else "runs"] += most
            assert read["runs"] <= 64 + 8 * shown, f"{expression.where}: {read} for {shown}"
            assert read["servers"] <= max(128, 64 + 8 * shown), f"{expression.where}: {read} for {shown}"


def test_an_error_of_prometheus_is_not_taken_for_an_empty_answer(prometheus: Prometheus):
    with pytest.raises(PromQLError, match="parse error"):
        prometheus.at("sum by (")


@pytest.mark.parametrize("host", [socket.gethostname(), POD, "another"], ids=["machine", "pod", "another"])
def test_the_node_and_the_gpus_of_a_run_are_found_by_its_host_be_it_a_machine_or_a_pod(
    prometheus: Prometheus, host: str
):
    dashboard = json.loads((RENDERED / "run-overview.json").read_text())
    chosen = SELECTIONS["one run"] | {"host": host}
    found = {
        expression.where: prometheus.at(expression.filled_in(chosen))
        for expression in expressions(dashboard)
        if (expression.kind, expression.where) in {("variable", "node"), ("panel", "GPU utilisation")}
    }
    nodes = [one["metric"]["instance"] for one in found["node"]]
    gpus = [one["metric"]["gpu"] for one in found["GPU utilisation"]]
    assert (nodes, gpus) == (([], []) if host == "another" else (["gpu-1:9100"], ["0"]))


def test_the_series_of_the_servers_are_what_real_servers_publish(prometheus: Prometheus):
    for name, labels in OF_THE_SERVERS.items():
        found = prometheus.at(name)
        assert found, name
        assert set(labels) <= set(found[0]["metric"]), name


def test_each_run_has_the_code_of_its_state_however_its_end_is_known(tmp_path: Path):
    """By its own series, by the label of a target that notes the end, or by neither."""
    states = "".join(
        f"""
- {{series: 'model_run_state{{model="m", run="{run}", state="{state}"}}', values: "{now:d}x4"}}"""
        for run, now_in in {"training": "running", "done": "finished", "broken": "failed"}.items()
        for state, now in ((state, state == now_in) for state in RUN_STATES)
    )
    targets = (
        "".join(
            f"""
- {{series: 'up{{model="m", run="{run}"{labels}}}', values: "0x4"}}"""
            for run, labels in {"noted": ', ended="interrupted"', "killed": ""}.items()
        )
        + """
- {series: 'up{model="m", run="noted"}', values: "0x4"}"""
    )
    expected = {"training": 1, "done": 2, "broken": 3, "noted": 4, "killed": 5}
    asked = Expression("", "panel", identified(state_codes(), one_run=False)).filled_in(
        SELECTIONS["all runs"]
    )
    test = {
        "interval": "15s",
        "input_series": yaml.safe_load(states + targets),
        "promql_expr_test": [
            {
                "expr": asked,
                "eval_time": "1m",
                "exp_samples": [
                    {"labels": f'{{model="m", run="{run}"}}', "value": code} for run, code in expected.items()
                ],
            }
        ],
    }
    _passes(tmp_path, test)


def test_alertmanager_was_given_the_alerts_of_the_runs_and_muted_what_follows_from_others(
    prometheus: Prometheus,
):
    sent, held = (
        [series for series in prometheus.over(query) if series["metric"].get("state") != "unprocessed"]
        for query in ('alertmanager_notifications_total{integration="webhook"}', "alertmanager_alerts")
    )
    (counts,) = ([float(value) for _, value in one["values"]] for one in sent)
    assert len(set(counts)) > 3, "alerts came at several moments"
    most = {one["metric"]["state"]: max(float(value) for _, value in one["values"]) for one in held}
    assert most["active"] > 3
    assert most["suppressed"] > 3


def test_alertmanager_holds_the_alerts_that_fire_at_each_moment(prometheus: Prometheus):
    firing = 'count(count_over_time(ALERTS{alertstate="firing"}[15s]))'
    assert prometheus.over(f"sum(alertmanager_alerts) != {firing}") == []


@pytest.mark.parametrize("fault", [14, 28, 49])
def test_each_fault_of_the_faulty_run_is_notified(prometheus: Prometheus, fault: float):
    (run,) = (run for run in RUNS if run.name == "faulty")
    assert fault in run.faults
    begins = run.began + fault * 60
    sent = 'alertmanager_notifications_total{integration="webhook"}'
    before, after = (float(prometheus.at(sent, at)[0]["value"][1]) for at in (begins, begins + 6 * 60))
    assert after > before


def test_prometheus_holds_more_series_than_its_scrapes_bring(prometheus: Prometheus):
    (scraped,) = prometheus.over("sum(scrape_samples_scraped)")
    (held,) = prometheus.over("sum(prometheus_tsdb_head_series) > sum(scrape_samples_scraped)")
    assert {at for at, _ in scraped["values"]} <= {at for at, _ in held["values"]}


def test_an_alert_that_is_pending_in_both_severities_is_counted_as_critical_alone(tmp_path: Path):
    fleet = json.loads((RENDERED / "fleet.json").read_text())
    alert = 'ALERTS{alertname="ModelScoreLow", alertstate="pending", model="m", run="r", metric="recall"'
    asked = {
        panel["title"]: Expression("", "panel", panel["targets"][1]["expr"]).filled_in(SELECTIONS["all runs"])
        for panel in panels(fleet)
        if panel["title"] in {"Critical", "Warning"}
    }
    test = {
        "interval": "15s",
        "input_series": [
            {"series": f'{alert}, severity="{severity}"}}', "values": "1x4"}
            for severity in ("critical", "warning")
        ],
        "promql_expr_test": [
            {
                "expr": f"{asked[title]} or vector(0)",
                "eval_time": "1m",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for title, count in (("Critical", 1), ("Warning", 0))
        ],
    }
    _passes(tmp_path, test)


def test_a_restart_on_another_port_after_an_outage_is_one_event(tmp_path: Path):
    dashboard = json.loads((RENDERED / "run-overview.json").read_text())
    (restarts,) = (one for one in expressions(dashboard) if one.where == "Restarts")
    run = 'model="digits", run="nightly"'
    events = {"9m45s": 0, "19m45s": 0, "20m": 1, "20m15s": 0, "25m": 0}
    test = {
        "interval": "15s",
        "input_series": [
            {"series": f'model_restarts_total{{{run}, instance="a:1"}}', "values": "1x40 stale"},
            {"series": f'model_restarts_total{{{run}, instance="a:2"}}', "values": "_x80 2x40"},
        ],
        "promql_expr_test": [
            {
                "expr": f"count({restarts.filled_in(SELECTIONS['one run'] | {'run': 'nightly'})}) or vector(0)",
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for at, count in events.items()
        ],
    }
    _passes(tmp_path, test)


def _passes(directory: Path, test: dict[str, Any]) -> None:
    """Whether promtool finds what a unit test expects."""
    (directory / "test.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    promtool = find_programs().promtool.path
    done = subprocess.run(
        [promtool, "test", "rules", directory / "test.yml"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("uid", "run", "titles"),
    [
        ("classes", {"model": "digits", "run": "healthy"}, ("Classes by recall", CONFUSION)),
        (
            "data-and-drift",
            {"model": "diabetes", "run": "regression"},
            ("Features by drift", "Strongest drift"),
        ),
    ],
)
def test_what_a_run_ended_with_is_shown_when_it_has_been_over_for_a_while(
    prometheus: Prometheus, dashboard: Json, uid: str, run: dict[str, str], titles: tuple[str, ...]
):
    if dashboard["uid"] == f"traingauge-{uid}":
        shown = {
            expression.where
            for expression in expressions(dashboard)
            if expression.where in titles
            and any(
                float(one["value"][1]) >= 0
                for one in prometheus.at(expression.filled_in(SELECTIONS["one run"] | run), END)
            )
        }
        assert shown == set(titles)
