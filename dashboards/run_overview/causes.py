"""Causes: the signals that explain most faults, each at a glance."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.links import DATA_AND_DRIFT, from_line
from dashboards.vocabulary.metrics import ALERTED_STATISTIC, occurrences, per_run, per_second, series
from dashboards.vocabulary.panels import events, lines
from dashboards.vocabulary.queries import (
    CAUTION_LINE,
    CRITICAL_LINE,
    EXPECTED_LINE,
    FAINT,
    WARNING_LINE,
    Query,
)
from dashboards.vocabulary.ranking import highest
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import FARTHEST, level_lines, threshold_lines
from traingauge.stats.health.states import LEVELS, STATES

#: Where each state of health begins.
_LEVEL_LINES = tuple(
    (level, f"{state} threshold", line)
    for level, state, line in zip(
        LEVELS, STATES[1:], (CAUTION_LINE, WARNING_LINE, CRITICAL_LINE), strict=True
    )
)

#: Signals that are drawn.
_TOP = 3

#: Shades of a split's colour distinguish its signals; the loss has the colour itself.
_SHADES = {
    "dark-": "f1|gradient_norm|root_mean_squared_error",
    "semi-dark-": "precision|r2_score",
    "light-": "accuracy|mean_absolute_error",
}

#: Size of a panel.
_WIDTH, _HEIGHT = 8, 7


def section() -> Section:
    """The section."""
    return Section("What is wrong?", [*_signals(), *_steps()])


def _signals() -> list[Panel]:
    strain = series("model_health_strain")
    return [
        lines(
            "Severity of each signal",
            Query(
                f"{strain} and on (signal, split) {highest(strain, 'signal, split', _TOP)}",
                "{{signal}}, {{split}}",
            ),
            *level_lines(strain, *_LEVEL_LINES),
            description="Distance of each signal on its worse side, in standard deviations: 3 is warning, 6 degraded, "
            f"12 failing. The highest line is the cause. Drawn are the {_TOP} signals that were worst in the time range, in "
            "shades of the colour of their split. Above 3, the axis is logarithmic.",
            unit=units.NUMBER,
            decimals=1,
            minimum=0,
            linear_to=LEVELS[0],
            up_to=FARTHEST,
            by_split=True,
            shades=_SHADES,
            width=_WIDTH,
            height=_HEIGHT,
            empty=reasons.TOO_FEW_STEPS,
        ),
        events(
            "NaN and infinite values by source",
            Query(occurrences("model_nonfinite_total", "split, signal"), "{{signal}}, {{split}}"),
            description="Where non-finite values appeared first: in a feature (bad data), a gradient (too large a "
            "step), the weights, a prediction, or the loss (last).",
            width=_WIDTH,
            height=_HEIGHT,
            empty=reasons.ALL_FINITE,
        ),
        lines(
            "Strongest feature drift",
            Query(per_run("model_feature_drift", statistic=ALERTED_STATISTIC), "drift"),
            *threshold_lines("feature_drift", feature=""),
            description="Population stability index of the feature furthest from the reference. Below 0.1 is normal. "
            "*Data and drift* names the feature.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=_WIDTH,
            height=_HEIGHT,
            empty=reasons.NO_REFERENCE,
            links=[from_line(DATA_AND_DRIFT, "Which features?")],
        ),
    ]


def _if_reported(title: str, metric: str, legend: str, description: str) -> Panel:
    """A number of each step that spans orders of magnitude, and that not every script reports."""
    return lines(
        title,
        Query(series(metric), legend),
        description=description,
        unit=units.SCIENTIFIC,
        decimals=1,
        logarithmic=True,
        last_in_legend="any",
        width=_WIDTH,
        height=_HEIGHT,
        empty=Reason(f"the script does not report a {title.lower()}.", "not reported"),
    )


def _steps() -> list[Panel]:
    durations = per_second("model_step_duration_seconds_bucket", "le", split="train")
    return [
        _if_reported(
            "Gradient norm",
            "model_gradient_norm",
            "norm",
            "Global L2 norm of the last step's gradients. A rise by orders of magnitude is an explosion; a "
            "fall towards 0 while the loss stays high is vanishing gradients.",
        ),
        _if_reported(
            "Learning rate",
            "model_learning_rate",
            "rate",
            "Learning rate of the last step. A flat line in place of a schedule, or a jump that nothing "
            "scheduled, explains most loss problems.",
        ),
        lines(
            "Duration of a training step",
            Query(f"histogram_quantile(0.5, {durations})", "median"),
            Query(f"histogram_quantile(0.95, {durations})", "95th percentile", style=FAINT),
            Query(per_run("model_step_expected_seconds"), "expected", style=EXPECTED_LINE),
            description="Median and 95th percentile, estimated from a histogram: within the width of its buckets. "
            "Dashed: the exact median of the recent steps, which the alert for a stuck run expects of the next. A 95th "
            "percentile far above the median is a loader or a node that stalls from time to time.",
            unit=units.SECONDS,
            minimum=0,
            width=_WIDTH,
            height=_HEIGHT,
        ),
    ]
