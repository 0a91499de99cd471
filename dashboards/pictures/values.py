"""Values as a panel writes them: with unit and decimals, or as the word that stands for them."""

from __future__ import annotations

import math
from typing import Any

from dashboards.reading import Json

#: The colours of Grafana's palette that the dashboards use.
COLOURS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "text": "#8e8e8e",
}

#: Lines take these in turn.
CYCLE = (
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#705da0",
    "#37872d",
    "#fade2a",
)


def written(value: float, field: Json, now: float) -> str:
    """A value as Grafana writes it, roughly.

    Args:
        value: The value.
        field: The field's ``unit``, ``decimals`` and ``mappings``.
        now: Unix time in seconds, for values that are moments.

    >>> written(0.256, {"unit": "percentunit", "decimals": 1}, 0.0)
    '25.6 %'
    """
    word = mapped(value, field)
    if word:
        return str(word["text"])
    if math.isnan(value):
        return "NaN"
    unit, decimals = field.get("unit", "none"), field.get("decimals")
    if unit == "percentunit":
        return f"{_rounded(100 * value, 1 if decimals is None else decimals)} %"
    if unit in {"s", "dtdurations"}:
        return _duration(value, decimals)
    if unit == "dateTimeFromNow":
        return f"{_duration(now - value / 1000, 0)} ago"
    suffix = f" {unit.removeprefix('suffix: ')}" if unit.startswith("suffix: ") else ""
    return _short(value, decimals) + suffix


def mapped(value: float, field: Json) -> Json | None:
    """The word and colour that stand for a value, where there are."""
    for mapping in field.get("mappings", []):
        if not math.isnan(value) and (found := mapping["options"].get(f"{value:g}")):
            return dict(found)
    return None


def coloured(value: float, field: Json) -> str:
    """The colour of a value, by its mapping or by the field's thresholds."""
    if word := mapped(value, field):
        return COLOURS[word["color"]]
    chosen = "blue"
    for step in field.get("thresholds", {}).get("steps", []):
        if step.get("value") is None or value >= step["value"]:
            chosen = step["color"]
    return COLOURS[chosen]


def named(legend: str, labels: dict[str, Any]) -> str:
    """Name of a line: the legend with its labels filled in.

    >>> named("{{split}}, {{run}}", {"split": "train", "run": "a"})
    'train, a'
    """
    for label in set(labels) | {"run"}:
        legend = legend.replace("{{" + label + "}}", str(labels.get(label, "")))
    return legend


def _rounded(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _short(value: float, decimals: int | None) -> str:
    for size, letter in ((1e9, " Bil"), (1e6, " Mil"), (1e4, " K")):
        if 1e15 > abs(value) >= size:
            scale = 1e3 if letter == " K" else size
            return f"{value / scale:.1f}{letter}"
    return f"{value:.{decimals}f}" if decimals is not None and abs(value) < 1e15 else f"{value:.4g}"


def _duration(seconds: float, decimals: int | None) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.{1 if decimals is None else decimals}f} {unit}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0 s"
