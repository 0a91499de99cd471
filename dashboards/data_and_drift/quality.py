"""Quality: missing, infinite, constant and unknown values."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.heatmap import AMOUNT, RED_WHEN_ANY, ROWS, Shade, cells
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import occurrences, per_run, series
from dashboards.vocabulary.panels import events, lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Is the data sound?", _panels())


def further() -> Section:
    """What is looked at less often."""
    return Section("More about the values of each feature", _further(), collapsed=True)


def _panels() -> list[Panel]:
    return [
        _ratio(
            "Missing values",
            "model_feature_missing_ratio",
            "Share of each feature's values in the window that are missing, NaN or "
            "infinite. Many rows at once are an outage upstream; a single row is a broken "
            "join or a renamed column.",
        ),
        _ratio(
            "Values out of range",
            "model_feature_out_of_range_ratio",
            "Share of each feature's values in the window outside the range of the "
            "reference. Often a changed unit, or scaling that was left out.",
        ),
        lines(
            "Missing and extra columns",
            Query(per_run("model_features_missing"), "missing"),
            Query(per_run("model_features_extra"), "extra"),
            description="Features without a column in the last batch, and columns that the reference "
            "does not have. Both at once: a column was renamed.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=12,
            height=6,
            empty=reasons.NO_REFERENCE,
        ),
        events(
            "NaN and infinite values by source",
            Query(
                occurrences("model_nonfinite_total", "signal"),
                "{{signal}}",
            ),
            description="Non-finite values as they arrive. In features they come from the data, and "
            "the loss follows.",
            width=12,
            height=6,
            empty=reasons.ALL_FINITE,
        ),
    ]


def _further() -> list[Panel]:
    return [
        _ratio(
            "Infinite values",
            "model_feature_infinite_ratio",
            "Share of each feature's values in the window that are infinite: a division "
            "by 0 or an overflow upstream. They count as missing, too.",
        ),
        _ratio(
            "Values in one bin",
            "model_feature_constant_ratio",
            "Share of each feature's values in the window that lie in its fullest bin. A "
            "row that becomes solid is a feature that became constant: a default in place of "
            "a value.",
            AMOUNT,
        ),
    ]


def _ratio(title: str, metric: str, description: str, shade: Shade = RED_WHEN_ANY) -> Panel:
    """A share of each feature's values over time, one row per feature."""
    return cells(
        title,
        series(metric, feature="$feature"),
        by="feature",
        combine="max",
        shade=shade,
        description=f"{description} Of more than {ROWS} features, those where it was largest.",
        unit=units.SHARE,
        minimum=0,
        maximum=1,
        empty=reasons.NO_REFERENCE,
    )
