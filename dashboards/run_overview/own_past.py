"""Own past: one signal compared with its earlier values."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import occurrences, series
from dashboards.vocabulary.panels import events, lines, number
from dashboards.vocabulary.queries import FAINT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import FARTHEST, level_lines


def section() -> Section:
    """The section."""
    return Section("Is $signal unusual for this run?", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    young = Reason("the run has not taken enough steps, or does not report the signal.", "no signal yet")

    zscores = series("model_signal_robust_zscore")

    def of(statistic: str, **labels: str) -> str:
        return series(f"model_signal_{statistic}", signal="$signal", **labels)

    return [
        lines(
            "Control limits",
            Query(of("mean", over="window"), "mean of the window, " + SPLIT),
            Query(of("control_limit"), "{{limit}} limit, " + SPLIT, style=LIMIT_LINE),
            Query(of("quantile", over="window", q="0.5"), "median, " + SPLIT, style=FAINT),
            description="Mean of the chosen signal over its window, within its control limits: three "
            "standard deviations below and above the earlier values. A mean far from the "
            "median means outliers in the window.",
            unit=units.NUMBER,
            width=12,
            height=9,
            empty=young,
        ),
        lines(
            "Robust z-scores",
            Query(zscores, "{{signal}}, " + SPLIT),
            *level_lines(zscores, (-3, "lower limit", LIMIT_LINE), (3, "upper limit", LIMIT_LINE)),
            description="Distance of the last value of every signal from the median of the earlier "
            "ones, in robust standard deviations. Beyond 3 on either side is unusual, and the "
            "axis logarithmic. A single spike is noise; a plateau is a change.",
            unit=units.NUMBER,
            decimals=1,
            linear_to=3,
            up_to=FARTHEST,
            width=12,
            height=9,
            empty=reasons.TOO_FEW_STEPS,
        ),
        events(
            "Alarms of the detectors",
            Query(
                occurrences("model_anomalies_total", "signal, detector"),
                "{{signal}}, {{detector}}",
            ),
            description="When a detector found a lasting change for the worse in a signal. A single "
            "outlier raises no alarm.",
            width=16,
            height=6,
            empty=reasons.NO_ALARM,
        ),
        number(
            "Step of the last alarm",
            Query(series("model_anomaly_last_step"), "{{signal}}, {{detector}}"),
            description="Training step at which each detector last raised an alarm. Look at the "
            "learning curves there.",
            unit=units.COUNT,
            decimals=0,
            width=8,
            height=6,
            empty=reasons.NO_ALARM,
        ),
        lines(
            "Z-scores of the chosen signal",
            Query(of("zscore"), "from the mean, " + SPLIT),
            Query(of("robust_zscore"), "from the median, robust, " + SPLIT),
            description="Distance of the last value of the chosen signal from the earlier ones, in "
            "standard deviations. Where the two differ, outliers have widened the plain "
            "one.",
            unit=units.NUMBER,
            decimals=1,
            linear_to=3,
            up_to=FARTHEST,
            width=8,
            empty=young,
        ),
        lines(
            "Short-term and long-term mean",
            Query(of("mean"), "{{over}}, " + SPLIT),
            description="Mean of the chosen signal over the window, with exponential decay, and over "
            "the whole run. Where the short-term mean leaves the others, something "
            "changed.",
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
            description="Standard deviation of the chosen signal over the window, with exponential "
            "decay, and over the whole run; and the range of the window.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=young,
        ),
    ]
