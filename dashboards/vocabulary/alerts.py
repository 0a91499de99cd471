"""Firing alerts: their number, and the table that several dashboards show."""

from __future__ import annotations

from dashboards.vocabulary import colours, units
from dashboards.vocabulary.links import to_run, to_runbook
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.sdk import model, table
from dashboards.vocabulary.tables import Column, rows

#: Labels that identify an alert, except its severity.
_SAME = "alertname, model, run, metric, split, class, feature"

#: Severities, the worst first, and their colours.
_SEVERITIES = {"critical": colours.CRITICAL, "warning": colours.WARNING, "info": colours.NEUTRAL}


def firing(severity: str = "critical|warning") -> str:
    """Expression with a series for each firing alert; one that fires in two severities counts once.

    Args:
        severity: One severity, or several as ``critical|warning``.
    """
    return f"max by ({_SAME}) ({series('ALERTS', alertstate='firing', severity=severity)})"


def firing_alerts(*, width: int, height: int) -> table.Panel:
    """The alerts that fire now, with severity, start, and a link to the runbook."""
    every = series("ALERTS", alertstate="firing")
    severities = " or ".join(
        f"{code} * {series('ALERTS', alertstate='firing', severity=severity)}"
        for code, severity in enumerate(_SEVERITIES, start=1)
    )
    return rows(
        "Firing alerts by run",
        Column("Alert", 240, label="alertname", link=to_runbook("${__value.text}")),
        Column(
            "Severity",
            80,
            expr=f"min by ({_SAME}) ({severities})",
            unit=units.NUMBER,
            mappings=_words(),
            colouring=(),
        ),
        Column("Model", 110, label="model"),
        Column("Run", 150, label="run", link=to_run()),
        Column("Score", 110, label="metric"),
        Column("Split", 90, label="split"),
        Column("Class", 70, label="class"),
        Column("Feature", 130, label="feature"),
        Column(
            "Since",
            130,
            expr=f"min by ({_SAME}) ({series('ALERTS_FOR_STATE')} and ignoring (alertstate) {every}) * 1000",
            unit=units.SINCE,
        ),
        description="Alerts that fire now, the most severe first, and since when. Click a name for its "
        "runbook, a run for its overview.",
        sort_by="Severity",
        width=width,
        height=height,
        empty="nothing fires, as it should be.",
    )


def _words() -> list[model.ValueMapping]:
    return [
        model.ValueMap(
            {
                str(code): model.ValueMappingResult(text=severity, color=colour, index=code - 1)
                for code, (severity, colour) in enumerate(_SEVERITIES.items(), start=1)
            }
        )
    ]
