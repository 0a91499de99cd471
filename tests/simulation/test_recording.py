"""What is recorded of a run is what scrapes would have seen, in promtool's notation."""

from __future__ import annotations

import math
import re

import requests
from prometheus_client.parser import text_string_to_metric_families

from simulation.recording import Recording
from traingauge import Endpoint, ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, Identity, keys, single

LOSS = keys(("train",))
RUN = Identity("m", "r")


def values(*losses: float | None) -> dict[str, str]:
    """Of scrapes that read these losses, in promtool's notation, by name; None for one that failed."""
    recording = Recording(RUN)
    for loss in losses:
        if loss is None:
            recording.down("i")
        else:
            recording.scrape([Family(CATALOG["model_loss"], LOSS, [loss])], "i")
    return {series.partition("{")[0]: values for series, values in recording.values()}


def test_a_value_that_stays_is_counted() -> None:
    assert values(0.5, 0.5, 0.5)["model_loss"] == "0.5x2"


def test_a_value_that_is_no_number_is_spelt_out() -> None:
    assert values(math.nan, math.nan, math.inf)["model_loss"] == "NaN NaN Inf"


def test_a_failed_scrape_ends_every_series_and_is_not_up() -> None:
    assert values(1.0, None, None) == {"up": "1.0 0.0x1", "model_loss": "1.0 stale _x1"}


def test_a_series_that_comes_later_begins_with_blanks() -> None:
    assert values(None, None, 1.0)["model_loss"] == "_x2 1.0"


def test_what_no_rule_reads_is_left_out() -> None:
    recording = Recording(RUN)
    recording.scrape([single("model_parameters", 1.0)], "i")
    assert [series.partition("{")[0] for series, _ in recording.values()] == ["up"]


def test_a_target_that_left_discovery_is_neither_up_nor_down() -> None:
    recording = Recording(RUN)
    recording.scrape([], "i")
    recording.gone()
    assert [values for _, values in recording.values()] == ["1.0 stale"]


def test_what_is_recorded_is_what_a_scrape_of_the_endpoint_says() -> None:
    with ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=False, linger=0)]) as monitor:
        for loss in (0.5, math.nan):
            monitor.step(loss=loss, y_true=[0, 1], y_pred=[0, 0], learning_rate=1e-7)
        recording = Recording(RUN)
        recording.scrape(monitor.collector.families(), "i")
        answer = requests.get(f"{monitor.url}/metrics", timeout=10).text
    scraped = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
    }
    for series, value in recording.values():
        name, labels = series.split("{")
        own = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if name != "up" and not name.endswith(
            "_timestamp_seconds"
        ):  # which count from the history's beginning
            del own["job"], own["instance"]
            assert repr(scraped[name, frozenset(own.items())]).lower() == repr(float(value)).lower(), series
