"""The machine and the versions of a measurement."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("traingauge", "numpy", "prometheus_client", "keras", "tensorflow-cpu", "torch", "torchmetrics"),
    *("scikit-learn", "scipy", "river", "tensorboard", "wandb", "mlflow-skinny"),
)

_POLICIES = {os.SCHED_OTHER: "ordinary", os.SCHED_RR: "real-time"}


def describe(more: Sequence[str] = ()) -> dict[str, str]:
    """Date, processor, load, and versions of what is installed, also of ``more`` packages."""
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.platform(terse=True),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "scheduling": f"{_POLICIES.get(os.sched_getscheduler(0), 'other')}, niceness {os.nice(0)}",
        "Python": platform.python_version(),
    }
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
