"""Runs that register with the service by which Prometheus finds them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.cli.serving import Start, listed
from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.cli.main import main
from traingauge.core.families import Identity
from traingauge.delivery import lease, leases, peer
from traingauge.delivery.announcement import LONGEST_REGISTRATION, Announcement
from traingauge.delivery.http import endpoint as endpoints
from traingauge.errors import InvalidArgumentError
from traingauge.stack.local import LocalHandler, LocalServer

TOKEN = "t0ken-of-runs"
KEY = "0123456789abcdef" * 2


@pytest.fixture
def service(tmp_path: Path, serving: Start, monkeypatch: pytest.MonkeyPatch) -> str:
    """A service with which runs may register, and that knows all of them at once."""
    monkeypatch.setattr(leases, "SETTLE_SECONDS", 0.0)
    (tmp_path / "targets").mkdir()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return serving(tmp_path / "targets", runs=TOKEN)


def registered(url: str, folder: Path, **others: Any) -> Endpoint:
    settings = {"discovery_dir": False, "linger": 0, "discovery_credentials_file": folder / "token"}
    return Endpoint(discovery_url=url, **{**settings, **others})


def runs(url: str) -> list[tuple[str, str | None]]:
    """Name of the run, and how it ended, of each target."""
    return [(group["labels"]["run"], group["labels"].get("ended")) for group in listed(url)]


def put(url: str, body: bytes, token: str = TOKEN, key: str = KEY) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.put(f"{url}runs/{key}", data=body, headers=headers, timeout=30).status_code


def registration(run: str = "r", address: str = "127.0.0.1:9109", **ended: Any) -> bytes:
    return Announcement(Identity("m", run), address, **ended).registration()


def scrape(monitor: ModelMonitor) -> None:
    with requests.Session() as client:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": "1"}
        client.get(f"{monitor.url}/metrics", headers=headers, timeout=30)
        client.get(f"{monitor.url}/healthz", timeout=30)  # answered once the scrape is recorded


def test_a_run_is_listed_as_long_as_it_is_there(service: str, tmp_path: Path) -> None:
    labels = {"team": "vision"}
    with ModelMonitor("m", run="r", labels=labels, delivery=[registered(service, tmp_path)]) as monitor:
        wait_until(lambda: listed(service))
        (group,) = listed(service)
        assert group["labels"].items() >= {"model": "m", "run": "r", "team": "vision"}.items()
        page = f"http://{group['targets'][0]}{group['labels']['__metrics_path__']}"
        assert requests.get(page, timeout=30).text.startswith("# HELP model_run_info")
        assert page == f"{monitor.url}/metrics"
    wait_until(lambda: not listed(service))


def test_the_variables_say_where_a_run_registers(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_URL", service)
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE", str(tmp_path / "token"))
    with ModelMonitor("m", run="r", delivery=[Endpoint(linger=0)]):
        wait_until(lambda: runs(service) == [("r", None)])


def test_a_run_that_the_service_has_forgotten_is_listed_again(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(leases, "LEASE_SECONDS", -1.0)  # each look of the service forgets all of them
    with ModelMonitor("m", run="r", delivery=[registered(service, tmp_path)]):
        for _ in range(3):
            wait_until(lambda: runs(service))
            wait_until(lambda: not runs(service))


def test_an_end_that_no_scrape_has_seen_stays_and_one_that_was_seen_goes(
    service: str, tmp_path: Path
) -> None:
    monitor = ModelMonitor("m", run="unseen", delivery=[registered(service, tmp_path)])
    wait_until(lambda: listed(service))
    scrape(monitor)
    monitor.close()
    wait_until(lambda: runs(service) == [("unseen", "finished")])
    monitor = ModelMonitor("m", run="seen", delivery=[registered(service, tmp_path, linger=PATIENCE)])
    wait_until(lambda: len(listed(service)) == 2)
    scrape(monitor)
    monitor.close()
    wait_until(lambda: ("seen", "finished") in runs(service))
    assert ("seen", None) in runs(service), "it still answers"
    scrape(monitor)
    wait_until(lambda: runs(service) == [("unseen", "finished")])


def test_a_process_that_ends_has_taken_its_run_off_the_list(service: str, tmp_path: Path) -> None:
    script = (
        "from traingauge import Endpoint, ModelMonitor\n"
        "with ModelMonitor('m', run='r') as monitor:\n"
        "    input()\n"
    )
    environment = {
        **os.environ,
        "TRAINGAUGE_DISCOVERY_URL": service,
        "TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE": str(tmp_path / "token"),
        "TRAINGAUGE_DISCOVERY_DIR": str(tmp_path / "its own"),
        "TRAINGAUGE_LINGER_SECONDS": "0",
    }
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env=environment) as process:
        wait_until(lambda: runs(service) == [("r", None)])
        process.communicate(b"\n", timeout=PATIENCE)
    assert (process.returncode, runs(service)) == (0, [])


def test_a_run_that_is_killed_while_it_waits_for_its_first_scrape_is_listed_with_its_end(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "from traingauge import ModelMonitor\nmonitor = ModelMonitor('m', run='r')\ninput()"
    environment = {
        **os.environ,
        "TRAINGAUGE_DISCOVERY_URL": service,
        "TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE": str(tmp_path / "token"),
        "TRAINGAUGE_DISCOVERY_DIR": str(tmp_path / "its own"),
        "TRAINGAUGE_WAIT_FOR_SCRAPE": "1",
    }
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env=environment) as process:
        wait_until(lambda: runs(service) == [("r", None)])
        process.terminate()
        wait_until(lambda: runs(service) == [("r", None), ("r", "interrupted")])
        process.kill()
    monkeypatch.setattr(leases, "ALIVE_SECONDS", 0.0)
    wait_until(lambda: runs(service) == [("r", "interrupted")])


def test_a_run_waits_for_its_first_scrape_where_a_prometheus_asks_the_service(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    started: list[Any] = []
    start = Endpoint.start
    monkeypatch.setattr(Endpoint, "start", lambda *given: started.append(start(*given)) or started[-1])
    with ModelMonitor("m", run="r", delivery=[registered(service, tmp_path, linger=PATIENCE)]) as monitor:
        (running,) = started
        assert running.linger <= lease.LEAVE_SECONDS
        listed(service)
        wait_until(lambda: running.linger > endpoints.FIRST_SCRAPE_SECONDS / 2)
        scrape(monitor)


@pytest.mark.parametrize("token", ["", "wrong", "t0ken-of-prometheus"])
def test_a_run_without_the_token_of_runs_is_refused(
    token: str, tmp_path: Path, serving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SETTLE_SECONDS", 0.0)
    url = serving(tmp_path, runs=TOKEN, token="t0ken-of-prometheus")
    assert put(url, registration(), token) == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.delete(f"{url}runs/{KEY}", headers=headers, timeout=30).status_code == 401
    prometheus = {"Authorization": "Bearer t0ken-of-prometheus"}
    assert requests.get(url, headers=prometheus, timeout=30).json() == []
    assert requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).status_code == 401


def test_no_run_can_register_where_there_is_no_token_for_runs(tmp_path: Path, serving: Start) -> None:
    assert put(serving(tmp_path), registration()) == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no JSON", 400),
        (registration(address="169.254.169.254:80"), 400),
        (b"x" * (LONGEST_REGISTRATION + 1), 413),
    ],
)
def test_a_hostile_registration_is_refused_and_the_list_stays_as_it_was(
    body: bytes, status: int, service: str
) -> None:
    assert put(service, registration()) == 200
    assert put(service, body) == status
    assert runs(service) == [("r", None)]


@pytest.mark.parametrize("key", ["", "x", KEY.upper(), f"{KEY}0", f"../{KEY}"])
def test_a_lease_has_a_key_that_no_one_guesses(key: str, service: str) -> None:
    assert put(service, registration(), key=key) == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [("Content-Length: 1073741824", 413), ("Transfer-Encoding: chunked", 411), ("Content-Length: -1", 411)],
)
def test_nothing_is_read_of_a_body_whose_length_does_not_fit(header: str, status: int, service: str) -> None:
    host, _, port = service.strip("/").removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        head = (
            f"PUT /runs/{KEY} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n{header}\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.makefile("rb").readline().split()[1] == str(status).encode()


def test_another_client_cannot_end_a_lease_or_take_its_name_without_the_key(service: str) -> None:
    other = KEY[::-1]
    assert put(service, registration()) == 200
    requests.delete(f"{service}runs/{other}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert put(service, registration(address="localhost:9109"), key=other) == 409
    assert runs(service) == [("r", None)]


def test_a_web_page_cannot_register_a_run_through_a_browser(service: str) -> None:
    headers = {"Host": "evil.example.com", "Authorization": f"Bearer {TOKEN}"}
    answer = requests.put(f"{service}runs/{KEY}", data=registration(), headers=headers, timeout=30)
    assert (answer.status_code, runs(service)) == (421, [])


def test_a_service_that_has_just_started_answers_an_error_and_no_list_that_lacks_runs(
    tmp_path: Path, serving: Start
) -> None:
    url = serving(tmp_path, runs=TOKEN)
    assert put(url, registration()) == 200
    assert requests.get(url, timeout=30).status_code == 503


def test_the_command_takes_registrations_on_a_machine_that_no_run_has_a_directory_on(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    options = [f"--directory={tmp_path / 'targets'}", "--port=0", "--network=192.168.0.0/16"]
    command = [
        sys.executable,
        "-m",
        "traingauge",
        "sd",
        *options,
        f"--registration-token-file={tmp_path / 'token'}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert put(url, registration()) == 200
        assert put(url, registration("other", "192.168.7.7:9109"), key=KEY[::-1]) == 200
        answer = requests.get(url, timeout=30)
        assert (answer.status_code, "may register again" in answer.text) == (503, True)
        assert put(url, registration(ended="finished", serves=False)) == 200
        assert [path.name for path in (tmp_path / "targets" / ".ended").iterdir()] == [KEY]
        (tmp_path / "targets" / ".ended").rename(tmp_path / "moved")
        (tmp_path / "targets" / ".ended").write_text("no directory")
        assert put(url, registration(ended="failed", serves=False)) == 507
        process.terminate()


def test_the_list_has_the_runs_of_the_directory_and_those_that_registered(
    service: str, tmp_path: Path
) -> None:
    shared = Endpoint(discovery_dir=tmp_path / "targets", linger=0)
    with (
        ModelMonitor("m", run="shared", delivery=[shared]),
        ModelMonitor("m", run="registered", delivery=[registered(service, tmp_path)]),
    ):
        wait_until(lambda: sorted(runs(service)) == [("registered", None), ("shared", None)])


# A service that fails


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """A server that answers each registration with a status and a body."""
    with ExitStack() as servers:

        def start(status: int, body: bytes) -> str:
            class Handler(LocalHandler):
                def put(self) -> None:
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self.answer(status, body.decode())

            return servers.enter_context(LocalServer("answering", Handler)).url

        yield start


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Runs register again soon; the folder with their token."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.02)
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


def test_a_run_whose_registrations_failed_for_a_while_ends_its_lease_all_the_same(impatient: Path) -> None:
    told: list[str] = []

    class Handler(LocalHandler):
        def put(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            told.append("PUT")
            self.answer(500 if len(told) > 1 else 200, '{"asked": false}')

        def delete(self) -> None:
            time.sleep(0.2)
            told.append("DELETE")
            self.answer(200, '{"asked": false}')

    with LocalServer("late", Handler) as server:
        monitor = ModelMonitor("m", run="r", delivery=[registered(server.url, impatient)])
        wait_until(lambda: errors(monitor) >= 1)
        monitor.close()
        wait_until(lambda: all(one.name != "traingauge-end" for one in threading.enumerate()))
        assert told[-1] == "DELETE"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b"there are too many"), "503 there are too many"),
        ((401, f"{TOKEN} is wrong".encode()), "401"),
        ((302, b""), "302"),
        ((200, b"<html>"), "is no `traingauge sd`"),
        ((200, b"[]"), "is no `traingauge sd`"),
    ],
)
def test_registrations_that_fail_are_counted_and_logged_once_without_the_token(
    answer: tuple[int, bytes],
    said: str,
    answering: Callable[[int, bytes], str],
    impatient: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ModelMonitor("m", run="r", delivery=[registered(answering(*answer), impatient)]) as monitor:
        wait_until(lambda: errors(monitor) >= 3)
        monitor.step(loss=0.5)
    (line,) = [one.getMessage() for one in caplog.records if "registration" in one.getMessage()]
    assert said in line
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("given", "setting"),
    [(True, "Endpoint.discovery_credentials_file"), (False, "TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE")],
)
def test_a_run_that_is_refused_for_its_token_logs_the_setting_that_names_it(
    given: bool,
    setting: str,
    answering: Callable[[int, bytes], str],
    impatient: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = {} if given else {"discovery_credentials_file": None}
    with ModelMonitor("m", delivery=[registered(answering(401, b""), impatient, **file)]) as monitor:
        wait_until(lambda: errors(monitor) >= 1)
    assert f"{setting} has to name a file with the token" in caplog.text


def errors(monitor: ModelMonitor) -> float:
    text = requests.get(f"{monitor.url}/metrics", timeout=30).text
    (line,) = [
        one
        for one in text.splitlines()
        if one.startswith("model_monitor_errors_total") and '"registration"' in one
    ]
    return float(line.split()[1])


def test_a_service_that_never_answers_holds_up_neither_the_run_nor_its_end_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEAVE_SECONDS", 0.2)
    monkeypatch.setattr(peer, "TIMEOUT", (PATIENCE, PATIENCE))
    (tmp_path / "token").write_text(TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with ModelMonitor("m", run="r", delivery=[registered(url, tmp_path)]) as monitor:
            monitor.step(loss=0.5)
            began = time.monotonic()
        wait_until(lambda: all(one.name != "traingauge-end" for one in threading.enumerate()))
        assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("url", ["login-host:9096", "http://me:secret@login-host", "ftp://login-host"])
def test_an_address_that_is_none_raises_when_the_setting_is_made(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Endpoint\.discovery_url"):
        Endpoint(discovery_url=url)


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("", "is '.*', which holds no secret")])
def test_a_token_that_cannot_be_read_raises_when_the_run_starts_and_says_where_it_comes_from(
    text: str | None, said: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "token").write_text(text)
    said = rf"Endpoint\.discovery_credentials_file {said}.*--registration-token-file"
    with pytest.raises(InvalidArgumentError, match=said):
        ModelMonitor("m", delivery=[registered("http://127.0.0.1:9", tmp_path)])
    assert not [one for one in threading.enumerate() if one.name == "traingauge-lease"]


def test_a_forked_child_leaves_the_lease_of_its_parent(service: str, tmp_path: Path) -> None:
    with ModelMonitor("m", run="r", delivery=[registered(service, tmp_path)]) as monitor:
        wait_until(lambda: runs(service) == [("r", None)])
        child = os.fork()
        if child == 0:
            monitor.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert runs(service) == [("r", None)]


@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "nodes"])
def test_a_network_that_is_none_is_refused(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sd", f"--network={network}"])
    assert "expected a network, as 10.0.0.0/8" in capsys.readouterr().err
