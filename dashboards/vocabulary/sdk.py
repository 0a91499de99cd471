"""The parts of Grafana's SDK that the dashboards use, imported once.

The classic dashboard model is the one that file provisioning accepts in every Grafana from 9.4 on. The SDK
advises its successor by a warning at import, which is silenced here and nowhere else.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        barchart,
        bargauge,
        dashboard,
        heatmap,
        prometheus,
        stat,
        statetimeline,
        table,
        text,
        timeseries,
        trend,
    )
    from grafana_foundation_sdk.builders import common as options
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import common
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models import heatmap as heatmap_model
    from grafana_foundation_sdk.models import prometheus as prometheus_model

#: A panel under construction.
Panel = Builder[model.Panel]

__all__ = [
    "Builder",
    "JSONEncoder",
    "Panel",
    "barchart",
    "bargauge",
    "common",
    "dashboard",
    "heatmap",
    "heatmap_model",
    "model",
    "options",
    "prometheus",
    "prometheus_model",
    "register_default_plugins",
    "stat",
    "statetimeline",
    "table",
    "text",
    "timeseries",
    "trend",
]
