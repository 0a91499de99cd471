"""Curves over training steps in place of time, several runs in one picture.

Prometheus knows time alone, so each curve asks for two series: where the run stood, rounded down to a common grid of
steps, and what is to be drawn. Where it stood is what the model has learned: a run that went back to a checkpoint draws over
the steps that it lost. Grafana joins them by time and run, and turns them into a table with a row for each step
of the grid and a column for each run. Its *trend* panel draws that table since Grafana 10; any Grafana shows it.
"""

from __future__ import annotations

from typing import TypeVar

from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import NO_VALUE, describe, style_lines
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.sdk import dashboard, model, table, trend
from dashboards.vocabulary.tables import CELL_MODE, shaded
from dashboards.vocabulary.variables import computed

#: The variable that holds the distance between two steps of the grid.
GRID = "grid"

#: Approximate number of grid steps of the longest run.
_POINTS = 300

#: The two ways to show a curve.
Curve = TypeVar("Curve", trend.Panel, table.Panel)

#: Name of the column of steps.
_STEP = "Step"


def step_grid() -> dashboard.QueryVariable:
    """The distance between two steps of the grid: a power of ten, by the longest of the chosen runs."""
    longest = f"max(max_over_time({series('model_step')}[$__range]))"
    return computed(
        GRID,
        "Step grid",
        "Training steps between two points of a curve, by the longest run",
        f"clamp_min(10 ^ ceil(log10({longest} / {_POINTS})), 1)",
    )


def curve(
    title: str,
    selector: str,
    *,
    description: str,
    unit: str,
    empty: str = "",
    width: int = 12,
    height: int = 9,
) -> trend.Panel:
    """A curve a run over training steps.

    Args:
        title: What is shown.
        selector: The series to draw, one a run.
        description: What it says about a run, and what to look for.
        unit: Unit of the values.
        empty: Why it may be empty; without one it may not.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = _over_steps(trend.Panel(), title, selector, describe(description, empty), unit)
    panel.span(width).height(height).x_field(_STEP)
    return style_lines(panel)


def curve_table(
    title: str,
    selector: str,
    description: str,
    *,
    unit: str,
    empty: str = "",
    width: int = 12,
    height: int = 9,
) -> table.Panel:
    """The same as :func:`curve`, as a table: a row for each step of the grid, a column for each run."""
    panel = _over_steps(table.Panel(), title, selector, describe(description, empty), unit)
    panel.span(width).height(height).filterable(False)
    return shaded(panel).override_by_name(
        _STEP,
        [
            model.DynamicConfigValue("unit", "none"),
            model.DynamicConfigValue(CELL_MODE, "auto"),
        ],
    )


def _over_steps(panel: Curve, title: str, selector: str, description: str, unit: str) -> Curve:
    steps = f"max by (run) ({series('model_step')})"
    panel.title(title).description(description).datasource(DATASOURCE).unit(unit).no_value(NO_VALUE)
    panel.max_data_points(_POINTS)
    panel.with_target(Query(f"floor({steps} / ${GRID}) * ${GRID}", table=True).target("A"))
    panel.with_target(Query(f"max by (run) ({selector})", table=True).target("B"))
    matrix = "Value #A\\run"
    for name, options in (
        ("merge", {}),
        (
            "groupingToMatrix",
            {"rowField": "Value #A", "columnField": "run", "valueField": "Value #B", "emptyValue": "null"},
        ),
        # The column of steps comes out as text.
        (
            "convertFieldType",
            {"conversions": [{"targetField": matrix, "destinationType": "number"}], "fields": {}},
        ),
        ("sortBy", {"fields": {}, "sort": [{"field": matrix}]}),
        ("organize", {"excludeByName": {}, "indexByName": {}, "renameByName": {matrix: _STEP}}),
    ):
        panel.with_transformation(model.DataTransformerConfig(name, options=options))
    return panel
