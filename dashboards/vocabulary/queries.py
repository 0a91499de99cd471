"""A query of a panel, and the styles of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from dashboards.vocabulary import colours
from dashboards.vocabulary.sdk import common, model, prometheus, prometheus_model

#: UID under which Prometheus is provisioned in Grafana; the default of the variable ``datasource``.
DATASOURCE_UID = "traingauge-prometheus"

#: Every query goes to the chosen data source.
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

#: How a line is drawn: Grafana's field properties by their id.
Style = Mapping[str, object]


def _reference(colour: str | None, fill: Literal["dash", "dot"], *dash: int) -> Style:
    return MappingProxyType(
        {
            **({"color": {"mode": "fixed", "fixedColor": colour}} if colour else {}),
            "custom.lineStyle": {"fill": fill, "dash": list(dash)},
            "custom.lineWidth": 1,
            "custom.fillOpacity": 0,
            # The tooltip names it; the legend is for what is measured.
            "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
        }
    )


CAUTION_LINE = _reference(colours.CAUTION, "dash", 10, 8)
WARNING_LINE = _reference(colours.WARNING, "dash", 10, 8)
CRITICAL_LINE = _reference(colours.CRITICAL, "dash", 10, 8)
EXPECTED_LINE = _reference(colours.NEUTRAL, "dash", 4, 6)

#: What a split is compared with: the colour says which split.
BEST_OF_SPLIT = _reference(None, "dot", 0, 6)
EXPECTED_OF_SPLIT = _reference(None, "dash", 4, 6)
BASELINE_LINE = _reference(colours.TO_BEAT, "dash", 14, 4)

#: Legend of a line of one split.
SPLIT = "{{split}}"

#: Where a band ends that values should stay within.
LIMIT_LINE = _reference(colours.MUTED, "dash", 4, 4)

#: What is asked for and not shown at all.
UNSEEN: Style = MappingProxyType({"custom.hideFrom": {"legend": True, "tooltip": True, "viz": True}})

#: The raw value behind a smoothed one.
FAINT: Style = MappingProxyType(
    {"custom.lineWidth": 1, "custom.fillOpacity": 0, "custom.lineStyle": {"fill": "solid"}}
)

#: The same where the smoothed one has the colour of its split.
RAW_LINE: Style = MappingProxyType({**FAINT, "color": {"mode": "fixed", "fixedColor": colours.RAW}})


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression of a panel.

    Attributes:
        expr: The expression; ``$__rate_interval`` is the range of every rate.
        legend: Name of a line, with labels as ``{{run}}``.
        instant: Whether only the value at the end of the time range is asked for.
        table: Whether the answer becomes rows with a column a label, for tables.
        style: How its lines are drawn, where not as the panel draws them.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False
    style: Style | None = None

    def target(self, ref: str) -> prometheus.Dataquery:
        """The query as Grafana has it, named ``ref``."""
        target = (
            prometheus.Dataquery()
            .ref_id(ref)
            .datasource(DATASOURCE)
            .editor_mode(prometheus_model.QueryEditorMode.CODE)
            .expr(self.expr)
            .legend_format(self.legend)
            .format(
                prometheus_model.PromQueryFormat.TABLE
                if self.table
                else prometheus_model.PromQueryFormat.TIME_SERIES
            )
        )
        return target.instant() if self.instant else target.range()

    def properties(self) -> list[model.DynamicConfigValue]:
        """The style as Grafana has it."""
        return [model.DynamicConfigValue(name, value) for name, value in (self.style or {}).items()]
