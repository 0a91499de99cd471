"""A confusion matrix: a table whose columns are the values of a label."""

from __future__ import annotations

from dashboards.vocabulary import colours
from dashboards.vocabulary.panels import describe, why_empty
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import dashboard, model, table
from dashboards.vocabulary.tables import CELL_MODE, SOLID
from dashboards.vocabulary.thresholds import steps
from dashboards.vocabulary.units import TEXT

#: The value that stands in the label of the columns for that of the rows. Grafana colours a cell by its value and its column
#: alone: what is right has a column of its own, so that every colour in the others is an error.
SAME = "= actual"

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
    empty: Reason | None = None,
    width: int = 12,
    height: int = 10,
) -> table.Panel:
    """The values now, a row for each value of one label and a column for each of another, shaded by value.

    The column of what is right goes from red, where nothing is, to green; the others, of errors, are red where there are
    any, and blank where there are none.

    Args:
        title: What is shown.
        expr: Its result has the two labels and no others; what is right has :data:`SAME` in that of the columns.
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
    heading = f"{rows}\\{columns}"
    for transformation in (
        # Columns come in the order in which their labels are first met, so the rows are sorted by them before.
        _sorted_by(columns),
        _transformation(
            "groupingToMatrix", columnField=columns, rowField=rows, valueField="Value", emptyValue="null"
        ),
        _sorted_by(heading),
        _transformation("organize", indexByName={heading: 0, SAME: 1}, excludeByName={}, renameByName={}),
    ):
        panel.with_transformation(transformation)
    panel.color_scheme(_shades(model.FieldColorModeId.CONTINUOUS_REDS)).mappings(_blank()).min_width(_NARROW)
    panel.override_by_regexp("/.*/", [SOLID])
    # Names of rows that are numbers would be taken for values.
    panel.override_by_name(
        heading,
        [
            model.DynamicConfigValue("unit", TEXT),
            model.DynamicConfigValue("mappings", []),
            model.DynamicConfigValue(CELL_MODE, "auto"),
            model.DynamicConfigValue("displayName", rows.capitalize()),
        ],
    )
    panel.override_by_name(
        SAME,
        [
            *_right(maximum),
            model.DynamicConfigValue("mappings", []),
            model.DynamicConfigValue("displayName", "Correct"),
        ],
    )
    if decimals is not None:
        panel.decimals(decimals)
    return panel if maximum is None else panel.max(maximum)


def _right(maximum: float | None) -> list[model.DynamicConfigValue]:
    """Colours of what is right: nothing at all is the worst; of an amount without a maximum, any other is good."""
    if maximum is not None:
        mode = model.FieldColorModeId.CONTINUOUS_RD_YL_GR
        return [model.DynamicConfigValue("color", {"mode": mode.value})]
    some = steps(((None, colours.CRITICAL), (1, colours.GOOD)))
    return [
        model.DynamicConfigValue("color", {"mode": model.FieldColorModeId.THRESHOLDS.value}),
        model.DynamicConfigValue("thresholds", some.build()),
    ]


def _shades(mode: model.FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


def _blank() -> list[model.ValueMapping]:
    """Nothing is written where there is nothing: the cells that are filled are few, and name the errors."""
    nothing = model.ValueMappingResult(text=" ", index=0)
    absent = model.DashboardSpecialValueMapOptions(match=model.SpecialValueMatch.NULL_AND_NAN, result=nothing)
    return [model.ValueMap({"0": nothing}), model.SpecialValueMap(absent)]


def _sorted_by(field: str) -> model.DataTransformerConfig:
    return _transformation("sortBy", sort=[{"field": field}])


def _transformation(name: str, **options: object) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(name, options=options)
