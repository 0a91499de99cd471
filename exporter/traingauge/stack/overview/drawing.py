"""A curve as SVG, in the colours of the page."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from .readings import Curve

#: On the left there is room for the longest number, such as -1.23e-05.
_WIDTH, _HEIGHT, _LEFT, _BELOW = 480, 180, 68, 20

#: Classes of the lines, which the page gives colours.
_CLASSES = {"train": "a", "": "a", "validation": "b", "test": "c"}


def drawn(curve: Curve) -> str:
    """The figure of a curve; where values are not finite, its line has a gap, and a band says so.

    >>> "loss &lt;" in drawn(Curve("loss <", {"": [(0.0, 1.0), (5.0, 2.0)]}))
    True
    """
    every = [point for points in curve.points.values() for point in points]
    finite = [value for _, value in every if math.isfinite(value)]
    if not finite:
        return ""
    first, last = min(when for when, _ in every), max(when for when, _ in every)
    low, high = min(finite), max(finite)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    scale = max(abs(low), abs(high))  # the range itself may be beyond float64
    across, up = (
        (_WIDTH - _LEFT - 8) / ((last - first) or 1.0),
        (_HEIGHT - _BELOW - 12) / (high / scale - low / scale),
    )

    def place(when: float, value: float) -> tuple[float, float]:
        return _LEFT + (when - first) * across, _HEIGHT - _BELOW - (value / scale - low / scale) * up

    lines = "".join(
        f'<path class="line {_CLASSES.get(split, "c")}" d="{_path([place(*point) for point in points])}"/>'
        for split, points in sorted(curve.points.items())
    )
    keys = " ".join(
        f'<span class="key {_CLASSES.get(split, "c")}">{escape(split)}</span>'
        for split in sorted(curve.points)
        if split
    )
    ticks = "".join(_tick(value, place(first, value)[1]) for value in (low, low / 2 + high / 2, high))
    times = f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{_clock(first)}</text>'
    times += f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 4}" text-anchor="end">{_clock(last)}</text>'
    bands = "".join(
        _band(_LEFT + (start - first) * across, _LEFT + (end - first) * across)
        for points in curve.points.values()
        for start, end in _gaps(points)
    )
    if bands:
        keys += ' <span class="key lost">NaN or infinite</span>'
    name = escape(curve.title)
    inside = f"{bands}{ticks}{times}{lines}"
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{inside}</svg>'
    return f"<figure><figcaption>{name} {keys}</figcaption>{svg}</figure>"


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A line through the points, interrupted where one is not finite; a point alone is a dot."""
    pieces, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            pieces.append(f"{pen}{x:.1f} {y:.1f}" + ("h0" if pen == "M" else ""))
        pen = "L" if math.isfinite(y) else "M"
    return "".join(pieces)


def _gaps(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """First and last time of each stretch of values that are not finite.

    >>> list(_gaps([(0.0, 1.0), (5.0, math.nan), (10.0, math.inf), (15.0, 1.0), (20.0, math.nan)]))
    [(5.0, 10.0), (20.0, 20.0)]
    """
    for finite, stretch in groupby(points, lambda point: math.isfinite(point[1])):
        if not finite:
            times = [when for when, _ in stretch]
            yield times[0], times[-1]


def _band(start: float, end: float) -> str:
    width = max(3.0, end - start)
    return f'<rect class="lost" x="{start:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT - _BELOW}"/>'


def _tick(value: float, y: float) -> str:
    return (
        f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - 8}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    )


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))
