"""Where each shipped file is: in an installed package in its folder ``bundle/files``, in a checkout where it is edited."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent

#: What an installed package carries, and the root of a checkout.
_INSTALLED, _CHECKOUT = _HERE / "files", _HERE.parents[2]

#: Where each file or folder lies in the bundle, and in a checkout. The wheel is built from the same list in pyproject.toml.
PLACES = {
    "prometheus/prometheus.yml": "deploy/prometheus/prometheus.yml",
    "prometheus/rules": "alerting/rules",
    "alertmanager": "alerting/alertmanager",
    "grafana/provisioning": "deploy/grafana/provisioning",
    "grafana/dashboards": "dashboards/rendered",
    "compose": "deploy/compose",
    "kubernetes": "deploy/kubernetes",
    "helm": "deploy/helm",
    "runbooks": "alerting/runbooks",
}


def shipped(place: str) -> Path:
    """The path of a shipped file or folder, by its place in the bundle.

    Raises:
        KeyError: The bundle has no such place.

    >>> shipped("prometheus/prometheus.yml").is_file()
    True
    """
    in_checkout = PLACES[place]
    return _INSTALLED / place if _INSTALLED.is_dir() else _CHECKOUT / in_checkout


PROMETHEUS_CONFIG = shipped("prometheus/prometheus.yml")
RULES = shipped("prometheus/rules")
ALERTMANAGER_CONFIG = shipped("alertmanager") / "alertmanager.yml"
GRAFANA_PROVISIONING = shipped("grafana/provisioning")
DASHBOARDS = shipped("grafana/dashboards")
COMPOSE = shipped("compose")
KUBERNETES = shipped("kubernetes")
HELM = shipped("helm")
RUNBOOKS = shipped("runbooks")
