"""What keeps a run that is pushed, written to a file or sent from arriving is found."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.remote_write.receiver import Receiver
from tests.stack.doctor.servers import Servers
from traingauge.stack.doctor import waiting
from traingauge.stack.doctor.copies import pushgateway, text_file
from traingauge.stack.doctor.finding import Check
from traingauge.stack.doctor.pushing import ARRIVED, remote_write
from traingauge.stack.doctor.subject import Subject

GROUPS = "/api/v1/metrics"
ON_GATEWAY, IN_FILE = (
    f'model_copy_timestamp_seconds{{place="{place}"}}' for place in ("pushgateway", "file")
)
SCRAPED = {"model": "m", "run": "r", "instance": "target:9091"}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    monkeypatch.setattr(waiting, "SETTLES_WITHIN", 0.0)
    with Servers() as servers:
        yield servers


@pytest.fixture
def subject(servers: Servers, tmp_path: Path) -> Subject:
    return Subject(tmp_path, servers.url, pushgateway_url=servers.url, textfile_dir=tmp_path)


def found(check: Check, subject: Subject) -> list[tuple[str, str]]:
    return [(finding.status, finding.text) for finding in check(subject)]


def group(*, age: float, state: str = "running", every: float = 30.0) -> dict[str, Any]:
    """A group of the run as the Pushgateway lists it."""
    states = [{"labels": {"state": one}, "value": str(int(one == state))} for one in ("running", "finished")]
    return {
        "labels": {"job": "traingauge", "model": "m", "run": "r"},
        "push_time_seconds": {"metrics": [{"value": str(time.time() - age)}]},
        "model_run_state": {"metrics": states},
        "model_delivery_interval_seconds": {"metrics": [{"value": str(every)}]},
    }


def write(folder: Path, *, age: float, state: str = "running", every: float = 15.0) -> None:
    """A file of the run."""
    path = folder / "traingauge-m-r.prom"
    labels = 'model="m",run="r"'
    path.write_text(
        f'model_run_state{{{labels},state="running"}} {float(state == "running")}\n'
        f"model_delivery_interval_seconds{{{labels}}} {every}\n"
    )
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_run_that_is_pushed_and_scraped_is_in_order(subject: Subject, servers: Servers) -> None:
    servers.answers[GROUPS] = {"data": [group(age=5)]}
    servers.queries[ON_GATEWAY] = [SCRAPED]
    copied, scraped = found(pushgateway, subject)
    assert copied[0] == "ok"
    assert scraped == ("ok", "Prometheus has the copy of m / r")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (404, "does not answer as it should"),
        ("<html>", "does not answer as it should"),
        ({"data": [{}]}, "does not answer as it should"),
        (401, "asks for credentials"),
    ],
    ids=["missing", "no-json", "no-groups", "credentials"],
)
def test_a_pushgateway_that_is_none_is_found(
    subject: Subject, servers: Servers, answer: Any, said: str
) -> None:
    servers.answers[GROUPS] = answer
    ((status, text),) = found(pushgateway, subject)
    assert status == "problem"
    assert said in text


@pytest.mark.parametrize(("age", "every", "is_old"), [(100, 30, False), (125, 30, True), (125, 60, False)])
def test_a_run_that_pushes_no_more_is_found_once_the_rules_take_it_for_silent(
    subject: Subject, servers: Servers, age: float, every: float, is_old: bool
) -> None:
    servers.answers[GROUPS] = {"data": [group(age=age, every=every)]}
    servers.queries[ON_GATEWAY] = [SCRAPED]
    assert (found(pushgateway, subject)[0][0] == "warning") == is_old


def test_a_pushgateway_without_a_run_that_lives_is_said_to_have_none(
    subject: Subject, servers: Servers
) -> None:
    servers.answers[GROUPS] = {"data": [group(age=5, state="finished"), {"labels": {"job": "other"}}]}
    ((status, text),) = found(pushgateway, subject)
    assert (status, text[:11]) == ("skipped", "no live run")


def test_a_pushgateway_that_prometheus_does_not_scrape_is_found(subject: Subject, servers: Servers) -> None:
    servers.answers[GROUPS] = {"data": [group(age=5)]}
    assert found(pushgateway, subject)[1] == ("problem", "Prometheus has no copy of m / r")


def test_a_scrape_that_honours_the_labels_of_the_pushgateway_is_found(
    subject: Subject, servers: Servers
) -> None:
    servers.answers[GROUPS] = {"data": [group(age=5)]}
    servers.queries[ON_GATEWAY] = [{"model": "m", "run": "r"}]
    status, text = found(pushgateway, subject)[1]
    assert status == "warning"
    assert "without the labels of its target" in text


def test_a_run_whose_file_is_shown_is_in_order(subject: Subject, servers: Servers, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write(tmp_path, age=5)
    servers.queries[IN_FILE] = [SCRAPED]
    assert [status for status, _ in found(text_file, subject)] == ["ok", "ok"]


def test_a_directory_that_no_node_exporter_shows_is_found(subject: Subject, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write(tmp_path, age=5)
    assert found(text_file, subject)[1] == ("problem", "Prometheus has no copy of m / r")


def test_a_file_that_nothing_replaces_is_found_and_one_that_shows_an_end_is_none(
    subject: Subject, servers: Servers, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    servers.queries[IN_FILE] = [SCRAPED]
    write(tmp_path, age=300)
    status, text = found(text_file, subject)[0]
    assert status == "warning"
    assert text.endswith("and nothing replaces it")
    write(tmp_path, age=300, state="finished")
    assert found(text_file, subject) == [("skipped", f"no live run is in {tmp_path}")]


def test_a_directory_that_is_none_is_closed_or_holds_no_run_is_found(
    subject: Subject, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "traingauge-x.prom").write_text("half a li")
    closed, broken, none = found(text_file, subject)
    assert closed == (
        "warning",
        f"{tmp_path} is closed to other users: a node_exporter of another user cannot read it",
    )
    assert broken[0] == "problem"
    assert none[0] == "skipped"
    (tmp_path / "traingauge-x.prom").unlink()
    tmp_path.rmdir()
    assert found(text_file, subject) == [("problem", f"{tmp_path} is no directory that can be written")]


def test_where_no_way_is_named_none_is_looked_at(tmp_path: Path) -> None:
    nothing = Subject(tmp_path)
    assert [status for check in (pushgateway, text_file) for status, _ in found(check, nothing)] == [
        "skipped",
        "skipped",
    ]


def test_remote_write_names_the_runs_that_prometheus_has(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        monkeypatch.setenv("TRAINGAUGE_REMOTE_WRITE_URL", receiver.url)
        assert found(remote_write, subject)[1] == (
            "skipped",
            "Prometheus had no run by remote write within the hour",
        )
        servers.queries[ARRIVED] = [{"model": "m", "run": "r"}]
        assert found(remote_write, subject)[1] == ("ok", "Prometheus has m / r by remote write")
