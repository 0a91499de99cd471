"""Tables whose columns are the values of a label: a confusion matrix, or a column a run."""

from __future__ import annotations

from dashboards.vocabulary.panels import describe, why_empty
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.sdk import model, table
from dashboards.vocabulary.tables import CELL_MODE, shaded
from dashboards.vocabulary.units import TEXT

#: Width of a column in pixels, at least; Grafana's default of 150 shows four classes.
_NARROW = 50


def matrix(
    title: str,
    expr: str,
    *,
    rows: str,
    columns: str,
    description: str,
    unit: str,
    decimals: int | None = None,
    maximum: float | None = None,
    empty: str = "",
    width: int = 12,
    height: int = 10,
) -> table.Panel:
    """The values now, a row for each value of one label and a column for each of another, shaded by value.

    Args:
        title: What is shown.
        expr: Its result has the two labels and no others.
        rows: The label of the rows.
        columns: The label of the columns.
        description: What it says about a run, and what to look for.
        unit: Unit of the cells.
        decimals: Digits after the point.
        maximum: The value of the strongest shade; the largest if ``None``.
        empty: Why it may be empty; without one it may not.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = table.Panel().title(title).description(describe(description, empty)).datasource(DATASOURCE)
    panel.span(width).height(height).unit(unit).no_value(why_empty(empty)).filterable(False).min(0)
    panel.with_target(Query(expr, instant=True, table=True).target("A"))
    for transformation in (
        # Columns come in the order in which their labels are first met, so the rows are sorted by them before.
        _sorted_by(columns),
        _transformation(
            "groupingToMatrix", columnField=columns, rowField=rows, valueField="Value", emptyValue="null"
        ),
        _sorted_by(f"{rows}\\{columns}"),
    ):
        panel.with_transformation(transformation)
    shaded(panel).min_width(_NARROW)
    # Names of rows that are numbers would be taken for values.
    panel.override_by_name(
        f"{rows}\\{columns}",
        [
            model.DynamicConfigValue("unit", TEXT),
            model.DynamicConfigValue(CELL_MODE, "auto"),
            model.DynamicConfigValue("displayName", rows.capitalize()),
        ],
    )
    if decimals is not None:
        panel.decimals(decimals)
    return panel if maximum is None else panel.max(maximum)


def _sorted_by(field: str) -> model.DataTransformerConfig:
    return _transformation("sortBy", sort=[{"field": field}])


def _transformation(name: str, **options: object) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(name, options=options)
