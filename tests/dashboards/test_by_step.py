"""Curves over training steps: steps are counted in full on an axis of their own, and a run has one colour."""

import re

from dashboards.reading import Json, panels


def _over_steps(dashboard: Json) -> list[Json]:
    return [
        panel
        for panel in panels(dashboard)
        if any(
            one["id"] == "organize" and "Step" in one["options"]["renameByName"].values()
            for one in panel.get("transformations", [])
        )
    ]


def _of_steps(panel: Json) -> dict[str, object]:
    return {
        one["id"]: one["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == "Step"
        for one in override["properties"]
    }


def test_steps_do_not_have_the_unit_and_scale_of_the_values(dashboard: Json):
    """An axis of steps in percent reads 160000 %."""
    for panel in _over_steps(dashboard):
        assert (_of_steps(panel)["unit"], _of_steps(panel)["decimals"]) == ("locale", 0), panel["title"]
        assert _of_steps(panel)["custom.scaleDistribution"] == {"type": "linear"}, panel["title"]


def test_columns_of_runs_come_in_the_order_of_their_names_as_lines_over_time_do(dashboard: Json):
    """Colours follow that order: a run has the same one above and below."""
    for panel in _over_steps(dashboard):
        steps = [one["id"] for one in panel["transformations"]]
        before = panel["transformations"][steps.index("groupingToMatrix") - 1]
        assert before["options"]["sort"] == [{"field": "called"}], panel["title"]
    for panel in panels(dashboard):
        if dashboard["uid"] == "traingauge-compare-runs" and panel["type"] == "timeseries":
            (target,) = panel["targets"]
            assert " group_left (called) (" in target["expr"], panel["title"]


def test_steps_in_a_table_do_not_count_for_the_shades_of_its_values(dashboard: Json):
    for panel in _over_steps(dashboard):
        if panel["type"] == "table":
            last = panel["transformations"][-1]
            assert last["id"] == "convertFieldType", panel["title"]
            assert last["options"]["conversions"] == [{"targetField": "Step", "destinationType": "string"}]


def test_a_run_without_a_value_at_a_step_of_the_grid_is_drawn_without_a_gap(dashboard: Json):
    for panel in _over_steps(dashboard):
        if panel["type"] == "trend":
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is True, panel["title"]


def test_without_any_value_there_is_a_run_that_is_not_there(dashboard: Json):
    """Grafana says that it misses the column of steps otherwise."""
    for panel in _over_steps(dashboard):
        steps, values = (target["expr"] for target in panel["targets"])
        (selector,) = re.findall(r"^max by \(called\) \(\((?:max by \([\w, ]+\) \(+)+([^()]*)\)", values)
        absent = f"unless on () group(last_over_time({selector}[$__range] @ end())))"
        says = r' or on \(\) \(label_replace\(vector\(0\), "called", "no [a-z ]+", "", ""\) '
        assert re.search(says + re.escape(absent) + "$", steps), panel["title"]


def test_the_grid_of_steps_is_a_number_even_without_a_run(dashboard: Json):
    """Prometheus refuses a query without one."""
    for variable in dashboard["templating"]["list"]:
        if variable["name"] == "grid":
            assert variable["query"].endswith(" or vector(1))")
