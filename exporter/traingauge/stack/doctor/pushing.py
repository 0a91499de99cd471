"""Remote write, where it is set for all runs of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from traingauge import environment
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.setting import RemoteWrite
from traingauge.errors import TrainGaugeError
from traingauge.stack.prometheus import PrometheusApi

from .finding import Finding, ok, problem, skipped
from .servers import BROKEN, NO_PROMETHEUS, SKEW
from .subject import Subject

#: The runs that Prometheus had within the hour, also those that have ended since, and no target of its has shown.
ARRIVED = (
    'group by (model, run) (last_over_time(model_delivery_interval_seconds{instance=""}[1h])) '
    "unless on (model, run) last_over_time(model_copy_timestamp_seconds[1h])"
)


def remote_write(subject: Subject) -> Iterator[Finding]:
    """The receiver takes a request, and Prometheus has the runs that are sent."""
    try:
        url = environment.REMOTE_WRITE_URL.read()
        if url is None:
            yield skipped(f"{environment.REMOTE_WRITE_URL.name} is not set")
            return
        setting = RemoteWrite(
            url,
            username=environment.REMOTE_WRITE_USERNAME.read(),
            credentials_file=environment.REMOTE_WRITE_CREDENTIALS_FILE.read(),
        )
        client = setting.client()
        try:
            client.post([])
        finally:
            client.close()
    except (UnavailableError, RefusedError, TrainGaugeError, OSError) as error:
        yield problem(
            f"remote write is not accepted: {error}",
            "is the receiver switched on (--web.enable-remote-write-receiver), and are address and credentials right?",
        )
        return
    yield ok(f"{url} takes remote write {client.version}")
    if client.ahead > SKEW:
        yield problem(
            f"this machine's clock is {client.ahead:.0f} s ahead of the receiver's",
            "synchronise both clocks (NTP)",
        )
    yield from _arrived(subject.prometheus)


def _arrived(prometheus: PrometheusApi | None) -> Iterator[Finding]:
    if prometheus is None:
        yield skipped(NO_PROMETHEUS)
        return
    try:
        names = sorted((one.labels["model"], one.labels["run"]) for one in prometheus.query(ARRIVED))
    except BROKEN as error:
        yield skipped(f"Prometheus does not say which runs have arrived: {error}")
        return
    for model, run in names:
        yield ok(f"Prometheus has {model} / {run} by remote write")
    if not names:
        yield skipped(
            "Prometheus had no run by remote write within the hour",
            "start one, and call doctor again; if one runs, its log says what the receiver answers, and "
            "--prometheus-url has to name a Prometheus that has what the receiver takes",
        )
