"""How each kind of panel is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dashboards.pictures.values import COLOURS, CYCLE, coloured, mapped, named, written
from dashboards.reading import Json
from simulation.clock import BEGIN

#: Of Grafana's dark theme.
PAPER, INK, FAINT = "#181b1f", "#ccccdc", "#44474d"

#: Lines of a legend, rows to an inch of a table, letters to an inch of it: what fits.
_LEGEND, _ROWS, _LETTERS = 3, 5.5, 15


@dataclass(frozen=True, slots=True)
class Answer:
    """What Prometheus answered to one query of a panel.

    Attributes:
        target: The query as the dashboard has it.
        series: Each with ``metric``, and ``value`` or ``values``.
    """

    target: Json
    series: list[dict[str, Any]]

    @property
    def ref(self) -> str:
        """Name of the query."""
        return str(self.target["refId"])


Draw = Callable[[Axes, Json, list[Answer], float], None]


def _numbers(one: dict[str, Any]) -> tuple[list[datetime], list[float]]:
    pairs = one["values"] if "values" in one else [one["value"]]
    return [datetime.fromtimestamp(float(at), UTC) for at, _ in pairs], [float(value) for _, value in pairs]


def _last(one: dict[str, Any]) -> float:
    finite = [value for value in _numbers(one)[1] if not np.isnan(value)]
    return finite[-1] if finite else float("nan")


def named_values(answers: list[Answer]) -> list[tuple[str, float]]:
    """The last value of every series that was answered, by its name in the legend."""
    return [
        (named(answer.target["legendFormat"], one["metric"]), _last(one))
        for answer in answers
        for one in answer.series
    ]


def _field(panel: Json) -> Json:
    return dict(panel["fieldConfig"]["defaults"])


def _overrides(panel: Json, matcher: str, wanted: str) -> Json:
    found: Json = {}
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": matcher, "options": wanted}:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _empty(axes: Axes, panel: Json) -> None:
    says = panel["fieldConfig"]["defaults"].get("noValue", "-")
    axes.text(
        0.5,
        0.5,
        "No data" if says == "-" else says,
        color=FAINT,
        ha="center",
        va="center",
        transform=axes.transAxes,
    )
    axes.axis("off")


def _lines(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    field, drawn = _field(panel), 0
    bars = field.get("custom", {}).get("drawStyle") == "bars"
    for answer in answers:
        style = _overrides(panel, "byFrameRefID", answer.ref)
        for one in answer.series:
            times, values = _numbers(one)
            colour = COLOURS.get(style.get("color", {}).get("fixedColor", ""), CYCLE[drawn % len(CYCLE)])
            fill = style.get("custom.lineStyle", {}).get("fill", "solid")
            name = f"{named(answer.target['legendFormat'], one['metric'])}  {written(_last(one), field, now)}"
            if bars:
                axes.bar(times, values, width=30 / 86400, color=colour, label=name)
            else:
                dashes = {"dash": (0, (5, 4)), "dot": (0, (1, 3)), "solid": "solid"}[fill]
                width = 0.7 * style.get("custom.lineWidth", 2)
                axes.plot(times, values, color=colour, linewidth=width, linestyle=dashes, label=name)
            drawn += 1
    _dress(axes, panel, drawn)
    _over_time(axes, now)


def _over_time(axes: Axes, now: float) -> None:
    axes.set_xlim(datetime.fromtimestamp(BEGIN, UTC), datetime.fromtimestamp(now, UTC))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))


def _ticks(panel: Json) -> FuncFormatter:
    unit = _field(panel).get("unit", "").partition("suffix: ")[0]
    if unit == "percentunit":
        return FuncFormatter(lambda value, _: f"{100 * value:g} %")
    return FuncFormatter(lambda value, _: written(value, {"unit": unit}, 0.0))


def _dress(axes: Axes, panel: Json, drawn: int) -> None:
    field = _field(panel)
    if not drawn:
        _empty(axes, panel)
        return
    if field.get("custom", {}).get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.yaxis.set_major_formatter(_ticks(panel))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if axes.get_yscale() == "linear":
        axes.set_ylim(field.get("min"), field.get("max"))
    axes.grid(color=FAINT, linewidth=0.4)
    _legend(axes)


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    inches = axes.get_position().width * axes.get_figure().get_figwidth()
    across = max(1, int(inches / (0.4 + 0.05 * max(map(len, labels), default=0))))
    fit = _LEGEND * across
    if len(labels) > fit:
        labels[fit - 1] = f"and {len(labels) - fit + 1} more"
    axes.legend(
        handles[:fit],
        labels[:fit],
        loc="upper left",
        bbox_to_anchor=(0, -0.1),
        ncols=across,
        fontsize=6.5,
        frameon=False,
        labelcolor=INK,
        columnspacing=1.2,
    )


def _number(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    field = _field(panel)
    values = named_values(answers)
    axes.axis("off")
    if not values:
        _empty(axes, panel)
        return
    filled = panel["options"]["colorMode"] == "background"
    for place, (name, value) in enumerate(values[:4]):
        colour, height = coloured(value, field), 1 / min(len(values), 4)
        bottom = 1 - (place + 1) * height
        if filled:
            axes.fill_between([0, 1], bottom, bottom + height, color=colour, linewidth=0)
        text = written(value, field, now) + (f"  {name}" if len(values) > 1 else "")
        axes.text(
            0.5,
            bottom + height / 2,
            text,
            color="white" if filled else colour,
            ha="center",
            va="center",
            fontsize=15,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _bars(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    field = _field(panel)
    values = named_values(answers)
    if not values:
        _empty(axes, panel)
        return
    names, numbers = zip(*values, strict=True)
    places = range(len(values), 0, -1)
    axes.barh(places, numbers, color=[coloured(number, field) for number in numbers], height=0.7)
    axes.set_yticks(places, names)
    axes.xaxis.set_major_formatter(_ticks(panel))
    axes.margins(x=0.12)
    axes.set_xlim(field.get("min"), field.get("max"))
    for place, number in zip(places, numbers, strict=True):
        inside = field.get("max") is not None and number > 0.85 * field["max"]
        axes.text(
            number,
            place,
            f" {written(number, field, now)} ",
            color="white" if inside else INK,
            ha="right" if inside else "left",
            va="center",
            fontsize=7,
        )


def _states(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    field = _field(panel)
    series = [one for answer in answers for one in answer.series]
    names = [
        named(answer.target["legendFormat"], one["metric"]) for answer in answers for one in answer.series
    ]
    step = 30 / 86400
    for place, one in enumerate(series):
        times, values = _numbers(one)
        for at, value in zip(times, values, strict=True):
            word = mapped(value, field)
            axes.barh(-place, step, left=at, height=0.8, color=COLOURS[word["color"]] if word else FAINT)
        changes = [index for index in range(len(values)) if not index or values[index] != values[index - 1]]
        for index in changes:
            word = mapped(values[index], field)
            axes.text(
                times[index],
                -place,
                f" {word['text'] if word else ''}",
                color="white",
                va="center",
                fontsize=6,
            )
    axes.set_yticks(range(0, -len(series), -1), names)
    _over_time(axes, now)


def _cells(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    (answer,) = answers
    if not answer.series:
        _empty(axes, panel)
        return
    moments = sorted({float(at) for one in answer.series for at, _ in one["values"]})
    table = np.full((len(answer.series), len(moments)), np.nan)
    for row, one in enumerate(answer.series):
        for at, value in one["values"]:
            table[row, moments.index(float(at))] = float(value)
    colour = panel["options"]["color"]
    times = [datetime.fromtimestamp(at, UTC) for at in moments]
    axes.pcolormesh(
        times,
        range(len(answer.series)),
        table,
        cmap=colour["scheme"],
        vmin=colour.get("min"),
        vmax=colour.get("max"),
        shading="nearest",
    )
    axes.set_yticks(
        range(len(answer.series)),
        [named(answer.target["legendFormat"], one["metric"]) for one in answer.series],
    )
    _over_time(axes, now)


def _table(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    transformations = {one["id"]: one["options"] for one in panel["transformations"]}
    axes.axis("off")
    if "groupingToMatrix" in transformations:
        _matrix(axes, panel, answers, transformations["groupingToMatrix"], now)
        return
    titles = transformations["organize"]["renameByName"]
    merged: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for answer in answers:
        column = f"Value #{answer.ref}" if len(answers) > 1 else "Value"
        for one in answer.series:
            labels = tuple(sorted((k, v) for k, v in one["metric"].items() if k != "__name__"))
            merged.setdefault(labels, {})[column] = float(one["value"][1])
    order = sorted(titles, key=transformations["organize"]["indexByName"].__getitem__)
    (sort,) = panel["options"]["sortBy"]
    by = next(name for name in titles if titles[name] == sort["displayName"])
    rows = sorted(
        merged.items(),
        key=lambda row: (dict(row[0]).get(by, ""), row[1].get(by, np.inf)),
        reverse=sort.get("desc", False),
    )
    cells = [
        [
            _cell(_overrides(panel, "byName", titles[name]), values[name], now)
            if name in values
            else (dict(labels).get(name, ""), INK)
            for name in order
        ]
        for labels, values in rows
    ]
    _draw_table(axes, panel, [titles[name] for name in order], cells)


def _cell(properties: Json, value: float, now: float) -> tuple[str, str]:
    by_value = "thresholds" in properties or "mappings" in properties
    return written(value, properties, now), coloured(value, properties) if by_value else INK


def _matrix(axes: Axes, panel: Json, answers: list[Answer], options: Json, now: float) -> None:
    (answer,) = answers
    rows, columns = options["rowField"], options["columnField"]
    values = {(one["metric"][rows], one["metric"][columns]): float(one["value"][1]) for one in answer.series}
    if not values:
        _empty(axes, panel)
        return
    down, across = sorted({row for row, _ in values}), sorted({column for _, column in values})
    strongest = _field(panel).get("max") or max(values.values()) or 1.0
    axes.axis("on")
    shades = [[values.get((row, column), np.nan) for column in across] for row in down]
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=strongest, aspect="auto")
    for y, row in enumerate(down):
        for x, column in enumerate(across):
            if (row, column) in values:
                value = values[row, column]
                axes.text(
                    x,
                    y,
                    written(value, _field(panel), now),
                    ha="center",
                    va="center",
                    fontsize=6,
                    color="white" if value > strongest / 2 else "black",
                )
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.set_xlabel(columns, color=INK, fontsize=7)
    axes.set_ylabel(rows, color=INK, fontsize=7)


def _draw_table(axes: Axes, panel: Json, titles: list[str], cells: list[list[tuple[str, str]]]) -> None:
    box, figure = axes.get_position(), axes.get_figure()
    inches = box.width * figure.get_figwidth(), box.height * figure.get_figheight()
    shown = cells[: int(_ROWS * inches[1]) - 1]
    if not shown:
        _empty(axes, panel)
        return
    widths = [max(len(title), *(len(row[at][0]) for row in shown)) + 2 for at, title in enumerate(titles)]
    height = min(1 / (len(shown) + 1), 0.25 / inches[1])
    table = axes.table(
        [[text for text, _ in row] for row in shown],
        colLabels=titles,
        colWidths=[width / sum(widths) for width in widths],
        bbox=(0, 1 - height * (len(shown) + 1), 1, height * (len(shown) + 1)),
        cellLoc="left",
        colLoc="left",
        edges="horizontal",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(min(7.5, 7.5 * _LETTERS * inches[0] / sum(widths)))
    for (row, column), cell in table.get_celld().items():
        cell.set_edgecolor(FAINT)
        cell.get_text().set_color(INK if row == 0 else shown[row - 1][column][1])
        if row == 0:
            cell.get_text().set_fontweight("bold")


def _side_by_side(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    titles = {one["id"]: one["options"] for one in panel["transformations"]}["organize"]["renameByName"]
    by = next(name for name in titles if not name.startswith("Value"))
    names = sorted({one["metric"][by] for answer in answers for one in answer.series})
    if not names:
        _empty(axes, panel)
        return
    for place, answer in enumerate(answers):
        source = titles[f"Value #{answer.ref}"]
        colour = COLOURS[_overrides(panel, "byName", source)["color"]["fixedColor"]]
        values = {one["metric"][by]: _last(one) for one in answer.series}
        where = [-at - 0.4 * (place - 0.5) for at in range(len(names))]
        axes.barh(
            where, [values.get(name, np.nan) for name in names], height=0.36, color=colour, label=source
        )
    axes.set_yticks(range(0, -len(names), -1), names)
    axes.xaxis.set_major_formatter(_ticks(panel))
    axes.grid(axis="x", color=FAINT, linewidth=0.4)
    _legend(axes)


def _over_steps(axes: Axes, panel: Json, answers: list[Answer], now: float) -> None:
    steps, values = answers
    drawn = 0
    for one in values.series:
        labels = one["metric"]
        where = next(other for other in steps.series if other["metric"] == labels)
        at = {float(moment): float(step) for moment, step in where["values"]}
        points = {at[float(moment)]: float(value) for moment, value in one["values"] if float(moment) in at}
        name = f"{labels['run']}  {written(_last(one), _field(panel), now)}"
        axes.plot(
            list(points), list(points.values()), linewidth=1.4, color=CYCLE[drawn % len(CYCLE)], label=name
        )
        drawn += 1
    _dress(axes, panel, drawn)
    axes.text(0.99, 0.03, "by training step", color=INK, fontsize=7, ha="right", transform=axes.transAxes)


#: How to draw a panel, by its type.
KINDS: Mapping[str, Draw] = MappingProxyType(
    {
        "timeseries": _lines,
        "stat": _number,
        "bargauge": _bars,
        "barchart": _side_by_side,
        "state-timeline": _states,
        "heatmap": _cells,
        "table": _table,
        "trend": _over_steps,
    }
)
