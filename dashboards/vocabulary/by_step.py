"""Curves over training steps in place of time, several runs in one picture.

Prometheus knows time alone, so each curve asks for two series: where the run stood, rounded down to a common grid of
steps, and what is to be drawn. Where it stood is what the model has learned: a run that went back to a checkpoint draws over
the steps that it lost. Grafana joins them by time and run, and turns them into a table with a row for each step
of the grid and a column for each run. Its *trend* panel draws that table since Grafana 10; any Grafana shows it.
"""

from __future__ import annotations

from typing import TypeVar

from dashboards.vocabulary.absent import or_absent, present
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.names import CALLED, DRAWN, named
from dashboards.vocabulary.panels import NO_VALUE, describe, short_reason, style_lines, symmetric_log
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import dashboard, model, table, trend
from dashboards.vocabulary.tables import CELL_MODE, shaded
from dashboards.vocabulary.units import COUNT
from dashboards.vocabulary.variables import computed

#: The variable that holds the distance between two steps of the grid.
GRID = "grid"

#: Approximate number of grid steps of the longest run.
_POINTS = 300

#: Least width of a run's column in pixels: Grafana's own 150 leave room for three runs on a laptop.
_COLUMN = 80

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
        # Without a run, a query would have no number in its place.
        f"clamp_min(10 ^ ceil(log10({longest} / {_POINTS})), 1) or vector(1)",
    ).hide(model.VariableHide.HIDE_VARIABLE)


def curve(
    title: str,
    selector: str,
    *,
    description: str,
    unit: str,
    expr: str | None = None,
    empty: Reason | None = None,
    linear_to: float | None = None,
    width: int = 12,
    height: int = 9,
) -> trend.Panel:
    """A curve a run over training steps.

    Args:
        title: What is shown.
        selector: The series to draw, one a run.
        description: What it says about a run, and what to look for.
        unit: Unit of the values.
        expr: What is drawn of these series; they themselves if ``None``.
        empty: Why it may be empty; without one it may not.
        linear_to: Up to which distance from 0 the axis is linear; beyond, it is logarithmic. All of it if ``None``.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = _over_steps(trend.Panel(), title, selector, description, unit=unit, expr=expr, empty=empty)
    panel.span(width).height(height).x_field(_STEP).no_value(NO_VALUE)
    # A run has no value at the steps of the grid that no scrape saw.
    style_lines(panel, last="none").span_nulls(True)
    return panel if linear_to is None else panel.scale_distribution(symmetric_log(linear_to))


def curve_table(
    title: str,
    selector: str,
    description: str,
    *,
    unit: str,
    expr: str | None = None,
    empty: Reason | None = None,
    width: int = 12,
    height: int = 9,
) -> table.Panel:
    """The same as :func:`curve`, as a table: a row for each step of the grid, a column for each run."""
    panel = _over_steps(table.Panel(), title, selector, description, unit=unit, expr=expr, empty=empty)
    panel.span(width).height(height).filterable(False).no_value(NO_VALUE).min_width(_COLUMN)
    # Shades span the values of all numeric columns: as text, steps do not count.
    panel.with_transformation(_converted(_STEP, "string"))
    return shaded(panel).override_by_name(_STEP, [model.DynamicConfigValue(CELL_MODE, "auto")])


def _over_steps(
    panel: Curve,
    title: str,
    selector: str,
    description: str,
    *,
    unit: str,
    expr: str | None,
    empty: Reason | None,
) -> Curve:
    steps = _by_name(series("model_step"))
    panel.title(title).description(describe(description, empty)).datasource(DATASOURCE).unit(unit)
    panel.max_data_points(_POINTS)
    # Without any value there is one run that is not there: Grafana misses the column of steps otherwise. Where others have
    # values, a run without keeps its place in the colours.
    on_grid = f"floor({steps} / ${GRID}) * ${GRID} and on () {present(selector)}"
    panel.with_target(
        Query(or_absent(on_grid, selector, CALLED, short_reason(empty), 0), table=True).target("A")
    )
    panel.with_target(Query(_by_name(expr or selector), table=True).target("B"))
    matrix = f"Value #A\\{CALLED}"
    for transformation in (
        _transformation("merge"),
        # Columns come in the order in which their runs are first met, and colours in the order of columns.
        _transformation("sortBy", fields={}, sort=[{"field": CALLED}]),
        _transformation(
            "groupingToMatrix",
            rowField="Value #A",
            columnField=CALLED,
            valueField="Value #B",
            emptyValue="null",
        ),
        # The column of steps comes out as text.
        _converted(matrix, "number"),
        _transformation("sortBy", fields={}, sort=[{"field": matrix}]),
        _transformation("organize", excludeByName={}, indexByName={}, renameByName={matrix: _STEP}),
    ):
        panel.with_transformation(transformation)
    # Unit and scale of the panel are those of the values.
    own = {"unit": COUNT, "decimals": 0, "custom.scaleDistribution": {"type": "linear"}}
    return panel.override_by_name(
        _STEP, [model.DynamicConfigValue(name, value) for name, value in own.items()]
    )


def _by_name(expr: str) -> str:
    """One series a run, with its name and no other label."""
    return f"max by ({CALLED}) ({named(f'max by (model, run) ({expr})', newest=DRAWN)})"


def _converted(field: str, kind: str) -> model.DataTransformerConfig:
    conversions = [{"targetField": field, "destinationType": kind}]
    return _transformation("convertFieldType", conversions=conversions, fields={})


def _transformation(name: str, **options: object) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(name, options=options)
