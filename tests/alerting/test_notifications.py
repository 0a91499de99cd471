"""What Slack, PagerDuty, Discord, a mailbox and a webhook get from a real Alertmanager that runs the example receivers."""

from __future__ import annotations

import email
import email.policy
import json
import queue
import re
import shutil
import socketserver
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
import yaml

from alerting import rulebook
from tests.waiting import PATIENCE
from traingauge.stack.programs import find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

pytestmark = pytest.mark.servers

LABELS = {"alertname": "ModelLossNonFinite", "model": "churn-eu", "run": "r<1>", "split": "train"}
ANNOTATIONS = {
    "summary": "churn-eu / r<1>: The loss is NaN or infinite.",
    "description": "The train loss of run r<1> of churn-eu was NaN.",
    "runbook_url": "https://example.org/ModelLossNonFinite.md",
    "dashboard_url": "/d/traingauge-run-overview?var-run=r%3C1%3E",
}


class Web(ThreadingHTTPServer):
    """Everybody's server: keeps what was posted, by path, with the Authorization that came with it."""

    def __init__(self) -> None:
        self.posted: dict[str, queue.Queue[tuple[str, Any]]] = {}
        super().__init__(("127.0.0.1", 0), _Web)

    def of(self, path: str) -> queue.Queue[tuple[str, Any]]:
        return self.posted.setdefault(path, queue.Queue())


class _Web(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.of(self.path).put((self.headers.get("Authorization", ""), body))
        answer = b"ok" if "slack" in self.path else b"{}"
        self.send_response(202 if self.path == "/pagerduty" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: the output is pytest's."""


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of SMTP as it takes to get a mail."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: queue.Queue[EmailMessage] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Mailbox)


class _Mailbox(socketserver.StreamRequestHandler):
    server: Mailbox
    ANSWERS: ClassVar = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}

    def handle(self) -> None:
        self._say(b"220 mailbox")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            self._say(self.ANSWERS.get(verb, b"250 ok"))
            if verb == b"DATA":
                lines = iter(self.rfile.readline, b".\r\n")
                mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                self._say(b"250 ok")
                self.server.mails.put(mail)
            if verb == b"QUIT":
                return

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def alertmanager(web: Web, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example, with other addresses and a group interval of a second, after a critical alert."""
    folder, address = tmp_path_factory.mktemp("alertmanager"), f"http://127.0.0.1:{web.server_port}"
    document = yaml.safe_load((rulebook.ALERTMANAGER / "receivers.example.yml").read_text())
    shutil.copytree(rulebook.ALERTMANAGER / "templates", folder / "templates")
    secrets = {
        "smtp_password": "pass",
        "slack_url": f"{address}/slack",
        "discord_url": f"{address}/discord/slack",
        "pagerduty_routing_key": "k" * 32,
        "webhook_token": "webhook-token",
        "dead_mans_switch_token": "switch-token",
    }
    (folder / "secrets").mkdir()
    for name, secret in secrets.items():
        (folder / "secrets" / name).write_text(secret)
    document["global"] |= {
        "smtp_smarthost": f"127.0.0.1:{mailbox.server_address[1]}",
        "smtp_require_tls": False,
    }
    document["route"]["group_interval"] = "1s"  # until it is over, nothing is said to be resolved
    # Every receiver gets every alert, at any hour.
    receivers = [receiver["name"] for receiver in document["receivers"] if receiver["name"] != "blackhole"]
    document["route"]["routes"] = [
        {"receiver": name, "matchers": ['alertname!=""'], "continue": True} for name in receivers
    ]
    for receiver in document["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"{address}/{receiver['name']}"
        for pager in receiver.get("pagerduty_configs", ()):
            pager["url"] = f"{address}/pagerduty"
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(document))
    with Reaper() as reaper:
        server = _server(folder, reaper)
        server.start()
        try:
            _send(server.url, severity="critical")
            yield server.url
        finally:
            server.stop()


def _server(folder: Path, reaper: Reaper) -> Server:
    return Server(
        name="alertmanager",
        command=lambda port: [
            find_programs().alertmanager.path,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        ready_path="/-/ready",
        listening="Listening on",
        log=folder / "log",
        reaper=reaper,
    )


def _send(url: str, *, severity: str, over: bool = False) -> None:
    alert = {"labels": LABELS | {"severity": severity}, "annotations": ANNOTATIONS}
    if over:
        alert["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=PATIENCE).raise_for_status()


def test_slack_gets_a_coloured_message_with_links(alertmanager: str, web: Web) -> None:
    _, message = web.of("/slack").get(timeout=PATIENCE)
    (attachment,) = message["attachments"]
    assert message["channel"] == "#training"
    assert attachment["color"] == "danger"
    assert attachment["title"] == "[critical] churn-eu / r<1>: The loss is NaN or infinite."
    assert "<https://example.org/ModelLossNonFinite.md|Runbook>" in attachment["text"]
    assert "|Dashboard>" in attachment["text"]


def test_discord_gets_the_same_as_slack(alertmanager: str, web: Web) -> None:
    _, message = web.of("/discord/slack").get(timeout=PATIENCE)
    (attachment,) = message["attachments"]
    assert attachment["title"] == "[critical] churn-eu / r<1>: The loss is NaN or infinite."
    assert "Dashboard: http://localhost:3000/d/traingauge-run-overview" in attachment["text"]


def test_pagerduty_gets_an_incident_of_the_severity_with_what_to_do(alertmanager: str, web: Web) -> None:
    _, event = web.of("/pagerduty").get(timeout=PATIENCE)
    assert event["routing_key"] == "k" * 32
    assert event["event_action"] == "trigger"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["summary"] == "[critical] churn-eu / r<1>: The loss is NaN or infinite."
    assert "Runbook: https://example.org" in json.dumps(event["payload"]["custom_details"])


def test_a_mailbox_gets_a_page_and_the_same_as_text(alertmanager: str, mailbox: Mailbox) -> None:
    mail = mailbox.mails.get(timeout=PATIENCE)
    assert mail["Subject"] == "[critical] churn-eu / r<1>: The loss is NaN or infinite."
    page, text = (mail.get_body([kind]).get_content() for kind in ("html", "plain"))
    assert "<h2>churn-eu / r&lt;1&gt;</h2>" in page
    assert "CRITICAL ModelLossNonFinite, since" in text


@pytest.mark.parametrize("path", ["/teams", "/webhook", "/dead-mans-switch"])
def test_a_webhook_gets_the_alert_with_all_that_it_says(alertmanager: str, web: Web, path: str) -> None:
    authorization, notification = web.of(path).get(timeout=PATIENCE)
    (alert,) = notification["alerts"]
    assert alert["annotations"] == ANNOTATIONS
    tokens = {"/teams": "", "/webhook": "Bearer webhook-token", "/dead-mans-switch": "Bearer switch-token"}
    assert authorization == tokens[path]


def test_every_receiver_but_the_dead_mans_switch_gets_a_resolved_alert(
    alertmanager: str, web: Web, mailbox: Mailbox
) -> None:
    _send(alertmanager, severity="critical", over=True)
    title = "[resolved] churn-eu / r<1>: The loss is NaN or infinite."
    for path in ("/slack", "/discord/slack"):
        assert web.of(path).get(timeout=PATIENCE)[1]["attachments"][0]["title"] == title
    assert web.of("/pagerduty").get(timeout=PATIENCE)[1]["event_action"] == "resolve"
    assert web.of("/webhook").get(timeout=PATIENCE)[1]["status"] == "resolved"
    assert mailbox.mails.get(timeout=PATIENCE)["Subject"] == title
    assert web.of("/dead-mans-switch").empty()


def test_the_page_about_an_incident_quotes_what_rules_and_templates_send(
    alertmanager: str, mailbox: Mailbox
) -> None:
    page = (rulebook.HOME.parent / "docs" / "how-to" / "incident.md").read_text()
    quoted = page.partition("```text\n")[2].partition("```")[0]
    blocks = re.findall(r"CRITICAL (\w+), since ([\d:]+) UTC, 2 March\n(.+?)\nRunbook: ", quoted, re.DOTALL)
    rules = {rule.name: rule for rule in rulebook.alerts() if rule.severity == "critical"}
    run = {"model": "digits", "run": "faulty"}
    sent = []
    for name, since, text in blocks:
        said = dict(rules[name].annotations)
        description = " ".join(text.split())
        assert _rendered_from(said["description"], description), name
        for annotation in ("summary", "dashboard_url"):
            said[annotation] = _with_labels(said[annotation], run)
        labels = run | {"alertname": name, "severity": "critical"}
        annotations = said | {"description": description}
        sent.append({"labels": labels, "annotations": annotations, "startsAt": f"2026-03-02T{since}Z"})
    requests.post(f"{alertmanager}/api/v2/alerts", json=sent, timeout=PATIENCE).raise_for_status()
    text = ""
    while not all(
        name in text for name, _, _ in blocks
    ):  # Alertmanager may notify of the first before it has the second
        mail = mailbox.mails.get(timeout=PATIENCE)
        text = mail.get_body(["plain"]).get_content()
    assert len(sent) == 2
    assert quoted.split() == [*mail["Subject"].split(), *text.split()]


def _with_labels(template: str, labels: dict[str, str]) -> str:
    """A template that names nothing but labels, filled in."""
    return re.sub(r"{{ \$labels\.(\w+)(?: \| urlquery)? }}", lambda name: labels.get(name[1], ""), template)


def _rendered_from(template: str, text: str) -> bool:
    """Whether the words of a template, with anything in place of its actions, are the text."""
    words = (re.escape(part) for part in re.split(r"{{.*?}}", " ".join(template.split())))
    return re.fullmatch(".*?".join(words), text) is not None
