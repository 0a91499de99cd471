"""A host of the runs, as node_exporter and dcgm-exporter would publish it: real names and labels, values made up."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

from dashboards.example.history import END, History, grid
from simulation.clock import BEGIN

#: A pod on the host that uses its GPU: what a run in Kubernetes has for its host.
POD = "train-digits-0"

_NODE = {"job": "node", "instance": "gpu-1:9100"}
_MEBIBYTES_OF_GPU = 81_000.0


def add_host(history: History) -> None:
    """Add the series of a host that the runs share, with two cores and a GPU."""
    host = socket.gethostname()
    gpu = {"job": "dcgm", "instance": "gpu-1:9400", "gpu": "0", "Hostname": host, "pod": POD}

    def add(name: str, labels: dict[str, str], value: Callable[[float], float]) -> None:
        history.add(name, labels, ((at, value(at - BEGIN)) for at in grid(BEGIN, END)))

    add("node_uname_info", _NODE | {"nodename": host}, lambda _: 1.0)
    add("kube_pod_info", {"job": "kube-state-metrics", "pod": POD, "node": host}, lambda _: 1.0)
    for cpu in ("0", "1"):
        add(
            "node_cpu_seconds_total",
            _NODE | {"cpu": cpu, "mode": "idle"},
            lambda age: age * 0.3 + 20 * _wave(age),
        )
    add("node_memory_MemTotal_bytes", _NODE, lambda _: 64e9)
    add("node_memory_MemAvailable_bytes", _NODE, lambda age: 50e9 - 3e6 * age)
    add(
        "node_disk_io_time_seconds_total",
        _NODE | {"device": "nvme0n1"},
        lambda age: age * 0.12 + 5 * _wave(age),
    )
    add("node_pressure_io_waiting_seconds_total", _NODE, lambda age: age * 0.02)
    add("DCGM_FI_DEV_GPU_UTIL", gpu, lambda age: 70 + 20 * _wave(age))
    add("DCGM_FI_DEV_FB_USED", gpu, lambda _: 0.6 * _MEBIBYTES_OF_GPU)
    add("DCGM_FI_DEV_FB_FREE", gpu, lambda _: 0.4 * _MEBIBYTES_OF_GPU)
    add("DCGM_FI_DEV_POWER_USAGE", gpu, lambda age: 300 + 80 * _wave(age))


def _wave(age: float) -> float:
    """Between -1 and 1, once every ten minutes."""
    return math.sin(age * math.tau / 600)
