"""Labels that a user gives a run."""

from __future__ import annotations

import json

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest

from tests.waiting import PATIENCE
from traingauge import Endpoint, ModelMonitor, State, export
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery.alertmanager import AlertSender
from traingauge.delivery.discovery import DiscoveryFile
from traingauge.errors import InvalidArgumentError, InvalidTypeError
from traingauge.testing import InMemory
from traingauge.validation import LABEL_LENGTH, MOST_LABELS

LABELS = {"team": "vision", "tier": "production"}


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.delenv("TRAINGAUGE_LABELS", raising=False)


def labels_of(**settings):
    published = InMemory()
    with ModelMonitor("m", run="r", delivery=[published], **settings):
        return dict(published.identity.labels)


def scrape(monitor):
    text = requests.get(f"{monitor.url}/metrics", timeout=PATIENCE).text
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_every_sample_of_a_run_has_its_labels():
    with ModelMonitor("m", labels=LABELS, delivery=[Endpoint(discovery_dir=False, linger=0)]) as monitor:
        monitor.step(loss=0.5, y_true=[0, 1], y_pred=[0, 1])
        lines = scrape(monitor)
    assert lines
    assert all('team="vision"' in line and 'tier="production"' in line for line in lines)


def test_a_registry_of_your_own_gives_them_too():
    registry = CollectorRegistry()
    with ModelMonitor("m", run="r", labels=LABELS, delivery=[]) as monitor:
        monitor.step(loss=0.5)
        registry.register(monitor.collector)
        text = generate_latest(registry).decode()
    assert 'model_loss{model="m",run="r",split="train",team="vision",tier="production"} 0.5' in text


def test_the_discovery_file_gives_them_to_the_target(tmp_path):
    found = DiscoveryFile(tmp_path, Identity("m", "r", tuple(LABELS.items())), "127.0.0.1:9")
    found.write()
    assert json.loads(found.path.read_text())[0]["labels"].items() >= LABELS.items()


def test_an_alert_that_the_script_sends_has_them_and_its_own_win():
    sender = AlertSender([], Identity("m", "r", tuple(LABELS.items())), Guard())
    assert (
        dict(sender._labels("A", {"team": "audio"}, "warning")).items()
        >= {
            "team": "audio",
            "tier": "production",
        }.items()
    )


def test_labels_do_not_tell_one_run_from_another():
    with ModelMonitor("m", run="r", labels={"team": "vision"}, delivery=[]) as before:
        with ModelMonitor("m", run="r", labels={"team": "audio"}, delivery=[]):
            before.step(loss=0.5)
        assert before.state == "interrupted"


def test_runs_of_one_process_have_labels_of_their_own():
    endpoint = Endpoint(discovery_dir=False, linger=0)
    with (
        ModelMonitor("m", run="a", labels={"team": "vision"}, delivery=[endpoint]) as first,
        ModelMonitor("m", run="b", delivery=[endpoint]) as second,
    ):
        assert all('team="vision"' in line for line in scrape(first))
        assert not [line for line in scrape(second) if "team" in line]


def test_the_variable_gives_labels_and_an_argument_wins_by_name(monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_LABELS", "team=audio, tier=production")
    assert labels_of() == {"team": "audio", "tier": "production"}
    assert labels_of(labels={"team": "vision"}) == LABELS


@pytest.mark.parametrize("text", ["team", "team=vision,tier", "=vision", "team=", "run=r"])
def test_a_variable_that_does_not_fit_raises_and_is_named(monkeypatch, text):
    monkeypatch.setenv("TRAINGAUGE_LABELS", text)
    with pytest.raises(InvalidArgumentError, match="TRAINGAUGE_LABELS"):
        ModelMonitor("m", delivery=[])


@pytest.mark.parametrize(
    "name",
    [
        *("model", "run", "split", "le", "job", "instance", "cluster", "alertname", "severity", "what"),
        *("", "te-am", "1st", "__team", "exported_team", "tëam", "x" * (LABEL_LENGTH + 1)),
    ],
)
def test_a_name_that_is_in_use_or_that_prometheus_does_not_take_raises(name):
    with pytest.raises(InvalidArgumentError, match="labels has"):
        ModelMonitor("m", labels={name: "x"}, delivery=[])


@pytest.mark.parametrize("value", ["", " ", "a\nb", "x" * 201])
def test_a_value_that_does_not_fit_raises(value):
    with pytest.raises(InvalidArgumentError, match=r"labels\['team'\] is"):
        ModelMonitor("m", labels={"team": value}, delivery=[])


@pytest.mark.parametrize("labels", ["team=vision", [("team", "vision")], {"team": 3}, {3: "team"}])
def test_what_is_no_mapping_of_strings_raises(labels):
    with pytest.raises(InvalidTypeError, match="labels is"):
        ModelMonitor("m", labels=labels, delivery=[])


def test_more_labels_than_a_scrape_may_have_raise(monkeypatch):
    half = {f"a{number}": "x" for number in range(MOST_LABELS)}
    assert len(labels_of(labels=half)) == MOST_LABELS
    monkeypatch.setenv("TRAINGAUGE_LABELS", "one_more=x")
    with pytest.raises(InvalidArgumentError, match=f"expected at most {MOST_LABELS}"):
        ModelMonitor("m", labels=half, delivery=[])


def test_a_run_that_resumes_has_the_labels_that_it_is_given_now(tmp_path):
    assert labels_of(state=State(tmp_path), labels={"team": "vision"}) == {"team": "vision"}
    assert export.read(tmp_path)[0].identity.labels == (("team", "vision"),)
    assert labels_of(state=State(tmp_path), labels={"tier": "production"}) == {"tier": "production"}


def test_monitoring_that_is_switched_off_checks_labels_and_publishes_none(monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    with ModelMonitor("m", labels=LABELS) as monitor:
        assert monitor.url is None
    with pytest.raises(InvalidArgumentError):
        ModelMonitor("m", labels={"run": "r"})
