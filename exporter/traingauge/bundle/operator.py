"""The bundle as objects of the Prometheus operator, and dashboards as Grafana's sidecar and the Grafana operator take them.

All is converted from the shipped files: the job of pods, the rule files, Alertmanager's configuration, the dashboards.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from traingauge.bundle import documents, places
from traingauge.bundle.identity import in_lists
from traingauge.bundle.options import Options
from traingauge.bundle.rules import rule_files

#: The Secret that the receiver reads its address from.
RECEIVER_SECRET = {"name": "traingauge-receiver", "key": "url"}

#: Between two scrapes of a pod: the default of the operator, 30 s, leaves a preempted pod little time to be seen.
INTERVAL = "15s"

#: Labels of a sample: its own, at most 20, and those that the operator adds to its target.
LABEL_LIMIT = 40

_MATCHER = re.compile(r'\s*(?P<name>\w+)\s*(?P<matchType>=~|!~|!=|=)\s*"?(?P<value>[^"]*)"?\s*')

#: Limits of the job of pods that every version of the operator with limits for labels knows.
_LIMITS = ("sample_limit", "label_name_length_limit", "label_value_length_limit")


def pod_monitor(options: Options) -> str:
    """The PodMonitor that finds training pods."""
    (job,) = documents.shipped(places.KUBERNETES / "pods.yml")
    by_port, *others = job["relabel_configs"]
    relabelings = [one for one in others if one.get("action") != "labelmap"]  # podTargetLabels stands for it
    spec = {
        "selector": {},
        "podTargetLabels": [label for label in _labels(options) if label not in ("cluster", "namespace")],
        **{_camel_case(limit): job[limit] for limit in _LIMITS},
        "labelLimit": LABEL_LIMIT,
        "podMetricsEndpoints": [
            {
                "port": by_port["regex"],
                "interval": INTERVAL,
                "honorTimestamps": job["honor_timestamps"],
                "filterRunning": False,  # a failed pod stays a target that is down, so that its alert lasts
                "relabelings": [_keys(one) for one in relabelings],
                "metricRelabelings": [_keys(one) for one in job["metric_relabel_configs"]],
            }
        ],
    }
    return _object("monitoring.coreos.com/v1", "PodMonitor", "traingauge", options, spec)


def rules(options: Options) -> dict[str, str]:
    """A PrometheusRule for each rule file, by its name; comments stay."""
    return {
        name: _head(
            "monitoring.coreos.com/v1", "PrometheusRule", f"traingauge-{name.removesuffix('.yml')}", options
        )
        + "spec:\n"
        + textwrap.indent(text, "  ")
        for name, text in rule_files(options).items()
    }


def alertmanager_config(options: Options) -> str:
    """The AlertmanagerConfig with the shipped routes and inhibitions; the address of the receiver is in a Secret."""
    shipped = in_lists(documents.shipped(places.ALERTMANAGER_CONFIG), _labels(options))
    route = _route(shipped["route"])
    route["matchers"] = _matchers(['alertname=~"Model[A-Z].+"'])
    spec = {
        "route": route,
        "receivers": [_receiver(one) for one in shipped["receivers"]],
        "inhibitRules": [
            {
                "sourceMatch": _matchers(one["source_matchers"]),
                "targetMatch": _matchers(one["target_matchers"]),
                "equal": one["equal"],
            }
            for one in shipped["inhibit_rules"]
        ],
    }
    return _object("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", "traingauge", options, spec)


def dashboard_config_map(name: str, text: str, options: Options) -> str:
    """A ConfigMap with a dashboard, with the label by which Grafana's sidecar finds it."""
    head = _head("v1", "ConfigMap", f"traingauge-{name}", options, {"grafana_dashboard": "1"})
    return head + f"data:\n  {name}.json: |\n" + textwrap.indent(text, "    ")


def grafana_dashboard(name: str, options: Options) -> str:
    """A GrafanaDashboard that takes a dashboard from its ConfigMap."""
    spec = {
        "instanceSelector": {"matchLabels": {"dashboards": "grafana"}},
        "configMapRef": {"name": f"traingauge-{name}", "key": f"{name}.json"},
    }
    return _object("grafana.integreatly.org/v1beta1", "GrafanaDashboard", f"traingauge-{name}", options, spec)


def _labels(options: Options) -> list[str]:
    """The labels that tell runs apart, without model and run."""
    if options.labels is not None:
        return list(options.labels)
    grouped = documents.shipped(places.ALERTMANAGER_CONFIG)["route"]["group_by"]
    return [label for label in grouped if label not in ("model", "run")]


def _route(shipped: Mapping[str, Any]) -> dict[str, Any]:
    route: dict[str, Any] = {}
    for key, value in shipped.items():
        if key == "routes":
            route[key] = [_route(one) for one in value]
        else:
            route[_camel_case(key)] = _matchers(value) if key == "matchers" else value
    return route


def _receiver(shipped: Mapping[str, Any]) -> dict[str, Any]:
    hooks = [
        {"urlSecret": RECEIVER_SECRET, "sendResolved": hook["send_resolved"]}
        for hook in shipped.get("webhook_configs", ())
    ]
    return {"name": shipped["name"], **({"webhookConfigs": hooks} if hooks else {})}


def _matchers(texts: Iterable[str]) -> list[dict[str, str]]:
    found = [_MATCHER.fullmatch(text) for text in texts]
    assert all(found), texts
    return [one.groupdict() for one in found if one is not None]


def _keys(shipped: Mapping[str, Any]) -> dict[str, Any]:
    return {_camel_case(key): value for key, value in shipped.items()}


def _camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _object(version: str, kind: str, name: str, options: Options, spec: Mapping[str, Any]) -> str:
    return _head(version, kind, name, options) + documents.as_yaml({"spec": spec})


def _head(
    version: str, kind: str, name: str, options: Options, labels: Mapping[str, str] | None = None
) -> str:
    metadata: dict[str, Any] = {"name": name}
    if options.namespace is not None:
        metadata["namespace"] = options.namespace
    if chosen := {**options.object_labels, **(labels or {})}:
        metadata["labels"] = chosen
    return documents.as_yaml({"apiVersion": version, "kind": kind, "metadata": metadata})
