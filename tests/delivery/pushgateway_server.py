"""A real Pushgateway on a free port."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import requests

from tests.delivery.real_server import real_server
from traingauge.stack.server import Server


def pushgateway(folder: Path) -> AbstractContextManager[Server]:
    """Start one that keeps nothing on disk: Debian's has a file that all would share."""
    return real_server("pushgateway", folder, "--persistence.file=", ready_path="/-/ready")


def groups(url: str) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Metrics of each group by its job, model and run."""
    answer = requests.get(f"{url}/api/v1/metrics", timeout=30).json()
    names = ("job", "model", "run")
    return {tuple(group["labels"].get(name, "") for name in names): group for group in answer["data"]}


def value(group: Mapping[str, Any], name: str, /, **labels: str) -> float | None:
    """One sample of a group; ``None`` if it has none with all of these labels."""
    for one in group.get(name, {}).get("metrics", ()):
        if labels.items() <= one["labels"].items():
            return float(one["value"])
    return None
