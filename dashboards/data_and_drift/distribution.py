"""Distribution: one feature, in the window and in the reference."""

from __future__ import annotations

from dashboards.vocabulary import colours, reasons, units
from dashboards.vocabulary.heatmap import AMOUNT, cells
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.shares import side_by_side


def section() -> Section:
    """The section."""
    return Section("One feature in detail: $moved", _panels())


def _panels() -> list[Panel]:
    few = reasons.NO_REFERENCE.or_("the feature's distribution is not published.")

    def published(source: str) -> str:
        return series("model_feature_distribution_ratio", feature="$moved", source=source)

    def share(source: str) -> str:
        # The last one in the time range: the feature that drifted most then need not be among those published now.
        return f"avg by (bin) (last_over_time({published(source)}[$__range]))"

    return [
        side_by_side(
            "Window and reference",
            {
                "Reference": (share("reference"), colours.NEUTRAL),
                "Window": (share("window"), colours.WARNING),
            },
            by="bin",
            heading="Bin",
            description="Share of the feature's values in each bin, in the last window that was published "
            "and in the reference. The bins are those of the drift statistics; of categories the "
            "most common. The exporter publishes the features that drifted most "
            "(`Drift(distributions=)`).",
            width=10,
            height=12,
            empty=few,
        ),
        cells(
            "Distribution over time",
            published("window"),
            by="bin",
            combine="avg",
            shade=AMOUNT,
            description="Share of the window's values in each bin. If the values move up or down, the "
            "feature shifted; if they gather in one row, it became a constant or a "
            "default.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=14,
            height=12,
            empty=few,
        ),
    ]
