"""Every dashboard, by the name of its file. A new one takes a module and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dashboards import classes, compare_runs, data_and_drift, fleet, monitoring_health, run_overview
from dashboards.vocabulary.sdk import model

DASHBOARDS: Mapping[str, Callable[[], model.Dashboard]] = MappingProxyType(
    {
        "fleet": fleet.dashboard,
        "run-overview": run_overview.dashboard,
        "classes": classes.dashboard,
        "data-and-drift": data_and_drift.dashboard,
        "compare-runs": compare_runs.dashboard,
        "monitoring-health": monitoring_health.dashboard,
    }
)
