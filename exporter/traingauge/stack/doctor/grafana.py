"""Grafana: its dashboards, and the data source that they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator

from traingauge.bundle import places
from traingauge.bundle.platforms import DATASOURCE_UID
from traingauge.stack.client import get

from .finding import Finding, ok, problem, skipped
from .servers import BROKEN, TIMEOUT
from .subject import Subject


def grafana(subject: Subject) -> Iterator[Finding]:
    """The dashboards are there, and their data source answers."""
    url = subject.grafana_url
    if url is None:
        yield skipped(
            "no Grafana is known", "--grafana-url names yours; `traingauge up` shows runs without one"
        )
        return
    try:
        answer = get(f"{url}/api/search", {"type": "dash-db", "limit": "5000"}, timeout=TIMEOUT)
        if answer.status_code in (401, 403):
            yield skipped(f"Grafana at {url} asks for a login, so that its dashboards cannot be looked at")
            return
        there = {board["uid"] for board in answer.json()}
        source = get(
            f"{url}/api/datasources/proxy/uid/{DATASOURCE_UID}/api/v1/query", {"query": "1"}, timeout=TIMEOUT
        )
    except BROKEN as error:
        yield problem(f"Grafana at {url} does not answer as it should: {error}", "is it running?")
        return
    missing = sorted(_shipped() - there)
    if missing:
        yield problem(
            f"Grafana lacks dashboards: {', '.join(missing)}",
            "`traingauge bundle export --for grafana` writes them",
        )
    else:
        yield ok(f"{len(_shipped())} dashboards are in Grafana at {url}")
    if not source.ok:
        yield problem(
            f"the data source {DATASOURCE_UID} of Grafana does not answer (status {source.status_code})",
            "provision it, or export the dashboards with --datasource-uid of yours",
        )


def _shipped() -> set[str]:
    return {json.loads(path.read_text(encoding="utf-8"))["uid"] for path in places.DASHBOARDS.glob("*.json")}
