"""Links from a dashboard to the others, from a value to its run, and from an alert to its runbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alerting.links import RUNBOOKS
from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.sdk import dashboard, model
from traingauge.catalog import RUN_LABELS

#: Tag of every dashboard here, and of those that show one run, and many; the links between them select by it.
TAG = "traingauge"
ONE_RUN, MANY_RUNS = "traingauge-one-run", "traingauge-many-runs"

#: UIDs of the dashboards that others link to.
FLEET = "traingauge-fleet"
RUN_OVERVIEW = "traingauge-run-overview"
CLASSES = "traingauge-classes"
DATA_AND_DRIFT = "traingauge-data-and-drift"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a value.

    Attributes:
        title: What opens.
        url: Where; Grafana fills in ``${__data.fields.run}`` and the like.
    """

    title: str
    url: str

    def builder(self) -> dashboard.DashboardLink:
        """The link as Grafana has it."""
        return dashboard.DashboardLink(self.title).url(self.url)

    def property(self) -> dict[str, object]:
        """The link as a field's property has it."""
        return {"title": self.title, "url": self.url, "targetBlank": False}


def to_dashboard(title: str, uid: str, variables: Mapping[str, str]) -> Link:
    """Link to another dashboard that keeps data source and time range.

    Args:
        title: What opens.
        uid: The dashboard's.
        variables: For variables of the other dashboard, what Grafana fills in, as ``__field.labels.model``.
    """
    filled = "".join(f"&var-{name}=${{{value}:percentencode}}" for name, value in variables.items())
    return Link(title, f"/d/{uid}?var-datasource=${{datasource}}{filled}&${{__url_time_range}}")


def to_run(uid: str = RUN_OVERVIEW, title: str = "Open the run") -> Link:
    """Link from a row of a table of runs."""
    columns = {"model": "Model", "run": "Run", **{label: label for label in IDENTITY}}
    return to_dashboard(title, uid, {label: f"__data.fields.{name}" for label, name in columns.items()})


def from_line(uid: str = RUN_OVERVIEW, title: str = "Open the run", **variables: str) -> Link:
    """Link from a line that has the labels of its run.

    Args:
        uid: UID of the dashboard that opens.
        title: What opens.
        variables: Further variables of that dashboard, each with the label whose value it takes.
    """
    labels = {**{label: label for label in (*RUN_LABELS, *IDENTITY)}, **variables}
    return to_dashboard(title, uid, {name: f"__field.labels.{label}" for name, label in labels.items()})


def to_runbook(alert: str) -> Link:
    """Link to the runbook of an alert.

    Args:
        alert: What Grafana fills in for its name.
    """
    return Link("Runbook", f"{RUNBOOKS}/{alert}.md")


def between_dashboards(*, one_run: bool) -> list[dashboard.DashboardLink]:
    """The links on top of a dashboard: to those with the same variables, and to the first of the others.

    Only the former get its variables. ``run`` means one run here and all of them there: a dashboard of one run that is
    handed *All* shows nothing, and one of many that is handed one run hides the others.

    Args:
        one_run: Whether the dashboard shows one run.
    """
    if one_run:
        others = ("This run", ONE_RUN, "The other dashboards of this run")
        first = ("Fleet", FLEET, "Every run")
    else:
        others = ("All runs", MANY_RUNS, "The other dashboards of the chosen runs")
        first = ("Newest run", RUN_OVERVIEW, "Run overview of the run that started last")
    return [_among(*others), _to_first(*first)]


def _among(title: str, tag: str, tooltip: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([tag])
        .icon("external link")
        .tooltip(tooltip)
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
        .target_blank(False)
        .url("")
    )


def _to_first(title: str, uid: str, tooltip: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .tags([])
        .icon("dashboard")
        .tooltip(tooltip)
        .as_dropdown(False)
        .include_vars(False)
        .keep_time(True)
        .target_blank(False)
        .url(f"/d/{uid}?var-datasource=${{datasource}}")
    )
