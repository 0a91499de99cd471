"""What the pictures look like."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.generators.diagnostics.runs import FLIP_AT, SPIKE_AT, Curves, Floats
from simulation.diagnostics import DEVIATION, GROWS_FROM, LOSS_ABOVE, RISK
from traingauge.stats.health.states import STATES

#: From Okabe and Ito (2008), distinguishable with any colour vision.
BLUE, ORANGE, GREEN, RED, GREY, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#777777", "#56b4e9"

#: Colours of the states of health, from best to worst.
HEALTH = dict(zip(STATES, ("#bfe3d0", "#f5d77a", "#eea15c", "#c8503c"), strict=True))

_STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.4,
    "svg.hashsalt": "traingauge",  # the same picture is the same file
}

_LOSS = ("loss", "train")


def spike(curves: Curves, path: Path) -> None:
    """One signal: its values, the window's mean, control limits, and the z-score of each value."""
    shown = curves.steps > SPIKE_AT - 250
    steps = curves.steps[shown]

    def of(*series: str) -> Floats:
        return curves[series][shown]

    with mpl.rc_context(_STYLE):
        figure, (above, below) = _panels([3, 2.2], height=5.4)
        lower, upper = (of("signal_control_limit", *_LOSS, limit) for limit in ("lower", "upper"))
        above.fill_between(
            steps, lower, upper, color=SKY, alpha=0.25, linewidth=0, label="within control limits"
        )
        above.plot(steps, of(*_LOSS), color=GREY, linewidth=0.8, label="loss of each step")
        above.plot(steps, of("signal_mean", *_LOSS, "window"), color=BLUE, label="mean of the window")
        outside = (of(*_LOSS) > upper) | (of(*_LOSS) < lower)
        above.plot(steps[outside], of(*_LOSS)[outside], "o", color=RED, markersize=4, label="outside")
        above.set_ylabel("loss")
        _legend(above)
        below.plot(steps, of("signal_zscore", *_LOSS), color=GREY, linewidth=0.8, label="z-score")
        below.plot(
            steps, of("signal_robust_zscore", *_LOSS), color=BLUE, linewidth=0.8, label="robust z-score"
        )
        for limit in (-3, 3):
            below.axhline(limit, color=RED, linewidth=0.8, linestyle="--")
        below.set_yscale("symlog", linthresh=5)
        below.set_yticks([-3, 0, 3, 10, 30], ["-3", "0", "3", "10", "30"])
        below.set_ylabel("standard deviations")
        _legend(below)
        _save(figure, path)


def band(good: Curves, worse: Curves, path: Path) -> None:
    """The expected loss, a good run and a worse one; below, the deviation of each."""
    expected, stddev = good["expected", *_LOSS], good["expected_stddev", *_LOSS]
    with mpl.rc_context(_STYLE):
        figure, (above, below) = _panels([3, 2])
        above.plot(good.steps, expected, color=GREEN, label="expected")
        above.fill_between(
            good.steps,
            expected - 2 * stddev,
            expected + 2 * stddev,
            color=GREEN,
            alpha=0.2,
            linewidth=0,
            label="two standard deviations",
        )
        for curves, color, label in (
            (good, BLUE, "a good run"),
            (worse, ORANGE, "a tenth of its labels is wrong"),
        ):
            reading = (
                curves["expected", *_LOSS] + curves["deviation", *_LOSS] * curves["expected_stddev", *_LOSS]
            )
            above.plot(curves.steps, reading, color=color, label=label)
            below.plot(curves.steps, curves["deviation", *_LOSS], color=color)
        above.axhline(LOSS_ABOVE, color=RED, linewidth=0.8, linestyle="--", label="absolute threshold")
        above.set(ylabel="training loss", ylim=(0, 2.5))
        _legend(above)
        found = worse.steps[np.flatnonzero(worse["deviation", *_LOSS] > DEVIATION)[0]]
        below.axhline(DEVIATION, color=RED, linewidth=0.8, linestyle="--")
        _mark(below, found, f"alert from\nstep {found:.0f}", left=True)
        below.set_ylabel("deviation")
        _save(figure, path)


def health(curves: Curves, path: Path) -> None:
    """States of health as a timeline, their stationary probabilities, the risk, and the loss with its threshold."""
    steps, risk = curves.steps, curves["health_failing_probability", "1000"]
    loss = curves["loss_window_mean", "train"]
    at_risk = steps[np.flatnonzero(risk > RISK)[0]]
    crossed = steps[np.flatnonzero((loss > LOSS_ABOVE) & (steps > at_risk))[0]]
    with mpl.rc_context(_STYLE):
        figure, (line, shares, chance, values) = _panels([0.5, 1.6, 1.6, 1.6], height=7)
        for state, color in HEALTH.items():
            line.bar(steps, curves["health", state] == 1, width=-25, align="edge", color=color, label=state)
        line.set(ylabel="state", yticks=[], ylim=(0, 1))
        line.grid(visible=False)
        line.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
        stacked = [curves["health_stationary_probability", state] for state in STATES]
        shares.stackplot(steps, stacked, colors=list(HEALTH.values()), linewidth=0)
        shares.set(ylabel="in the long run", ylim=(0, 1))
        chance.plot(steps, risk, color=BLUE)
        chance.axhline(RISK, color=RED, linewidth=0.8, linestyle="--")
        _mark(chance, at_risk, f"at risk from\nstep {at_risk:.0f}", left=True)
        chance.set(ylabel="probability of failing\nwithin 1000 steps", ylim=(0, 1))
        values.plot(steps, loss, color=GREY)
        values.axhline(LOSS_ABOVE, color=RED, linewidth=0.8, linestyle="--")
        _mark(values, crossed, f"threshold crossed\nat step {crossed:.0f}")
        values.set(ylabel="loss, mean\nof the window", ylim=(0, 4))
        for axes in (line, shares, chance, values):
            axes.axvline(GROWS_FROM, color=GREY, linewidth=0.8, linestyle=":")
        values.annotate(
            "the learning rate\nbegins to grow",
            (GROWS_FROM, 3.9),
            (GROWS_FROM - 10, 3.9),
            ha="right",
            va="top",
            color=GREY,
        )
        _save(figure, path)


def canary(curves: Curves, path: Path) -> None:
    """The canary's distance and mismatches, above the loss."""
    with mpl.rc_context(_STYLE):
        figure, (above, middle, below) = _panels([2.2, 1.2, 1.6], height=5)
        above.plot(curves.steps, curves["canary_distance",], ".-", color=BLUE, markersize=3)
        above.set(ylabel="distance", ylim=(0, None))
        _mark(above, FLIP_AT, f"a bit flips\nafter step {FLIP_AT}", left=True)
        middle.step(curves.steps, curves["canary_mismatches",], where="post", color=RED)
        middle.set(ylabel="mismatches", ylim=(0, None))
        below.plot(curves.steps, curves[_LOSS], color=GREY, linewidth=0.8)
        below.set(ylabel="training loss", ylim=(0, None))
        for axes in (middle, below):
            axes.axvline(FLIP_AT, color=RED, linewidth=0.8)
        _save(figure, path)


def _panels(heights: list[float], height: float = 4.8) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    axes[-1].set_xlabel("training step")
    figure.align_ylabels()
    return figure, list(axes)


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)


def _mark(axes: Axes, step: float, text: str, *, left: bool = False) -> None:
    axes.axvline(step, color=RED, linewidth=0.8)
    side, offset = ("right", -4) if left else ("left", 4)
    axes.annotate(
        text,
        (step, 0.95),
        xycoords=("data", "axes fraction"),
        xytext=(offset, 0),
        textcoords="offset points",
        ha=side,
        va="top",
        color=RED,
    )


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
