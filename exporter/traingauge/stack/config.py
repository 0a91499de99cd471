"""Adapts the shipped configuration to this machine: paths, addresses, intervals, webhook."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from .durations import divided, milliseconds
from .errors import ConfigError
from .pace import Pace

#: Names of the servers in the shipped configuration.
PROMETHEUS_ADDRESS, ALERTMANAGER_ADDRESS = "localhost:9090", "alertmanager:9093"

_PROMETHEUS_INTERVALS = {"scrape_interval", "scrape_timeout", "evaluation_interval", "refresh_interval"}
_ALERTMANAGER_INTERVALS = {"group_wait", "group_interval", "repeat_interval"}


def prometheus_config(
    shipped: Mapping[str, Any], *, rules: Path, targets: Path, addresses: Mapping[str, str], pace: Pace
) -> dict[str, Any]:
    """Prometheus' configuration for this machine.

    Args:
        shipped: The shipped configuration.
        rules: The folder with the rule files.
        targets: The folder in which runs announce themselves.
        addresses: Addresses of the servers on this machine, by their addresses in the shipped configuration.
        pace: Shortens the intervals.
    """
    folders = {"rules": rules, "targets": targets}

    def change(key: str, value: Any) -> Any:
        if key in _PROMETHEUS_INTERVALS:
            return divided(value, pace.factor, floor=pace.shortest_interval)
        if key in ("rule_files", "files"):
            return [str(_moved(path, folders)) for path in value]
        if key == "targets":
            return [addresses.get(target, target) for target in value]
        return value

    return _changed(shipped, change)


def scrape_interval(prometheus: Mapping[str, Any]) -> int:
    """The longer of the intervals of scrapes and evaluations, in milliseconds."""
    settings = prometheus.get("global", {})
    return max(milliseconds(settings.get(key, "1m")) for key in ("scrape_interval", "evaluation_interval"))


def alertmanager_config(
    shipped: Mapping[str, Any],
    *,
    folder: Path,
    webhook_url: str | None,
    pace: Pace,
    slack: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Alertmanager's configuration for this machine.

    Args:
        shipped: The shipped configuration.
        folder: Its folder; the paths in it are relative to that.
        webhook_url: Replaces the URL of each webhook; ``None`` keeps the shipped ones.
        pace: Shortens the waiting times of the routes.
        slack: A receiver for Slack, which gets what webhooks get.
    """

    def change(key: str, value: Any) -> Any:
        if key in _ALERTMANAGER_INTERVALS:
            return divided(value, pace.factor)
        if key == "templates":
            return [str(folder / path) for path in value]
        if key.endswith("_file"):
            return str(folder / value)
        if key == "webhook_configs" and webhook_url:
            return [hook | {"url": webhook_url} for hook in value]
        return value

    changed = _changed(shipped, change)
    for receiver in changed["receivers"] if slack is not None else ():
        if "webhook_configs" in receiver:
            receiver["slack_configs"] = [dict(slack or {})]
    return changed


def _changed(document: Mapping[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    """A copy with ``change(key, value)`` in place of the value of each key, at any depth."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(change(key, inner)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return copy.deepcopy(value)

    return {key: walk(change(key, value)) for key, value in document.items()}


def _moved(path: str, folders: Mapping[str, Path]) -> Path:
    parts = PurePosixPath(path)
    if str(parts.parent) not in folders:
        raise ConfigError(
            f"path {path!r} in Prometheus' configuration: expected a file in {', '.join(folders)}"
        )
    return folders[str(parts.parent)] / parts.name
