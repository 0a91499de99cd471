"""Each fault that is made on purpose is found, and no other one."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.delivery.remote_write.receiver import Receiver
from tests.stack.doctor.servers import CONFIGURED, Servers, a_group, success
from traingauge import Endpoint, ModelMonitor
from traingauge.bundle import places
from traingauge.cli.main import main
from traingauge.stack.doctor import delivery, runs, waiting
from traingauge.stack.doctor.every import CHECKS, examine
from traingauge.stack.doctor.subject import Subject
from traingauge.stack.home import Home, Record
from traingauge.stack.server import free_port
from traingauge.stack.webhook import WebhookReceiver


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as servers:
        yield servers


@pytest.fixture
def subject(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    for name in os.environ:
        if name.startswith("TRAINGAUGE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(waiting, "SETTLES_WITHIN", 0.0)
    monkeypatch.setattr(delivery, "EVERY", 0.01)
    return Subject(
        tmp_path / "targets",
        servers.url,
        servers.url,
        state_dir=tmp_path / "state",
        is_ours=True,
        sends_test_alert=True,
    )


def problems(subject: Subject, status: str = "problem") -> list[str]:
    return [f"{name}: {finding.text}" for name, finding in examine(subject) if finding.status == status]


def the_problem(subject: Subject, status: str = "problem") -> str:
    (text,) = problems(subject, status)
    return text


def test_nothing_is_wrong_where_everything_is_in_order(subject: Subject) -> None:
    assert {finding.status for _, finding in examine(subject)} == {"ok", "skipped"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRAINGAUGE_RUNN", "nightly", "variables: TRAINGAUGE_RUNN is no variable of traingauge"),
        ("TRAINGAUGE_PORT", "http", "variables: TRAINGAUGE_PORT is 'http': expected 0"),
        ("TRAINGAUGE_DISABLED", "1", "variables: TRAINGAUGE_DISABLED switches all monitoring off"),
    ],
    ids=["misspelt", "no-port", "switched-off"],
)
def test_a_variable_that_is_wrong_is_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert the_problem(subject).startswith(said)


def test_a_proxy_is_pointed_out(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org")
    assert "https_proxy is set" in the_problem(subject, "warning")


def test_a_discovery_directory_that_cannot_be_written_is_found(subject: Subject) -> None:
    subject.discovery_dir.touch()
    assert "cannot be written, so that no run is found" in the_problem(subject)


def test_a_discovery_directory_that_a_prometheus_of_another_user_cannot_read_is_found(
    subject: Subject,
) -> None:
    subject.discovery_dir.mkdir(mode=0o700)
    said = the_problem(dataclasses.replace(subject, is_ours=False), "warning")
    assert said.startswith(f"discovery directory: {subject.discovery_dir}")


@pytest.mark.parametrize(("mode", "is_closed"), [(0o711, True), (0o750, True), (0o755, False)])
def test_prometheus_has_to_list_the_discovery_directory_and_to_pass_through_those_above(
    subject: Subject, tmp_path: Path, mode: int, is_closed: bool
) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o711)
    tmp_path.chmod(0o711)
    folder = above / "targets"
    folder.mkdir()
    folder.chmod(mode)
    found = problems(dataclasses.replace(subject, discovery_dir=folder, is_ours=False), "warning")
    assert any(f"{folder} is closed" in text for text in found) == is_closed


def test_a_closed_home_is_not_to_be_opened_for_the_discovery_directory_in_it(
    subject: Subject, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    tmp_path.chmod(0o711)
    for mode, advice in ((0o755, "leave it closed: `sudo install --directory"), (0o700, "chmod o+rx")):
        folder = home / f"targets-{mode}"
        folder.mkdir(mode=mode)
        others = dataclasses.replace(subject, discovery_dir=folder, is_ours=False)
        (said,) = [one.advice for _, one in examine(others) if "is closed to other users" in one.text]
        assert said.startswith(advice)


def test_a_state_directory_that_cannot_be_used_is_found(subject: Subject) -> None:
    assert subject.state_dir is not None
    subject.state_dir.touch()
    assert the_problem(subject).startswith(f"state directory: {subject.state_dir} cannot be used for state")


def announce(subject: Subject, port: int) -> None:
    target = {"targets": [f"127.0.0.1:{port}"], "labels": {"model": "digits", "run": "r1"}}
    subject.discovery_dir.mkdir()
    (subject.discovery_dir / "r1.json").write_text(json.dumps([target]))


def scraped(servers: Servers, health: str, error: str = "") -> None:
    target = {
        "labels": {"model": "digits", "run": "r1"},
        "health": health,
        "lastError": error,
        "scrapeUrl": "http://x",
    }
    servers.answers["/api/v1/targets"] = success({"activeTargets": [target]})


def test_a_run_whose_process_is_gone_is_pointed_out_and_is_no_fault_of_the_way(
    subject: Subject, servers: Servers
) -> None:
    announce(subject, free_port(0))
    scraped(servers, "down", "connection refused")
    assert the_problem(subject, "warning").startswith("runs: digits / r1 is announced, but nothing listens")
    assert problems(subject) == []


def test_the_advice_about_a_dead_run_names_the_file_to_delete(subject: Subject) -> None:
    announce(subject, free_port(0))
    (advice,) = [finding.advice for name, finding in examine(subject) if name == "runs"]
    assert (
        f"delete {subject.discovery_dir / 'r1.json'}, or leave that to a run that starts a day later"
        in advice
    )


def test_a_run_that_does_not_answer_is_found(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "TIMEOUT", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        announce(subject, silent.getsockname()[1])
        assert the_problem(subject).endswith("no answer within 0.05 s")


def test_another_program_at_the_port_of_a_run_that_is_gone_is_not_taken_for_it(
    subject: Subject, servers: Servers
) -> None:
    announce(subject, int(servers.url.rpartition(":")[2]))
    assert "another program listens at" in the_problem(subject, "warning")


def test_a_run_that_asks_for_credentials_answers(subject: Subject, servers: Servers) -> None:
    announce(subject, int(servers.url.rpartition(":")[2]))
    servers.answers["/healthz"] = 401
    (said,) = [text for text in problems(subject, "ok") if text.startswith("runs: ")]
    assert said.endswith("asks for credentials")


def test_a_certificate_that_cannot_be_verified_is_said_to_be_that(
    subject: Subject, servers: Servers, tmp_path: Path
) -> None:
    scraped(servers, "up")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *files, *names]
    subprocess.run(command, check=True, capture_output=True)
    config = tmp_path / "web.yml"
    config.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
    endpoint = Endpoint(discovery_dir=subject.discovery_dir, linger=0, web_config=config)
    with ModelMonitor("digits", run="r1", delivery=[endpoint]):
        said = the_problem(subject, "warning")
    assert said.startswith("runs: digits / r1 answers at https://")
    assert said.endswith("its certificate cannot be verified")


def test_a_run_that_was_started_again_is_not_mistaken_for_its_dead_process(
    subject: Subject, servers: Servers
) -> None:
    with ModelMonitor(
        "digits", run="r1", delivery=[Endpoint(discovery_dir=subject.discovery_dir, linger=0)]
    ) as run:
        dead = {
            "health": "down",
            "lastError": "connection refused",
            "scrapeUrl": "http://127.0.0.1:9/metrics",
        }
        lives = {"health": "up", "lastError": "", "scrapeUrl": f"{run.url}/metrics"}
        known = [one | {"labels": {"model": "digits", "run": "r1"}} for one in (lives, dead)]
        servers.answers["/api/v1/targets"] = success({"activeTargets": known})
        assert problems(subject) == []


def test_a_run_on_the_loopback_that_another_machine_should_scrape_is_found(subject: Subject) -> None:
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=subject.discovery_dir, linger=0)]):
        far = dataclasses.replace(subject, prometheus_url="http://prometheus.invalid:9090")
        said = [text for text in problems(far) if text.startswith("runs: ")]
    assert "which a Prometheus on another machine cannot reach" in said[0]


def test_a_run_that_prometheus_does_not_know_of_is_found(subject: Subject, servers: Servers) -> None:
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=subject.discovery_dir, linger=0)]):
        assert the_problem(subject) == "targets: Prometheus does not know of digits / r1"


def test_a_run_that_prometheus_cannot_scrape_is_found_with_its_reason(
    subject: Subject, servers: Servers
) -> None:
    scraped(servers, "down", "connection refused")
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=subject.discovery_dir, linger=0)]):
        assert the_problem(subject) == "targets: Prometheus cannot scrape digits / r1: connection refused"


def test_a_prometheus_that_does_not_answer_is_found(subject: Subject) -> None:
    gone = dataclasses.replace(subject, prometheus_url=f"http://127.0.0.1:{free_port(0)}")
    assert "does not answer as it should" in the_problem(gone)


def test_that_no_server_is_known_is_found(subject: Subject) -> None:
    found = problems(Subject(subject.discovery_dir))
    assert found == ["Prometheus: no Prometheus is known", "Alertmanager: no Alertmanager is known"]


def an_old_prometheus(servers: Servers) -> None:
    servers.answers["/api/v1/status/buildinfo"] = success({"version": "2.31.2"})


def a_wrong_clock(servers: Servers) -> None:
    servers.skew = -90.0


def no_rules(servers: Servers) -> None:
    servers.answers["/api/v1/rules"] = success({"groups": []})


def a_group_less(servers: Servers) -> None:
    del servers.answers["/api/v1/rules"]["data"]["groups"][0]


def a_rule_that_fails(servers: Servers) -> None:
    rule = {"name": "ModelStuck", "health": "err", "lastError": "many-to-many matching"}
    servers.answers["/api/v1/rules"]["data"]["groups"][0]["rules"] = [rule]


def rules_of_another_version(servers: Servers) -> None:
    servers.queries["global:traingauge_rules_info"] = [{"version": "0.0.1"}]


def alerts_sent_nowhere(servers: Servers) -> None:
    servers.answers["/api/v1/alertmanagers"] = success({"activeAlertmanagers": []})


def no_receiver(servers: Servers) -> None:
    text = "route: {receiver: none, group_by: [model, run]}\nreceivers: [{name: none}]\n"
    servers.answers["/api/v2/status"]["config"]["original"] = text


def the_placeholder(servers: Servers) -> None:
    servers.answers["/api/v2/status"]["config"]["original"] = places.ALERTMANAGER_CONFIG.read_text()


def a_receiver_that_fails(servers: Servers) -> None:
    servers.counts = ((3, 0), (4, 1))


def an_alertmanager_that_refuses(servers: Servers) -> None:
    servers.answers["/api/v2/alerts"] = 400


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (an_old_prometheus, "Prometheus: Prometheus 2.31.2 is too old"),
        (a_wrong_clock, "Prometheus: the clock of Prometheus is 90 s behind"),
        (no_rules, "rules: Prometheus has no rule of traingauge"),
        (a_group_less, "rules: Prometheus lacks groups of rules: traingauge-"),
        (a_rule_that_fails, "rules: 1 rules cannot be evaluated, such as ModelStuck: many-to-many matching"),
        (rules_of_another_version, "rules: the rules are of version 0.0.1"),
        (alerts_sent_nowhere, "Alertmanager: Prometheus sends alerts to no Alertmanager"),
        (no_receiver, "Alertmanager: no receiver of Alertmanager notifies anyone"),
        (the_placeholder, "Alertmanager: the receiver of Alertmanager is still the shipped placeholder"),
        (a_receiver_that_fails, "test alert: Alertmanager could not deliver a notification"),
        (an_alertmanager_that_refuses, "test alert: Alertmanager does not take an alert"),
    ],
    ids=lambda given: given.__name__ if callable(given) else "",
)
def test_a_fault_of_a_server_is_found(
    subject: Subject, servers: Servers, fault: Callable[[Servers], None], said: str
) -> None:
    fault(servers)
    assert the_problem(subject).startswith(said)


def test_a_test_alert_that_reaches_no_receiver_is_found(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DELIVERED_WITHIN", 0.0)
    servers.counts = ((3, 0), (3, 0))
    assert the_problem(subject).startswith("test alert: ModelTestAlert was notified to no one")


def test_no_test_alert_is_sent_whose_notification_cannot_be_watched(
    subject: Subject, servers: Servers
) -> None:
    servers.early["/api/v2/alerts/groups"] = [404]
    assert any(text.startswith("test alert: no test alert was sent") for text in problems(subject, "skipped"))
    assert servers.posted == []


def test_a_test_alert_that_is_muted_is_found(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DELIVERED_WITHIN", 0.0)
    servers.counts, servers.state = ((3, 0), (3, 0)), "suppressed"
    assert the_problem(subject).startswith("test alert: ModelTestAlert is silenced or inhibited")


@pytest.mark.parametrize("counts", [((3, 0), (4, 0)), ((3, 0), (4, 1))], ids=["sent", "failed"])
@pytest.mark.parametrize(("listed", "ended"), [(True, 0), (False, 1)], ids=["firing", "over"])
def test_a_notification_that_may_be_of_another_alert_proves_nothing(
    subject: Subject, servers: Servers, counts: Any, listed: bool, ended: int
) -> None:
    servers.counts, servers.ended = counts, ended
    servers.others = [a_group({"alertname": "DiskFull"})] * listed
    assert the_problem(subject, "warning").startswith("test alert: a notification ")
    assert problems(subject) == []


def test_an_alert_that_notifies_no_one_leaves_no_doubt_about_a_notification(
    subject: Subject, servers: Servers
) -> None:
    servers.answers["/api/v2/status"]["config"]["original"] = CONFIGURED + "  - name: blackhole\n"
    servers.others = [a_group({"alertname": "ModelWatchdog"}, "blackhole")]
    assert problems(subject, "warning") == []


def test_the_receiver_of_up_knows_the_test_alert_among_the_notifications_of_others(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DELIVERED_WITHIN", 0.0)
    servers.others = [a_group({"alertname": "DiskFull"})]
    with WebhookReceiver() as receiver:
        ours = dataclasses.replace(subject, receiver_url=receiver.url)
        post(receiver, {"alertname": "ModelTestAlert", "run": "test-of-before"})
        assert the_problem(ours).startswith("test alert: ModelTestAlert was notified to no one")
        servers.posted.clear()
        monkeypatch.setattr(delivery.os, "urandom", lambda _: b"1234")
        post(receiver, {"alertname": "ModelTestAlert", "run": f"test-{b'1234'.hex()}"})
        assert problems(ours) == []


def post(receiver: WebhookReceiver, labels: dict[str, str]) -> None:
    alert = {"status": "firing", "labels": labels}
    body = {"status": "firing", "receiver": "hook", "groupLabels": {}, "alerts": [alert]}
    requests.post(receiver.url, json=body, timeout=60).raise_for_status()


def test_each_test_alert_is_of_a_group_of_its_own(subject: Subject, servers: Servers) -> None:
    problems(subject)
    problems(subject)
    assert len({alert["labels"]["run"] for alert in servers.posted}) == 2


def test_what_prometheus_does_within_seconds_of_its_start_is_waited_for(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SETTLES_WITHIN", 60.0)
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    for path, early in {
        "/api/v1/alertmanagers": {"activeAlertmanagers": []},
        "/api/v1/targets": {"activeTargets": []},
        "/api/v1/rules": {
            "groups": [
                group | {"rules": [{"name": "ModelStuck", "health": "unknown"}]}
                for group in servers.answers["/api/v1/rules"]["data"]["groups"]
            ]
        },
    }.items():
        servers.early[path] = [success(early)]
    scraped(servers, "up")
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=subject.discovery_dir, linger=0)]):
        assert {finding.status for _, finding in examine(subject)} == {"ok", "skipped"}
    assert not any(servers.early.values())


def test_rules_that_are_still_to_be_evaluated_are_pointed_out(subject: Subject, servers: Servers) -> None:
    rule = {"name": "ModelStuck", "health": "unknown"}
    servers.answers["/api/v1/rules"]["data"]["groups"][0]["rules"] = [rule]
    assert the_problem(subject, "warning") == "rules: some rules were not evaluated yet"
    servers.answers["/api/v1/rules"]["data"]["groups"][0]["interval"] = 300
    servers.posted.clear()
    assert problems(subject, "warning") == []


def test_routes_that_mix_runs_are_pointed_out(subject: Subject, servers: Servers) -> None:
    servers.answers["/api/v2/status"]["config"]["original"] = CONFIGURED.replace(
        "cluster, model, run", "alertname"
    )
    assert "groups by model and run" in the_problem(subject, "warning")


@pytest.mark.parametrize(
    "labels", ["'...'", "run, model", '"cluster", "model", "run"', "\n  - run\n  - model"], ids=repr
)
def test_a_route_that_keeps_runs_apart_is_known_in_any_style(
    subject: Subject, servers: Servers, labels: str
) -> None:
    servers.answers["/api/v2/status"]["config"]["original"] = CONFIGURED.replace(
        "{receiver: team, group_by: [cluster, model, run]}",
        f"\n  receiver: team\n  group_by: {labels if '-' in labels else f'[{labels}]'}",
    )
    assert problems(subject, "warning") == []


def test_no_alert_is_sent_unless_it_is_asked_for(subject: Subject, servers: Servers) -> None:
    problems(dataclasses.replace(subject, sends_test_alert=False))
    assert servers.posted == []


def test_a_test_alert_is_over_once_it_was_notified(subject: Subject, servers: Servers) -> None:
    problems(subject)
    assert len(servers.posted) == 2
    assert servers.posted[0]["labels"] == servers.posted[1]["labels"]
    assert servers.posted[1]["endsAt"] < servers.posted[0]["endsAt"]


def test_a_receiver_of_remote_write_that_refuses_is_found(
    subject: Subject, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINGAUGE_REMOTE_WRITE_URL", f"{servers.url}/api/v1/write")
    assert the_problem(subject).startswith("remote write: remote write is not accepted")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_receiver_that_takes_remote_write_is_in_order(
    version: str, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(version) as receiver:
        monkeypatch.setenv("TRAINGAUGE_REMOTE_WRITE_URL", receiver.url)
        said = [finding.text for name, finding in examine(subject) if name == "remote write"]
        assert said[0] == f"{receiver.url} takes remote write {version}"


def test_dashboards_and_a_data_source_that_grafana_lacks_are_found(
    subject: Subject, servers: Servers
) -> None:
    servers.answers["/api/search"] = [{"uid": "traingauge-fleet"}]
    lacking, silent = problems(dataclasses.replace(subject, grafana_url=servers.url))
    assert lacking.startswith("Grafana: Grafana lacks dashboards: traingauge-")
    assert silent.startswith(
        "Grafana: the data source traingauge-prometheus of Grafana does not answer (status 404)"
    )


def test_the_exit_status_and_json_say_whether_something_is_wrong(
    subject: Subject, servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "doctor",
        "--json",
        f"--directory={tmp_path}",
        f"--discovery-dir={subject.discovery_dir}",
        f"--prometheus-url={servers.url}/",
        f"--alertmanager-url={servers.url}",
    ]
    assert main(command) == 0
    assert {one["status"] for one in json.loads(capsys.readouterr().out)} <= {"ok", "skipped", "warning"}
    no_rules(servers)
    assert main(command) == 1
    said = capsys.readouterr()
    assert said.err == "traingauge: 1 problem\n"
    assert [one["check"] for one in json.loads(said.out) if one["status"] == "problem"] == ["rules"]


def test_the_alertmanager_of_a_prometheus_that_is_named_is_examined_and_not_that_of_up(
    subject: Subject, servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up = {name: f"http://127.0.0.1:{free_port(0)}" for name in ("prometheus", "alertmanager")}
    home = Home(tmp_path / "stack")
    command = [
        "doctor",
        "--send-test-alert",
        f"--directory={home.directory}",
        f"--discovery-dir={subject.discovery_dir}",
    ]
    servers.answers["/api/v1/alertmanagers"] = success(
        {"activeAlertmanagers": [{"url": f"{servers.url}/api/v2/alerts"}]}
    )
    with home.held():
        home.write(Record(os.getpid(), 0.0, up))
        main([*command, f"--prometheus-url={servers.url}"])
    said = capsys.readouterr().out
    assert f"Alertmanager 0.25.0 answers at {servers.url}\n" in said
    assert "ModelTestAlert was notified" in said
    assert up["alertmanager"] not in said


def test_an_alertmanager_that_only_prometheus_reaches_is_to_be_named(
    subject: Subject, servers: Servers
) -> None:
    seen = {"url": f"http://127.0.0.1:{free_port(0)}/prefix/api/v2/alerts"}
    servers.answers["/api/v1/alertmanagers"] = success({"activeAlertmanagers": [seen]})
    asked = dataclasses.replace(subject, alertmanager_url=None, sends_test_alert=False)
    (found,) = [one for _, one in examine(asked) if one.status == "problem"]
    assert found.text.startswith(
        f"Alertmanager at {seen['url'].removesuffix('/api/v2/alerts')} does not answer"
    )
    assert "--alertmanager-url names it" in found.advice


def test_a_terminal_shows_the_check_that_is_under_way_until_the_next(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "doctor",
        f"--directory={subject.discovery_dir.parent}",
        f"--discovery-dir={subject.discovery_dir}",
    ]
    main(command)
    assert "…" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(command)
    shown = capsys.readouterr().err.split("\r\x1b[K")
    assert [name for name in dict.fromkeys(shown) if name.startswith("…")] == [
        f"{'…':10}{name}" for name in CHECKS
    ]
    assert shown[-1] == "traingauge: 2 problems\n"


@pytest.mark.parametrize(
    "answered", [{}, {"/api/v1/status/buildinfo": "no JSON"}], ids=["all-well", "broken"]
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_password_in_an_address_is_sent_and_never_shown(
    answered: dict[str, str],
    form: list[str],
    subject: Subject,
    servers: Servers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    servers.answers |= answered
    url = servers.url.replace("://", "://ann:s3cr%2Fet@")
    urls = [f"--{server}-url={url}" for server in ("prometheus", "alertmanager", "grafana")]
    folder = subject.discovery_dir
    main(["doctor", *form, f"--directory={folder.parent}", f"--discovery-dir={folder}", *urls])
    said = "".join(capsys.readouterr())
    assert "http://***@127.0.0.1" in said
    assert "s3cr" not in said
    assert "Basic YW5uOnMzY3IvZXQ=" in servers.authorizations


@pytest.mark.parametrize(
    "url", ["ftp://ann:s3cret@host", "http://ann:s3/cret@host", "http://ann:s3cret@[host"]
)
def test_an_address_that_is_none_is_refused_without_its_password(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", f"--prometheus-url={url}"])
    said = capsys.readouterr().err
    assert "--prometheus-url: " in said
    assert "s3" not in said
