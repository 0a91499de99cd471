"""Trust: how much data the drift is computed from."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    per_run,
)
from dashboards.vocabulary.panels import lines, number
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Can the scores be trusted?", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    window, needed = per_run("model_drift_window_samples"), per_run("model_drift_samples_needed")
    return [
        lines(
            "Samples in the window",
            Query(window, "in the window"),
            Query(needed, "needed", style=EXPECTED_LINE),
            description="Samples that drift is computed from. With fewer than needed, chance alone "
            "moves the scores, and none is published.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
        number(
            "Undecided features",
            Query(per_run("model_features_undecided"), "undecided"),
            description="Features without a drift score, because the window holds too few samples.",
            unit=units.COUNT,
            decimals=0,
            width=4,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
        number(
            "Reference samples",
            Query(per_run("model_drift_reference_samples"), "samples"),
            description="Rows of data that the reference was made from.",
            unit=units.COUNT,
            decimals=0,
            width=4,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
        number(
            "Age of the reference",
            Query(f"time() - {per_run('model_drift_reference_timestamp_seconds')}", "age"),
            description="Time since the reference was made. Legitimate changes since then count as "
            "drift, too.",
            unit=units.DURATION,
            width=4,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
        number(
            "Sampled rows",
            Query(per_run("model_drift_sampling_ratio"), "sampled"),
            description="Share of the rows of each batch that drift is computed from (`Drift(sampling=)`).",
            unit=units.SHARE,
            decimals=0,
            width=4,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
    ]
