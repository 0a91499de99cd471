"""The custom resources of the Prometheus operator: what its schemas accept, and what it configures.

The schemas in ``schemas`` are those of the operator's release 0.93.0 (Apache-2.0), without descriptions. Of the receivers of
an AlertmanagerConfig they hold Slack, PagerDuty and webhooks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = {
    (schema["apiVersion"], schema["kind"]): schema["schema"]
    for schema in (
        json.loads(path.read_text()) for path in (Path(__file__).parent / "schemas").glob("*.json")
    )
}


def validate(document: dict[str, Any]) -> None:
    """Raises a ``ValidationError`` for what the cluster would refuse, unknown fields included."""
    jsonschema.validate(document, _closed(SCHEMAS[document["apiVersion"], document["kind"]], whole=True))


def _closed(schema: Any, *, whole: bool = False) -> Any:
    """A schema that accepts no property it does not name, as ``kubectl apply`` does."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        closed = {key: value for key, value in closed.items() if key != "anyOf"} | {
            "type": ["integer", "string"]
        }
    if "(?i)" in str(schema.get("pattern")):  # Go takes flags anywhere
        closed["pattern"] = "(?i)" + schema["pattern"].replace("(?i)", "")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
        if whole:
            closed["properties"]["metadata"] = {"type": "object"}
    return closed


def scrape_job(monitor: dict[str, Any], endpoint: int = 0) -> dict[str, Any]:
    """The job that the operator configures for an endpoint of a PodMonitor, without the discovery itself."""
    found = monitor["spec"]["podMetricsEndpoints"][endpoint]
    name, namespace = monitor["metadata"]["name"], monitor["metadata"]["namespace"]
    relabelings: list[dict[str, Any]] = []
    if found.get("filterRunning", True):
        phases = {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"}
        relabelings.append({"action": "drop"} | phases)
    relabelings.append(
        {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_pod_container_port_name"],
            "regex": found["port"],
        }
    )
    for label, meta in (("namespace", "namespace"), ("container", "pod_container_name"), ("pod", "pod_name")):
        relabelings.append({"source_labels": [f"__meta_kubernetes_{meta}"], "target_label": label})
    for label in monitor["spec"].get("podTargetLabels", ()):
        meta = f"__meta_kubernetes_pod_label_{label}"
        relabelings.append({"source_labels": [meta], "regex": "(.+)", "target_label": label})
    relabelings.append({"target_label": "job", "replacement": f"{namespace}/{name}"})
    relabelings.append({"target_label": "endpoint", "replacement": found["port"]})
    return {
        "job_name": f"podMonitor/{namespace}/{name}/{endpoint}",
        "honor_timestamps": found.get("honorTimestamps", True),
        "relabel_configs": [*relabelings, *map(snake_case, found.get("relabelings", ()))],
        "metric_relabel_configs": [*map(snake_case, found.get("metricRelabelings", ()))],
    }


def route(config: dict[str, Any]) -> dict[str, Any]:
    """The route that the operator puts in front of the others for an AlertmanagerConfig."""
    found = config["spec"]["route"]
    matchers = [f'{one["name"]}{one.get("matchType", "=")}"{one["value"]}"' for one in found["matchers"]]
    namespace = config["metadata"]["namespace"]
    return {
        "receiver": found["receiver"],
        "group_by": found["groupBy"],
        "matchers": [*matchers, f'namespace="{namespace}"'],
        "continue": True,
    }


def snake_case(relabeling: dict[str, Any]) -> dict[str, Any]:
    """A relabelling with Prometheus' names of its fields."""
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key): value for key, value in relabeling.items()
    }
