"""Shares by bin, side by side: how values are distributed here and there."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase

from dashboards.vocabulary.panels import describe, why_empty
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import barchart, common, model, options
from dashboards.vocabulary.units import SHARE


def side_by_side(
    title: str,
    sources: Mapping[str, tuple[str, str]],
    *,
    by: str,
    heading: str,
    description: str,
    empty: Reason | None = None,
    width: int = 12,
    height: int = 10,
) -> barchart.Panel:
    """Shares now, a group of bars for each value of a label, in its order, and a bar a source.

    Args:
        title: What is shown.
        sources: Name of each source, its expression, whose result has the label and no other, and its colour.
        by: The label.
        heading: What its values are.
        description: What it says about a run, and what to look for.
        empty: Why it may be empty; without one it may not.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = barchart.Panel().title(title).description(describe(description, empty)).datasource(DATASOURCE)
    panel.span(width).height(height).unit(SHARE).min(0).no_value(why_empty(empty))
    titles = {by: heading}
    for ref, (name, (expr, colour)) in zip(ascii_uppercase, sources.items(), strict=False):
        panel.with_target(Query(expr, instant=True, table=True).target(ref))
        titles[f"Value #{ref}"] = name
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(name, [model.DynamicConfigValue("color", fixed)])
    order = {name: place for place, name in enumerate(titles)}
    for transformation, settings in (
        ("merge", {}),
        ("sortBy", {"fields": {}, "sort": [{"field": by}]}),
        ("organize", {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": titles}),
    ):
        panel.with_transformation(model.DataTransformerConfig(transformation, options=settings))
    panel.x_field(heading).orientation(common.VizOrientation.HORIZONTAL).show_value(
        common.VisibilityMode.NEVER
    )
    panel.stacking(common.StackingMode.NONE).group_width(0.8).bar_width(0.95).line_width(0).fill_opacity(80)
    panel.legend(
        options.VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs([])
    )
    return panel.tooltip(
        options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.NONE)
    )
