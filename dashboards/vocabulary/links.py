"""Links from a dashboard to the others, from a value to its run, and from an alert to its runbook."""

from __future__ import annotations

from dataclasses import dataclass

from alerting.links import RUNBOOKS
from dashboards.vocabulary.sdk import dashboard, model

#: Tag of every dashboard here; the links between them select by it.
TAG = "traingauge"

#: UIDs of the dashboards that others link to.
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


def to_dashboard(title: str, uid: str, *, model_name: str, run: str) -> Link:
    """Link to another dashboard that keeps data source and time range and selects a run.

    Args:
        title: What opens.
        uid: The dashboard's.
        model_name: What Grafana fills in for the model, as ``${__field.labels.model}``.
        run: The same for the run.
    """
    query = f"var-datasource=${{datasource}}&var-model={model_name}&var-run={run}&${{__url_time_range}}"
    return Link(title, f"/d/{uid}?{query}")


def to_run(uid: str = RUN_OVERVIEW, title: str = "Open the run") -> Link:
    """Link from a row of a table with the columns *Model* and *Run*."""
    return to_dashboard(title, uid, model_name="${__data.fields.Model}", run="${__data.fields.Run}")


def from_line(uid: str = RUN_OVERVIEW, title: str = "Open the run") -> Link:
    """Link from a line that has the labels ``model`` and ``run``."""
    return to_dashboard(title, uid, model_name="${__field.labels.model}", run="${__field.labels.run}")


def to_runbook(alert: str) -> Link:
    """Link to the runbook of an alert.

    Args:
        alert: What Grafana fills in for its name.
    """
    return Link("Runbook", f"{RUNBOOKS}/{alert}.md")


def between_dashboards() -> dashboard.DashboardLink:
    """The links to the other dashboards, on top of each; they keep the selection and the time range."""
    return (
        dashboard.DashboardLink("Dashboards")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .icon("external link")
        .tooltip("The other dashboards, on the same run and time range")
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
        .target_blank(False)
        .url("")
    )
