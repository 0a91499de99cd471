"""The table of alerts that fire, which several dashboards show."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.links import to_run, to_runbook
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.sdk import table
from dashboards.vocabulary.tables import Column, rows


def firing_alerts(*, width: int, height: int) -> table.Panel:
    """What fires now, since when, and the way to its runbook."""
    firing = series("ALERTS", alertstate="firing")
    return rows(
        "Alerts that fire now",
        Column("Alert", label="alertname", link=to_runbook("${__value.text}"), width=260),
        Column("Severity", label="severity", width=100),
        Column("Model", label="model"),
        Column("Run", label="run", link=to_run()),
        Column("Score", label="metric", width=110),
        Column("Split", label="split", width=110),
        Column("Class", label="class", width=110),
        Column("Feature", label="feature", width=160),
        Column(
            "Since",
            expr="max by (alertname, severity, model, run, metric, split, class, feature) "
            f"({series('ALERTS_FOR_STATE')} and ignoring (alertstate) {firing}) * 1000",
            unit=units.SINCE,
            width=160,
        ),
        description="What fires, and since when its condition holds. The name leads to the runbook, the run "
        "to its overview.",
        sort_by="Severity",
        width=width,
        height=height,
        empty="nothing fires, which is how it should be.",
    )
