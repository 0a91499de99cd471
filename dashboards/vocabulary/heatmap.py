"""Heatmaps: one row a value of a label, one cell a moment, coloured by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards.vocabulary import colours
from dashboards.vocabulary.absent import or_absent
from dashboards.vocabulary.panels import NO_VALUE, describe
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.ranking import highest, lowest_now
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel, common, heatmap, heatmap_model

#: Rows that a heatmap draws at most; with more, none can be read.
ROWS = 40

#: Green, yellow, red. Grafana turns this scheme round by itself, in every theme.
_GREEN_TO_RED = "RdYlGn"


@dataclass(frozen=True, slots=True)
class Shade:
    """Colours by value, the same in the dark theme and in the light one.

    Grafana inverts its schemes of one hue in the dark theme, where the largest values would come out white. One
    colour that gets more opaque is right in both.

    Attributes:
        colour: The one colour of the largest values; from green over yellow to red if ``None``.
        falling: Whether red is for low values.
        exponent: Below 1, small values stand out from none; of one colour only.
    """

    colour: str | None = None
    falling: bool = False
    exponent: float = 1.0

    def options(self) -> heatmap.HeatmapColorOptions:
        """The colours as Grafana has them."""
        built = heatmap.HeatmapColorOptions().steps(64).fill(self.colour or colours.CRITICAL)
        if self.colour is None:
            mode = heatmap_model.HeatmapColorMode.SCHEME
            return built.mode(mode).scheme(_GREEN_TO_RED).reverse(self.falling)
        mode = heatmap_model.HeatmapColorMode.OPACITY
        return built.mode(mode).scale(heatmap_model.HeatmapColorScale.EXPONENTIAL).exponent(self.exponent)


#: Scores: high is good.
RED_WHEN_LOW = Shade(falling=True)

#: Distances: low is good.
RED_WHEN_HIGH = Shade()

#: Shares of what should not be there at all: nothing is drawn where nothing is wrong.
RED_WHEN_ANY = Shade(colours.CRITICAL, exponent=0.5)

#: Amounts, which are neither good nor bad.
AMOUNT = Shade(colours.NEUTRAL, exponent=0.5)


def cells(
    title: str,
    selector: str,
    *,
    by: str,
    combine: Literal["min", "max", "avg"],
    shade: Shade,
    description: str,
    unit: str,
    empty: Reason,
    minimum: float | None = None,
    maximum: float | None = None,
    undefined: str = "",
    ranked_by: str = "",
    width: int = 12,
    height: int = 10,
) -> Panel:
    """One row a value of a label, the :data:`ROWS` worst ones at most.

    Args:
        title: What is shown.
        selector: The series.
        by: The label.
        combine: What the value of a row is, where several series have the label; ``min`` and ``max`` also say on which
            side the worst rows are.
        shade: Colours by value.
        description: What it says about a run, and what to look for.
        unit: One of :mod:`dashboards.vocabulary.units`.
        empty: Why it may be empty.
        minimum: The value at the lower end of the colours.
        maximum: The value at their upper end.
        undefined: What a cell is where the value is a NaN: an expression with the label. Without one, it is not drawn.
        ranked_by: The series by which rows are the worst, if it is not the one that is drawn.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    values = f"{combine} by ({by}) ({selector})"
    if undefined:
        # A comparison leaves out a NaN.
        values = f"({values} >= -Inf or on ({by}) {undefined})"
    shown = f"{values}{_worst(ranked_by or selector, by, combine)}"
    panel = heatmap.Panel().title(title).description(describe(description, empty)).datasource(DATASOURCE)
    panel.span(width).height(height).unit(unit).no_value(NO_VALUE)
    panel.with_target(Query(or_absent(shown, selector, by, empty.short), f"{{{{{by}}}}}").target("A"))
    colour = shade.options()
    if minimum is not None:
        colour.min(minimum)
    if maximum is not None:
        colour.max(maximum)
    panel.calculate(False).color(colour).cell_gap(1)
    # Grafana leaves out cells at or below this; its default, just above 0, would hide a recall of 0.
    panel.filter_values(heatmap.FilterValueRange().le(-1))
    panel.cell_values(heatmap.CellValues().unit(unit))
    panel.rows_frame(heatmap.RowsHeatmapOptions().layout(common.HeatmapCellLayout.AUTO))
    return panel.y_axis(heatmap.YAxisConfig().axis_placement(common.AxisPlacement.LEFT).reverse(False))


def _worst(selector: str, by: str, combine: str) -> str:
    if combine == "avg":
        return ""
    worst = lowest_now if combine == "min" else highest
    return f" and on ({by}) {worst(selector, by, ROWS)}"
