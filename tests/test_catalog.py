"""The catalogue names metrics as the field does, and a run publishes exactly what it lists."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sklearn.datasets import load_diabetes, load_digits

from tests.waiting import PATIENCE, wait_until
from traingauge import (
    Canary,
    Endpoint,
    ModelMonitor,
    Reference,
    ReferenceRun,
    RemoteWrite,
    Scoring,
    State,
    TextFile,
)
from traingauge.catalog import CATALOG, RUN_LABELS, Metric
from traingauge.core.model_description import ModelDescription

METRICS = pytest.mark.parametrize("metric", CATALOG.values(), ids=lambda metric: metric.name)

#: Seconds, ratios and the like end a name; a counter ends with _total behind its unit.
UNITS = {"seconds", "ratio", "bytes", "info"}


@METRICS
def test_a_name_is_made_as_prometheus_names_are(metric: Metric) -> None:
    assert re.fullmatch(r"model_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_info") == (metric.kind == "info")


@METRICS
def test_a_unit_ends_the_familys_name_and_every_such_name_has_its_unit(metric: Metric) -> None:
    last = metric.family.rpartition("_")[2]
    assert metric.unit == (last if last in UNITS - {"info"} else "")


@METRICS
def test_a_help_text_is_one_sentence(metric: Metric) -> None:
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert metric.help[0].isupper() or metric.help[0].isdigit()


@METRICS
def test_labels_are_plain_names_that_prometheus_does_not_need_for_itself(metric: Metric) -> None:
    labels = (*RUN_LABELS, *metric.labels)
    assert len(set(labels)) == len(labels)
    assert not {"job", "instance", "le"} & set(labels)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in labels)


@pytest.fixture(scope="module")
def scrapes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Text and OpenMetrics of a classifier and of a regression that use all there is."""
    found = []
    with ModelMonitor(
        "full-multiclass", scoring=Scoring(window=4), delivery=[Endpoint(discovery_dir=False, linger=0)]
    ) as good:
        for loss in (0.7, 0.6, 0.5):
            good.step(loss)
    for dataset, task in ((load_digits, "multiclass"), (load_diabetes, "regression")):
        x, y = dataset(return_X_y=True)
        true = y[:400]
        predicted = np.eye(10)[true] if task == "multiclass" else true + 1.0
        state = State(tmp_path_factory.mktemp("state"))
        ModelMonitor(f"full-{task}", delivery=[], state=state).close()  # so that the other resumes it
        with ModelMonitor(
            f"full-{task}",
            scoring=Scoring(task=task, window=4),
            reference=Reference.from_data(x, y_true=y, y_pred=y),
            total_steps=100,
            warmup_steps=1,
            thresholds={"accuracy": 0.9, "feature_drift": 0.3},
            baseline={"accuracy": 0.8, "loss": 0.6},
            mute=["ModelLossPlateau"],
            reference_run=ReferenceRun.record(good) if task == "multiclass" else None,
            delivery=[Endpoint(discovery_dir=False), RemoteWrite("http://127.0.0.1:9/write", linger=0)],
            state=state,
        ) as monitor:
            for _ in monitor.watch(range(3)):
                monitor.step(0.5, true, predicted, x[:400], learning_rate=0.1, gradient_norm=1.0, entropy=2.0)
            for split in ("validation", "test"):
                monitor.evaluate(split, loss=0.4, y_true=true, y_pred=predicted)
            monitor.end_epoch()
            for step in range(60):  # a jump that a detector finds, in steps of another size
                monitor.step(0.5 if step < 40 else 5.0, samples=8 if step < 40 else 32)
            monitor.session.describe(ModelDescription("f00", 3, 1, "Adam", "mse", {}))
            monitor.canary(Canary.record(f"full-{task}", np.sqrt, [1.0, 4.0]), np.sqrt)
            with monitor.busy("upload", at_most=60):
                monitor.session.run.end("finished")
                monitor.session.snapshot.saved(1.0)
                accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
                url = f"{monitor.url}/metrics"
                found.append(
                    (
                        requests.get(url, timeout=PATIENCE).text,
                        requests.get(url, headers=accept, timeout=PATIENCE).text,
                    )
                )
    return found


@pytest.fixture
def copy(tmp_path: Path) -> str:
    """A copy of a run in a file."""
    with ModelMonitor("m", delivery=[TextFile(tmp_path, delete_after=0)]):
        wait_until(lambda: list(tmp_path.glob("*.prom")))
        return "".join(path.read_text() for path in tmp_path.glob("*.prom"))


def test_a_run_publishes_every_metric_of_the_catalogue_and_no_other(
    scrapes: list[tuple[str, str]], copy: str
) -> None:
    texts = [copy, *(text for text, _ in scrapes)]
    published = {name for text in texts for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}
    assert published == set(CATALOG)


def test_promtool_has_no_complaint_about_a_scrape(scrapes: list[tuple[str, str]]) -> None:
    for text, _ in scrapes:
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_clients_strict_parser_reads_the_openmetrics_of_a_scrape(scrapes: list[tuple[str, str]]) -> None:
    for text, openmetrics in scrapes:
        families = list(text_string_to_metric_families(openmetrics))
        assert len(families) == len(re.findall("^# TYPE", text, re.MULTILINE))
        for family in families:
            for sample in family.samples:
                assert sample.labels.keys() >= set(RUN_LABELS)


def test_a_published_value_lies_in_the_range_of_its_metric(scrapes: list[tuple[str, str]]) -> None:
    for _, openmetrics in scrapes:
        for family in text_string_to_metric_families(openmetrics):
            for sample in family.samples:
                if metric := CATALOG.get(sample.name):
                    lowest, highest = metric.range
                    assert math.isnan(sample.value) or lowest <= sample.value <= highest, sample
