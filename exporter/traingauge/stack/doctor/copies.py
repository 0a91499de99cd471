"""Copies of runs on a Pushgateway and in files for node_exporter: whether they are replaced, and Prometheus has them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from traingauge.delivery.peer import time_of
from traingauge.delivery.plain_text import duration
from traingauge.delivery.pushgateway import pushed_runs
from traingauge.stack.client import get
from traingauge.stack.prometheus import PrometheusApi

from .finding import Finding, ok, problem, skipped, warning
from .servers import BROKEN, NO_PROMETHEUS, TIMEOUT
from .subject import Subject
from .waiting import settled

#: Seconds without a new copy after which the rules take a run for silent, if three intervals are no longer.
SILENT = 120.0

Name = tuple[str, str]


def pushgateway(subject: Subject) -> Iterator[Finding]:
    """It answers, runs push to it, and Prometheus has what they push."""
    url = subject.pushgateway_url
    if url is None:
        yield skipped("no Pushgateway is known", "--pushgateway-url names yours")
        return
    try:
        answer = get(f"{url}/api/v1/metrics", timeout=TIMEOUT)
        if answer.status_code in (401, 403):
            yield problem(
                f"the Pushgateway at {url} asks for credentials, or refuses these",
                "name them in the address, as http://ann:password@pushgateway:9091; runs take `credentials_file=`",
            )
            return
        runs = [one for one in pushed_runs(answer.json()["data"], time_of(answer)) if one.running]
    except BROKEN as error:
        yield problem(
            f"the Pushgateway at {url} does not answer as it should: {error}",
            "is it running, is the address right, and is no firewall between?",
        )
        return
    if not runs:
        yield skipped(
            f"no live run is on the Pushgateway at {url}",
            "start one with `Pushgateway(…)` in its `delivery`, and call doctor again; "
            "if one runs, its log says what the Pushgateway answers",
        )
    for one in runs:
        yield _replaced(
            one.name,
            one.age,
            one.every,
            "its log says what the Pushgateway answers",
            "delete its group",
        )
    yield from _scraped(
        subject.prometheus,
        "pushgateway",
        [one.name for one in runs],
        f"let Prometheus scrape {url}, and wait for a scrape",
    )


def text_file(subject: Subject) -> Iterator[Finding]:
    """The directory can be written and read, runs replace their files, and Prometheus has what they hold."""
    folder = subject.textfile_dir
    if folder is None:
        yield skipped("no directory of text files is known", "--textfile-dir names yours")
        return
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield problem(
            f"{folder} is no directory that can be written",
            "make it, and give the user who trains the right to write there",
        )
        return
    if not folder.stat().st_mode & stat.S_IXOTH:
        yield warning(
            f"{folder} is closed to other users: a node_exporter of another user cannot read it",
            f"chmod o+rx {folder}",
        )
    names = []
    for path in sorted(folder.glob("traingauge-*.prom")):
        try:
            found = _running(path)
        except BROKEN as error:
            yield problem(f"{path} cannot be read: {error}", "delete it, if no run writes it")
            continue
        if found is not None:
            name, every = found
            names.append(name)
            age = time.time() - path.stat().st_mtime
            yield _replaced(name, age, every, "its log says what failed", f"delete {path}")
    if not names:
        yield skipped(
            f"no live run is in {folder}",
            "start one with `TextFile(…)` in its `delivery`, and call doctor again",
        )
    yield from _scraped(
        subject.prometheus,
        "file",
        names,
        f"start node_exporter with --collector.textfile.directory={folder}, let Prometheus scrape it, and wait for a "
        "scrape; node_textfile_scrape_error is 1 if it cannot read a file",
    )


def _running(path: Path) -> tuple[Name, float] | None:
    """Name and interval of the run in a file, unless it shows an end."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    samples = {(one.name, one.labels.get("state", "")): one for family in families for one in family.samples}
    state = samples["model_run_state", "running"]
    if state.value != 1:
        return None
    every = samples["model_delivery_interval_seconds", ""].value
    return (state.labels["model"], state.labels["run"]), every


def _replaced(name: Name, age: float, every: float, log: str, remove: str) -> Finding:
    shown = " / ".join(name)
    if age <= max(SILENT, 3 * every):
        return ok(f"the copy of {shown} is {duration(age)} old")
    return warning(
        f"the copy of {shown} is {duration(age)} old, and nothing replaces it",
        f"if its process lives, {log}; if it has died, the alert about it is right: {remove}, "
        "or leave that to a run that starts a day later",
    )


def _scraped(
    prometheus: PrometheusApi | None, place: str, names: Collection[Name], advice: str
) -> Iterator[Finding]:
    """Whether Prometheus has these copies, with the labels of the target that shows them."""
    if not names:
        return
    if prometheus is None:
        yield skipped(NO_PROMETHEUS)
        return
    try:
        instances = settled(partial(_instances, prometheus, place), lambda found: found.keys() >= set(names))
    except BROKEN as error:
        yield skipped(f"Prometheus does not say which runs it has: {error}")
        return
    for name in names:
        shown = " / ".join(name)
        if name not in instances:
            yield problem(f"Prometheus has no copy of {shown}", advice)
        elif not instances[name]:
            yield warning(
                f"Prometheus has the copy of {shown} without the labels of its target",
                "leave `honor_labels` out: the rules need the `up` of the Pushgateway",
            )
        else:
            yield ok(f"Prometheus has the copy of {shown}")


def _instances(prometheus: PrometheusApi, place: str) -> dict[Name, str]:
    """The target that shows each copy; empty if its labels are not there."""
    found = prometheus.query(f'model_copy_timestamp_seconds{{place="{place}"}}')
    return {(one.labels["model"], one.labels["run"]): one.labels.get("instance", "") for one in found}
