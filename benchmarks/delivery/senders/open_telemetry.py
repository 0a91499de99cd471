"""OpenTelemetry's exporter for remote write, which a reader calls each second."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader


class Sender:
    """Three gauges."""

    def __init__(self, url: str, folder: Path) -> None:
        exporter = PrometheusRemoteWriteMetricsExporter(f"{url}/api/v1/write")
        self._provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=1000)])
        meter = self._provider.get_meter("bench")
        self._gauges = {
            name: meter.create_gauge(f"otel_{name}") for name in ("loss", "learning_rate", "gradient_norm")
        }
        self._labels = {"run": folder.name}

    def record(self, step: int, values: dict[str, float]) -> None:
        """Set the gauges."""
        for name, value in values.items():
            self._gauges[name].set(value, self._labels)

    def end(self) -> None:
        """Export for the last time."""
        self._provider.shutdown()
