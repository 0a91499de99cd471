"""What the pages for operators say of several servers together, on real ones: pairs, inhibition, and a dead man's switch."""

from __future__ import annotations

import copy
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from alerting import rulebook
from tests.blocks import blocks
from tests.waiting import PATIENCE, wait_until
from traingauge.stack.programs import find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server, free_port
from traingauge.stack.webhook import WebhookReceiver

pytestmark = pytest.mark.servers

PAGES = Path(__file__).parents[2] / "docs/how-to/operators"


def pasted(page: str, key: str) -> dict[str, Any]:
    """The first fragment of a page that has this key."""
    texts = [text for kind, text in blocks(PAGES / f"{page}.md") if kind == "yaml"]
    return next(found for text in texts for found in yaml.safe_load_all(text) if key in found)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with a configuration, and stops it in the end."""
    with Reaper() as reaper, ExitStack() as stack:

        def start(program: str, name: str, document: dict[str, Any], *flags: str) -> Server:
            folder = tmp_path / name
            folder.mkdir()
            (folder / "config.yml").write_text(yaml.safe_dump(document))
            storage = {"prometheus": "--storage.tsdb.path", "alertmanager": "--storage.path"}[program]
            server = Server(
                name=name,
                command=lambda port: [
                    getattr(find_programs(), program).path,
                    f"--config.file={folder / 'config.yml'}",
                    f"{storage}={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    *flags,
                ],
                ready_path="/-/ready",
                listening="Listening on" if program == "alertmanager" else "ready to receive web requests",
                log=folder / "log",
                reaper=reaper,
            )
            stack.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture
def people() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def routed_to(receiver: WebhookReceiver) -> dict[str, Any]:
    """A configuration that sends each alert by itself, at once."""
    route = {"receiver": "people", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    hook = {"url": receiver.url, "send_resolved": False}
    return {"route": route, "receivers": [{"name": "people", "webhook_configs": [hook]}]}


def send(server: Server, **labels: str) -> None:
    answer = requests.post(f"{server.url}/api/v2/alerts", json=[{"labels": labels}], timeout=PATIENCE)
    answer.raise_for_status()


def metric(server: Server, name: str) -> float:
    """The sum of a metric that a server publishes of itself."""
    text = requests.get(f"{server.url}/metrics", timeout=PATIENCE).text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def pair(start: Callable[..., Server], receiver: WebhookReceiver, *, acquainted: bool) -> list[Server]:
    """Two Alertmanagers, which know each other or not."""
    ports = [free_port(0), free_port(0)]
    flags: list[list[str]] = [["--cluster.listen-address="]] * 2
    if acquainted:
        (flags_shown,) = re.findall(
            r"^alertmanager (.*)$", (PAGES / "high-availability.md").read_text(), re.MULTILINE
        )
        assert re.findall(r"--cluster\.[\w-]+", flags_shown) == ["--cluster.listen-address", "--cluster.peer"]
        flags = [
            [
                f"--cluster.listen-address=127.0.0.1:{own}",
                f"--cluster.peer=127.0.0.1:{other}",
                "--cluster.peer-timeout=5s",
                "--cluster.gossip-interval=20ms",
                "--cluster.settle-timeout=1s",
            ]
            for own, other in (ports, ports[::-1])
        ]
    servers = [
        start("alertmanager", f"alertmanager-{name}", routed_to(receiver), *own)
        for name, own in zip("ab", flags, strict=True)
    ]
    if acquainted:
        for server in servers:
            wait_until(lambda server=server: metric(server, "alertmanager_cluster_members") == 2, "the peer")
    return servers


@pytest.mark.parametrize(("acquainted", "notifications"), [(True, 1), (False, 2)])
def test_a_person_gets_one_notification_of_a_pair_of_alertmanagers_that_know_each_other(
    acquainted: bool, notifications: int, started: Callable[..., Server], people: WebhookReceiver
) -> None:
    servers = pair(started, people, acquainted=acquainted)
    for server in servers:
        send(server, alertname="ModelRunFailed", model="m", run="r")
    for server in servers:  # each has looked whether the other one notified
        wait_until(
            lambda server=server: metric(server, "alertmanager_nflog_queries_total") >= 1, "the decision"
        )
    wait_until(lambda: len(people.notifications) >= notifications, "the notification")
    assert len(people.notifications) == notifications


def prometheus(replica: str, alertmanager: Server) -> dict[str, Any]:
    """The configuration of a replica that evaluates the watchdog."""
    document = copy.deepcopy(pasted("high-availability", "alerting"))
    document["global"]["external_labels"]["replica"] = replica
    document["global"] |= {"evaluation_interval": "1s"}
    document["alerting"]["alertmanagers"] = [
        {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}
    ]
    document["rule_files"] = [str(rulebook.RULES / "10-stack.yml")]
    return document


def test_replicas_of_prometheus_send_one_alert_without_the_label_that_tells_them_apart(
    started: Callable[..., Server], people: WebhookReceiver
) -> None:
    """A third one, which does not drop the label, sends another alert."""
    alertmanager = started("alertmanager", "alertmanager", routed_to(people), "--cluster.listen-address=")
    replicas = {name: prometheus(name, alertmanager) for name in "abc"}
    del replicas["c"]["alerting"]["alert_relabel_configs"]
    servers = [
        started("prometheus", name, document, "--rules.alert.resend-delay=1s")
        for name, document in replicas.items()
    ]
    for server in servers:
        wait_until(
            lambda server=server: metric(server, "prometheus_notifications_sent_total") >= 1, "an alert"
        )
    found = [alert["labels"] for alert in wait_until(lambda: all_of(alertmanager, 2), "the alerts")]
    assert {one["alertname"] for one in found} == {"ModelWatchdog"}
    assert {one["cluster"] for one in found} == {"eu-1"}
    assert {one.get("replica") for one in found} == {None, "c"}


def test_the_dead_mans_switch_is_called_again_and_again_until_prometheus_is_dead(
    started: Callable[..., Server], people: WebhookReceiver
) -> None:
    document = copy.deepcopy(pasted("alertmanager", "route"))
    document["route"]["routes"] = [
        route | {"group_interval": "1s", "repeat_interval": "1s"}
        for route in document["route"]["routes"]
        if route["receiver"] == "dead-mans-switch"
    ]
    (switch,) = copy.deepcopy(pasted("alertmanager", "receivers")["receivers"])
    (hook,) = switch["webhook_configs"]
    hook["url"] = people.url
    document["receivers"] = [switch, {"name": "default"}]
    alertmanager = started("alertmanager", "alertmanager", document, "--cluster.listen-address=")
    server = started(
        "prometheus", "prometheus", prometheus("a", alertmanager), "--rules.alert.resend-delay=1s"
    )
    wait_until(lambda: len(people.notifications) >= 3, "the third call")
    server.stop()
    wait_until(lambda: all_of(alertmanager, 0) is not None, "the end of the alert")
    assert {alert.status for call in people.notifications for alert in call.alerts} == {"firing"}


STUCK = {"alertname": "ModelStuck", "namespace": "training", "model": "m"}
OTHERS = {"alertname": "NodeDown", "namespace": "training"}


@pytest.mark.parametrize("page", ["alertmanager", "kube-prometheus"])
@pytest.mark.parametrize("by_run", [True, False])
def test_a_run_mutes_another_one_of_its_namespace_unless_the_inhibition_compares_runs(
    page: str, by_run: bool, started: Callable[..., Server], people: WebhookReceiver
) -> None:
    """Alerts without a run are muted as before."""
    rules = copy.deepcopy(pasted(page, "inhibit_rules")["inhibit_rules"])
    if not by_run:
        for rule in rules:
            rule["equal"] = ["namespace", "alertname"]
    document = routed_to(people) | {"inhibit_rules": rules}
    server = started("alertmanager", "alertmanager", document, "--cluster.listen-address=")
    send(server, **STUCK, run="a", severity="critical")
    send(server, **STUCK, run="b", severity="warning")
    send(server, **OTHERS, instance="a", severity="critical")
    send(server, **OTHERS, instance="b", severity="warning")
    answer = wait_until(lambda: all_of(server, 4), "the alerts")
    states = {
        alert["labels"]["alertname"]: alert["status"]["state"]
        for alert in answer
        if alert["labels"]["severity"] == "warning"
    }
    assert states == {"ModelStuck": "active" if by_run else "suppressed", "NodeDown": "suppressed"}


def all_of(server: Server, count: int) -> list[dict[str, Any]] | None:
    """The alerts that an Alertmanager has, once there are this many."""
    found: list[dict[str, Any]] = requests.get(f"{server.url}/api/v2/alerts", timeout=PATIENCE).json()
    return found if len(found) == count else None


def test_a_silence_of_the_page_quiets_the_alerts_of_a_cluster(
    started: Callable[..., Server], people: WebhookReceiver
) -> None:
    server = started("alertmanager", "alertmanager", routed_to(people), "--cluster.listen-address=")
    (console,) = (text for kind, text in blocks(PAGES / "quieting.md") if kind == "console")
    words = shlex.split(console.removeprefix("$ "))
    subprocess.run(
        [*words, f"--alertmanager.url={server.url}"], check=True, timeout=PATIENCE, capture_output=True
    )
    send(server, alertname="ModelStuck", cluster="hpc-1")
    send(server, alertname="NodeDown", cluster="hpc-1")
    found = wait_until(lambda: all_of(server, 2), "the alerts")
    states = {alert["labels"]["alertname"]: alert["status"]["state"] for alert in found}
    assert states == {"ModelStuck": "suppressed", "NodeDown": "active"}
