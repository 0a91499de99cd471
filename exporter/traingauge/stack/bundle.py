"""The shipped files: alert rules, runbooks, dashboards, and the configuration of the servers.

An installed package carries them in its folder ``bundle``. In a checkout each is read from where it is edited.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

#: What an installed package carries, and the root of a checkout.
_INSTALLED, _CHECKOUT = _PACKAGE / "bundle", _PACKAGE.parents[1]

#: Where each file or folder lies in the bundle, and in a checkout. The wheel is built from the same list in pyproject.toml.
PLACES = {
    "prometheus/prometheus.yml": "deploy/prometheus/prometheus.yml",
    "prometheus/rules": "alerting/rules",
    "alertmanager": "alerting/alertmanager",
    "grafana/provisioning": "deploy/grafana/provisioning",
    "grafana/dashboards": "dashboards/rendered",
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
RUNBOOKS = shipped("runbooks")
