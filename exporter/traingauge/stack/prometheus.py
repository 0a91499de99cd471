"""Prometheus' HTTP API, as the stack uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .client import get
from .errors import QueryError


class Sample(NamedTuple):
    """One series of a query result, at the time of the query."""

    labels: dict[str, str]
    value: float


class PrometheusApi:
    """Reads from one Prometheus.

    Args:
        url: Its base URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, expression: str) -> list[Sample]:
        """Evaluate a PromQL expression now.

        Raises:
            QueryError: Prometheus rejected the expression; carries its message.
        """
        answer = self._get("query", {"query": expression})
        if answer["resultType"] == "scalar":
            return [Sample({}, float(answer["result"][1]))]
        return [Sample(item["metric"], float(item["value"][1])) for item in answer["result"]]

    def range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Evaluate a PromQL expression over a range: the labels of each series, and its times with values.

        Args:
            expression: In PromQL.
            start: Seconds since the epoch.
            end: Seconds since the epoch.
            step: Seconds between two values.

        Raises:
            QueryError: Prometheus rejected the expression; carries its message.
        """
        parameters = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        answer = self._get("query_range", parameters)
        return [
            (series["metric"], [(float(when), float(value)) for when, value in series["values"]])
            for series in answer["result"]
        ]

    def alerts(self, state: str | None = None) -> list[dict[str, Any]]:
        """Active alerts, each with ``labels``, ``annotations``, ``state``, ``activeAt`` and ``value``.

        Args:
            state: "pending" or "firing"; ``None`` for both.
        """
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return [alert for alert in found if state in (None, alert["state"])]

    def targets(self) -> list[dict[str, Any]]:
        """Active targets, each with ``labels``, ``scrapeUrl``, ``health`` and ``lastError``."""
        found: list[dict[str, Any]] = self._get("targets", {"state": "active"})["activeTargets"]
        return found

    def rule_groups(self) -> list[dict[str, Any]]:
        """Loaded rule groups, each with its ``rules`` and their ``health`` and ``lastError``."""
        found: list[dict[str, Any]] = self._get("rules")["groups"]
        return found

    def evaluated_seconds(self) -> float:
        """Seconds for which each rule group was evaluated at its interval: a clock that slows down with the machine."""
        samples = self.query(
            "min(prometheus_rule_group_iterations_total * prometheus_rule_group_interval_seconds)"
        )
        return samples[0].value if samples else 0.0

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        answer = get(f"{self._url}/api/v1/{path}", parameters).json()
        if answer["status"] != "success":
            raise QueryError(f"{answer['error']} (in {dict(parameters or {})})")
        return answer["data"]
