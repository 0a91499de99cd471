"""The kinds of panels. Each states what it shows, in which unit, and, where it may be empty, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import ascii_uppercase
from types import MappingProxyType
from typing import Literal, TypeVar

from dashboards.vocabulary import colours
from dashboards.vocabulary.links import Link
from dashboards.vocabulary.queries import DATASOURCE, UNSEEN, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import (
    bargauge,
    common,
    model,
    options,
    stat,
    statetimeline,
    timeseries,
    trend,
)
from dashboards.vocabulary.sdk import dashboard as builders
from dashboards.vocabulary.thresholds import PLAIN, Steps, steps
from dashboards.vocabulary.units import COUNT

#: The last values in a legend: of each line the last that is a number; the last, which may be NaN; or none.
LastValues = Literal["finite", "any", "none"]

_REDUCED: Mapping[LastValues, Sequence[str]] = MappingProxyType(
    {"finite": ("lastNotNull",), "any": ("last",), "none": ()}
)

#: Where the reason that a panel may be empty begins in its description.
MAY_BE_EMPTY = "May be empty: "

#: What a panel without a value shows.
NO_VALUE = "-"

#: What a panel that may not be empty says if it is: a dash is scaled to a tile, and becomes a bar.
NO_DATA = "no data"

#: Code of a strip of states for which there is nothing: without any strip, Grafana misses "a time field".
ABSENT = -1

#: Bars of events at most. More would be thinner than they can be seen, and Prometheus would add up each counter more often.
_BARS = 100

#: Columns from which there is room for the legend at the right of the lines.
_WIDE = 16

#: The kinds that draw queries; their builders share what is set here.
Lines = TypeVar("Lines", timeseries.Panel, trend.Panel)
Drawn = TypeVar("Drawn", timeseries.Panel, stat.Panel, bargauge.Panel, statetimeline.Panel)


#: Colours of the splits, the same in every panel; thresholds and baselines have others.
_SPLIT_COLOURS = {"train": colours.TRAIN, "validation": colours.VALIDATION, "test": colours.TEST}


def describe(description: str, empty: Reason | None) -> str:
    """Description of a panel, with the reason why it may be empty where there is one."""
    return f"{description}\n\n{MAY_BE_EMPTY}{empty.why}" if empty else description


def why_empty(empty: Reason | None) -> str:
    """What a panel with room for a sentence says when it is empty."""
    return f"Empty when {empty.why}" if empty else NO_DATA


def short_reason(empty: Reason | None) -> str:
    """What a tile, a legend or a row says when it is empty."""
    return empty.short if empty else NO_DATA


def _fill(
    panel: Drawn,
    *,
    title: str,
    queries: Sequence[Query],
    description: str,
    unit: str,
    empty: Reason | None,
) -> Drawn:
    """Give a panel what every kind has."""
    panel.title(title).description(describe(description, empty)).datasource(DATASOURCE)
    panel.unit(unit).no_value(short_reason(empty))
    for ref, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(query.target(ref))
        if query.style:
            panel.override_by_query(ref, query.properties())
    return panel


def _colour(mode: model.FieldColorModeId, fixed: str = "") -> builders.FieldColor:
    colour = builders.FieldColor().mode(mode)
    return colour.fixed_color(fixed) if fixed else colour


def _last() -> options.ReduceDataOptions:
    return options.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def style_lines(panel: Lines, width: int = 0, *, last: LastValues = "finite") -> Lines:
    """Draw as every panel with lines does: last values in the legend, all values of a moment in the tooltip.

    Args:
        panel: What to draw.
        width: Columns of the grid that it takes. Where there is room, the legend is a table at the right: below, it would
            leave half of the height for the lines.
        last: Last values in the legend. The last finite loss of a run that fell apart would look as good as before.
    """
    wide = width >= _WIDE
    values = [*_REDUCED[last], *(("min", "max") if wide and last != "none" else ())]
    panel.line_width(2).fill_opacity(0).show_points(common.VisibilityMode.NEVER).span_nulls(False)
    panel.color_scheme(_colour(model.FieldColorModeId.PALETTE_CLASSIC))
    panel.legend(
        options.VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.TABLE if wide else common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.RIGHT if wide else common.LegendPlacement.BOTTOM)
        .calcs(values)
    )
    return panel.tooltip(
        options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
    )


def lines(
    title: str,
    *queries: Query,
    description: str,
    unit: str,
    empty: Reason | None = None,
    by_split: bool = False,
    shades: Mapping[str, str] = MappingProxyType({}),
    decimals: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    logarithmic: bool = False,
    linear_to: float | None = None,
    up_to: float | None = None,
    bars: bool = False,
    last_in_legend: LastValues = "finite",
    width: int = 12,
    height: int = 8,
    links: Sequence[Link] = (),
) -> timeseries.Panel:
    """Values over time.

    Args:
        title: What is shown.
        queries: What is asked.
        description: What it says about a run, and what to look for.
        unit: One of :mod:`dashboards.vocabulary.units`.
        empty: Why it may be empty; without one it may not.
        by_split: Whether lines whose names end in a split have the colour of the split.
        shades: Prefixes of shades of the split's colour, as ``dark-``, with the beginnings of the names of their lines, as
            ``recall|f1``.
        decimals: Digits after the point; as many as are needed if ``None``.
        minimum: Lower end of the axis.
        maximum: Upper end of the axis.
        logarithmic: Whether the axis is logarithmic.
        linear_to: Up to which distance from 0 the axis is linear; beyond, it is logarithmic on both sides.
        up_to: The largest distance from 0 that is drawn. Larger ones are drawn there, and read *≥ 1,000*. An explosion would
            leave an axis without labels.
        bars: Bars for events that are counted, in place of lines.
        last_in_legend: Last values in the legend; see :func:`style_lines`.
        width: Columns of the grid's 24.
        height: Rows of the grid.
        links: Where to continue from a value.
    """
    drawn = timeseries.Panel()
    queries = _coloured(queries)
    if last_in_legend == "any" and not _out_of_legend(queries[0]):
        queries = [_in_front(queries[0]), *queries]
    if up_to is not None:
        queries = [replace(query, expr=f"clamp({query.expr}, -{up_to:g}, {up_to:g})") for query in queries]
    for split, colour in _SPLIT_COLOURS.items() if by_split else ():
        drawn.override_by_regexp(f"/{split}$/", [_fixed(colour)])
        for shade, names in shades.items():
            shaded = shade + colour.removeprefix("super-light-")
            drawn.override_by_regexp(f"/^({names}), {split}$/", [_fixed(shaded)])
    # After those of splits, as the style of a query overrides them.
    panel = _fill(
        drawn,
        title=title,
        queries=queries,
        description=description,
        unit=unit,
        empty=empty,
    )
    panel.span(width).height(height)
    panel.draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
    style_lines(panel, width, last=last_in_legend).line_width(0 if bars else 2).fill_opacity(
        80 if bars else 0
    )
    if logarithmic:
        panel.scale_distribution(_scale(common.ScaleDistribution.LOG))
    if linear_to is not None:
        panel.scale_distribution(symmetric_log(linear_to))
    if decimals is not None:
        panel.decimals(decimals)
    if minimum is not None:
        panel.min(minimum)
    if maximum is not None:
        panel.max(maximum)
    words = [
        *([not_a_number("NaN")] if last_in_legend == "any" else []),
        *([] if up_to is None else _beyond(up_to)),
    ]
    if words:
        panel.mappings(words)
    return panel.data_links([link.builder() for link in links])


def not_a_number(word: str, index: int = 0) -> model.ValueMapping:
    """A word for NaN, which Grafana shows as it shows no value; the mapping of the lowest index decides."""
    return model.SpecialValueMap(
        model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NA_N, result=model.ValueMappingResult(text=word, index=index)
        )
    )


def _in_front(query: Query) -> Query:
    """One line, unseen: Grafana may append an empty value to the first line of a run that is over.

    The legend would show it as the last value.
    """
    return Query(f"max({query.expr})", "unseen", style=UNSEEN)


def _out_of_legend(query: Query) -> bool:
    return "custom.hideFrom" in (query.style or {})


def _beyond(up_to: float) -> list[model.ValueMapping]:
    """Words for what is further from 0 than is drawn."""

    def word(sign: str) -> model.ValueMappingResult:
        return model.ValueMappingResult(text=f"{sign}{up_to:,g}", index=1)

    return [
        model.RangeMap(options=model.DashboardRangeMapOptions(from_val=up_to, result=word("≥ "))),
        model.RangeMap(options=model.DashboardRangeMapOptions(to=-up_to, result=word("≤ -"))),
    ]


def _fixed(colour: str) -> model.DynamicConfigValue:
    return model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def _coloured(queries: Sequence[Query]) -> list[Query]:
    """A colour for each query, where each gives one line: Grafana's palette has the colours of thresholds in it.

    Lines of one query, such as a line a run, have the palette's: Grafana has no other that goes by the series. It counts all
    lines of a panel, so that one of them could have the colour that another query is given.
    """
    if any("{{" in query.legend for query in queries if _colourless(query)):
        return list(queries)
    free = iter(colours.MEASURED)
    return [
        replace(query, style={**(query.style or {}), "color": {"mode": "fixed", "fixedColor": next(free)}})
        if _colourless(query)
        else query
        for query in queries
    ]


def _colourless(query: Query) -> bool:
    return "color" not in (query.style or {})


def symmetric_log(linear_to: float) -> options.ScaleDistributionConfig:
    """An axis that is linear up to a distance from 0, and logarithmic beyond."""
    return _scale(common.ScaleDistribution.SYMLOG).linear_threshold(linear_to)


def _scale(kind: common.ScaleDistribution) -> options.ScaleDistributionConfig:
    return options.ScaleDistributionConfig().type(kind).log(10)


def events(
    title: str,
    *queries: Query,
    description: str,
    empty: Reason,
    width: int = 12,
    height: int = 8,
) -> timeseries.Panel:
    """How often something happened, one bar a moment; without any it says *none*.

    Args:
        title: What is shown.
        queries: What is asked, as :func:`dashboards.vocabulary.metrics.occurrences` gives it.
        description: What it says about a run, and what to look for.
        empty: Why it may be empty.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    return lines(
        title,
        *queries,
        description=description,
        unit=COUNT,
        minimum=0,
        bars=True,
        width=width,
        height=height,
        empty=empty,
    ).max_data_points(_BARS)


def number(
    title: str,
    *queries: Query,
    description: str,
    unit: str,
    empty: Reason | None = None,
    decimals: int | None = None,
    colouring: Steps = PLAIN,
    mappings: Sequence[model.ValueMapping] = (),
    trend: bool = False,
    filled: bool = False,
    width: int = 4,
    height: int = 4,
    links: Sequence[Link] = (),
) -> stat.Panel:
    """The value now, one tile a run; grey where there is none, as neither good nor bad is known.

    Args:
        title: What is shown.
        queries: What is asked.
        description: What it says about a run, and what to look for.
        unit: One of :mod:`dashboards.vocabulary.units`.
        empty: Why it may be empty; without one it may not.
        decimals: Digits after the point.
        colouring: Colours by value.
        mappings: Words for values.
        trend: Whether the course so far is drawn behind the value.
        filled: Whether the tile is filled with the colour, for what must be seen first.
        width: Columns of the grid's 24.
        height: Rows of the grid.
        links: Where to continue from a value.
    """
    panel = _fill(
        stat.Panel(),
        title=title,
        queries=queries,
        description=description,
        unit=unit,
        empty=empty,
    )
    panel.span(width).height(height)
    panel.reduce_options(_last()).thresholds(steps(colouring)).mappings(
        [*mappings, _without_value(short_reason(empty))]
    )
    panel.color_scheme(_colour(model.FieldColorModeId.THRESHOLDS))
    panel.graph_mode(common.BigValueGraphMode.AREA if trend else common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.BACKGROUND if filled else common.BigValueColorMode.VALUE)
    panel.text_mode(common.BigValueTextMode.AUTO)
    if decimals is not None:
        panel.decimals(decimals)
    return panel.data_links([link.builder() for link in links])


def _without_value(text: str) -> model.ValueMapping:
    return model.SpecialValueMap(
        model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL,
            result=model.ValueMappingResult(text=text, color=colours.NOTHING, index=99),
        )
    )


def bars(
    title: str,
    *queries: Query,
    description: str,
    unit: str,
    empty: Reason | None = None,
    decimals: int | None = None,
    minimum: float | None = 0,
    maximum: float | None = None,
    colouring: Steps = PLAIN,
    width: int = 12,
    height: int = 8,
) -> bargauge.Panel:
    """The value now, one bar a series, longest on top where the query sorts.

    Args:
        title: What is shown.
        queries: What is asked.
        description: What it says about a run, and what to look for.
        unit: One of :mod:`dashboards.vocabulary.units`.
        empty: Why it may be empty; without one it may not.
        decimals: Digits after the point.
        minimum: Where bars begin.
        maximum: Where they end; the longest if ``None``.
        colouring: Colours by value.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = _fill(
        bargauge.Panel(),
        title=title,
        queries=queries,
        description=description,
        unit=unit,
        empty=empty,
    )
    panel.span(width).height(height)
    panel.reduce_options(_last()).thresholds(steps(colouring)).orientation(common.VizOrientation.HORIZONTAL)
    panel.color_scheme(_colour(model.FieldColorModeId.THRESHOLDS))
    panel.display_mode(common.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    if decimals is not None:
        panel.decimals(decimals)
    if minimum is not None:
        panel.min(minimum)
    if maximum is not None:
        panel.max(maximum)
    return panel


def nothing_drawn() -> model.ValueMapping:
    """The word for :data:`ABSENT`."""
    nothing = model.ValueMappingResult(text="none in the time range", color=colours.NOTHING, index=99)
    return model.ValueMap({str(ABSENT): nothing})


def states(
    title: str,
    *queries: Query,
    description: str,
    mappings: Sequence[model.ValueMapping],
    unit: str,
    empty: Reason | None = None,
    width: int = 24,
    height: int = 4,
) -> statetimeline.Panel:
    """Which state each run was in, over time.

    Args:
        title: What is shown.
        queries: What is asked; values are codes of states.
        description: What it says about a run, and what to look for.
        mappings: Words and colours for the codes.
        unit: One of :mod:`dashboards.vocabulary.units`.
        empty: Why it may be empty; without one it may not.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    panel = _fill(
        statetimeline.Panel(), title=title, queries=queries, description=description, unit=unit, empty=empty
    )
    panel.span(width).height(height)
    panel.mappings([*mappings, nothing_drawn()]).color_scheme(
        _colour(model.FieldColorModeId.FIXED, colours.NEUTRAL)
    )
    panel.merge_values(True).row_height(0.8).show_value(common.VisibilityMode.AUTO).disable_pagination()
    return panel.legend(
        options.VizLegendOptions()
        .show_legend(False)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
    )
