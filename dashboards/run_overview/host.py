"""Host: CPU, memory, disk and GPU of the machine next to the time of a step and the wait for its data."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import per_second, series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import FAINT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel

_NO_NODE = Reason(
    "no node_exporter runs on the host of the run, or Prometheus does not scrape it.",
    "no node_exporter on the host",
)
_NO_GPU = Reason(
    "no dcgm-exporter runs on the host of the run, or Prometheus does not scrape it.",
    "no dcgm-exporter on the host",
)


def section() -> Section:
    """The section."""
    return Section("Host: does the machine hold it back?", [_step(), *_node(), *_gpu()], collapsed=True)


def _step() -> Panel:
    def mean(histogram: str) -> str:
        total, count = (
            per_second(f"{histogram}_{part}", "model, run", split="train") for part in ("sum", "count")
        )
        return f"{total} / {count}"

    return lines(
        "Step and wait for data",
        Query(mean("model_step_duration_seconds"), "step"),
        Query(mean("model_data_wait_seconds"), "wait for data"),
        description="Mean duration of a training step, and of the wait for its data. If the wait is most of the step "
        "while the GPU idles, CPU or disk hold the run back; if the GPU is busy all the time, it is the limit.",
        unit=units.SECONDS,
        minimum=0,
        width=6,
        height=7,
    )


def _node() -> list[Panel]:
    idle = f"rate({series('node_cpu_seconds_total', instance='$node', mode='idle')}[$__rate_interval])"
    available, total = (
        series(f"node_memory_Mem{part}_bytes", instance="$node") for part in ("Available", "Total")
    )
    disk = f"rate({series('node_disk_io_time_seconds_total', instance='$node')}[$__rate_interval])"
    pressure = f"rate({series('node_pressure_io_waiting_seconds_total', instance='$node')}[$__rate_interval])"
    return [
        _of_node(
            "CPU",
            Query(f"1 - avg by (instance) ({idle})", "busy, {{instance}}"),
            description="Share of the time of all cores that is not idle.",
        ),
        _of_node(
            "Memory",
            Query(f"1 - {available} / {total}", "in use, {{instance}}"),
            description="Share of the memory that is not available. Near 100 %, the kernel soon kills the run.",
        ),
        _of_node(
            "Disk",
            Query(f"max by (instance) ({disk})", "busiest disk, {{instance}}"),
            Query(pressure, "something waits, {{instance}}", style=FAINT),
            description="Share of time in which the busiest disk works, and in which a process waits for one.",
        ),
    ]


def _of_node(title: str, *queries: Query, description: str) -> Panel:
    return lines(
        title,
        *queries,
        description=description,
        unit=units.SHARE,
        decimals=1,
        minimum=0,
        maximum=1,
        width=6,
        height=7,
        empty=_NO_NODE,
    )


def _gpu() -> list[Panel]:
    used, free = _of_gpus("FB_USED"), _of_gpus("FB_FREE")
    return [
        _of_gpu(
            "GPU utilisation",
            f"{_of_gpus('GPU_UTIL')} / 100",
            description="Share of time in which each GPU computes. Low while steps wait for data: the input pipeline "
            "is too slow.",
            unit=units.SHARE,
            maximum=1,
        ),
        _of_gpu(
            "GPU memory",
            f"{used} / ({used} + {free})",
            description="Share of each GPU's memory that is in use. Some frameworks reserve nearly all at the start.",
            unit=units.SHARE,
            maximum=1,
        ),
        _of_gpu(
            "GPU power",
            _of_gpus("POWER_USAGE"),
            description="Power that each GPU draws. A busy GPU that draws little is throttled, or waits for others.",
            unit=units.WATTS,
        ),
    ]


def _of_gpus(name: str) -> str:
    """A metric of the GPUs on the hosts of the run, or that its pod uses."""
    metric = f"DCGM_FI_DEV_{name}"
    where = ({"Hostname": "$host"}, {"pod": "$host"}, {"exported_pod": "$host"})
    found = " or ".join(series(metric, **labels) for labels in where)
    return f"max by (Hostname, gpu) ({found})"


def _of_gpu(title: str, expr: str, *, description: str, unit: str, maximum: float | None = None) -> Panel:
    return lines(
        title,
        Query(expr, "GPU {{gpu}}, {{Hostname}}"),
        description=description,
        unit=unit,
        decimals=1,
        minimum=0,
        maximum=maximum,
        width=8,
        height=7,
        empty=_NO_GPU,
    )
