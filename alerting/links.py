"""Where the links of an alert lead: to its runbook, and to the dashboard that shows what is wrong.

>>> RUNBOOKS.endswith("/alerting/runbooks"), Links().runbook("ModelStuck").endswith("/ModelStuck.md")
(True, True)
>>> Links(dashboards="https://grafana.example.org").dashboard(11)
'https://grafana.example.org/d/traingauge-monitoring-health?refresh=30s'
"""

from __future__ import annotations

from dataclasses import dataclass

from alerting.identity import identity
from traingauge.bundle.identity import in_link

#: Where the runbooks are published, one page an alert.
RUNBOOKS = "https://github.com/traingauge/traingauge/blob/main/alerting/runbooks"


@dataclass(frozen=True, slots=True)
class Links:
    """The links that each alert carries.

    Attributes:
        runbooks: Address of the folder with the runbooks.
        dashboards: Address of Grafana; empty for links that start with the path, which Alertmanager's templates complete.
    """

    runbooks: str = RUNBOOKS
    dashboards: str = ""

    def runbook(self, name: str) -> str:
        """The page of an alert."""
        return f"{self.runbooks.rstrip('/')}/{name}.md"

    def dashboard(self, number: int) -> str:
        """The dashboard for an alert with this triage number, with a query that Alertmanager adds the time to.

        Args:
            number: 0 to 9 are many runs, 10 to 19 the servers themselves, 50 to 59 data and drift.
        """
        if number < 20:
            uid, query = "traingauge-fleet" if number < 10 else "traingauge-monitoring-health", "refresh=30s"
        else:
            uid = "traingauge-data-and-drift" if number // 10 == 5 else "traingauge-run-overview"
            query = in_link(identity())
        return f"{self.dashboards.rstrip('/')}/d/{uid}?{query}"
