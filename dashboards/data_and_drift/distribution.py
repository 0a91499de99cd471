"""Distribution: one feature, in the window and in the reference."""

from __future__ import annotations

from dashboards.vocabulary import colours, reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import cells
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.shares import side_by_side


def section() -> Section:
    """The section."""
    return Section("Whither did $moved move?", _panels())


def _panels() -> list[Panel]:
    few = f"{reasons.NO_REFERENCE[:-1]}, or the feature is not among those whose distribution is published."

    def share(source: str) -> str:
        found = series("model_feature_distribution_ratio", feature="$moved", source=source)
        return f"avg by (bin) ({found})"

    return [
        side_by_side(
            "Window beside reference",
            {
                "Reference": (share("reference"), colours.NEUTRAL),
                "Window": (share("window"), colours.WARNING),
            },
            by="bin",
            heading="Bin",
            description="Share of the feature's values in each bin, in the window now and in the reference. "
            "Bins are those that the statistics look at; of categories the most common ones. The exporter "
            "publishes the features that drifted most (`drift_distributions=`).",
            width=10,
            height=12,
            empty=few,
        ),
        cells(
            "Distribution over time",
            Query(share("window"), "{{bin}}"),
            description="Share of the window's values in each bin. Mass that moves up or down is a shift; "
            "that gathers in one row, a constant or a default in place of a value.",
            unit=units.SHARE,
            scheme="Blues",
            minimum=0,
            width=14,
            height=12,
            empty=few,
        ),
    ]
