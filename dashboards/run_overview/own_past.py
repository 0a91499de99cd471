"""Own past: one signal beside what it did before."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import occurrences, series
from dashboards.vocabulary.panels import events, lines, number
from dashboards.vocabulary.queries import FAINT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Against its own past: is $signal unusual?", _panels())


def _panels() -> list[Panel]:
    young = "the run has not taken enough steps, or does not report the signal."

    def of(statistic: str, **labels: str) -> str:
        return series(f"model_signal_{statistic}", signal="$signal", split="$split", **labels)

    return [
        lines(
            "Band of what is usual",
            Query(of("mean", over="window"), "mean of the window, " + SPLIT),
            Query(of("control_limit"), "{{limit}} limit, " + SPLIT, style=LIMIT_LINE),
            Query(of("quantile", over="window", q="0.5"), "median, " + SPLIT, style=FAINT),
            description="The chosen signal over its window, between its control limits: three standard "
            "deviations below and above the values before the last. A mean far from the median is a window "
            "with outliers.",
            unit=units.NUMBER,
            width=12,
            height=9,
            empty=young,
        ),
        lines(
            "Unusual values",
            Query(series("model_signal_robust_zscore", split="$split"), "{{signal}}, " + SPLIT),
            description="Distance of the last value of every signal from the median of those before it, in "
            "robust standard deviations. Beyond 3 on either side it is unusual; a single spike is noise, a "
            "band is not.",
            unit=units.NUMBER,
            decimals=1,
            width=12,
            height=9,
            empty=reasons.TOO_FEW_STEPS,
        ),
        events(
            "Alarms of the detectors",
            Query(
                occurrences("model_anomalies_total", "model, run, signal, detector"),
                "{{signal}}, {{detector}}, {{run}}",
            ),
            description="When a detector found that a signal changed for the worse, and for good: a level "
            "that moved, not a value that stuck out.",
            width=16,
            height=6,
            empty="no detector gave alarm, which is how it should be.",
        ),
        number(
            "Step of the last alarm",
            Query(series("model_anomaly_last_step"), "{{signal}}, {{detector}}, {{run}}"),
            description="Training step at which each detector last gave alarm: look there in the history "
            "of the run.",
            unit=units.COUNT,
            decimals=0,
            width=8,
            height=6,
            empty="no detector gave alarm, which is how it should be.",
        ),
        lines(
            "Deviation from its own past",
            Query(of("zscore"), "from the mean, " + SPLIT),
            Query(of("robust_zscore"), "from the median, robust, " + SPLIT),
            description="Distance of the last value of the chosen signal from those before it, in standard "
            "deviations. Where the two differ, outliers have widened the plain one.",
            unit=units.NUMBER,
            decimals=1,
            width=8,
            empty=young,
        ),
        lines(
            "Level, short and long",
            Query(of("mean"), "{{over}}, " + SPLIT),
            description="Mean of the chosen signal over the window, over the past with decay, and over the "
            "whole run. The short one leaves the long ones where something changed.",
            unit=units.NUMBER,
            width=8,
            empty=young,
        ),
        lines(
            "Spread and range",
            Query(of("stddev"), "standard deviation, {{over}}, " + SPLIT),
            Query(
                f"{of('max', over='window')} - ignoring (over) {of('min', over='window')}",
                "highest to lowest, " + SPLIT,
                style=FAINT,
            ),
            description="Standard deviation of the chosen signal over the window, over the past with decay, "
            "and over the whole run; and how far the window's extremes are apart.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=young,
        ),
    ]
