"""Each step between a run that registers and a Prometheus that finds it by that."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.stack.doctor.servers import Servers, success
from tests.waiting import wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.cli import sd
from traingauge.cli.main import main
from traingauge.core.families import Identity
from traingauge.delivery import leases as module
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.leases import Leases
from traingauge.stack.doctor import waiting
from traingauge.stack.doctor.directories import discovery
from traingauge.stack.doctor.finding import Finding
from traingauge.stack.doctor.registering import registration
from traingauge.stack.doctor.runs import targets
from traingauge.stack.doctor.subject import Subject
from traingauge.stack.local import LocalServer
from traingauge.stack.server import free_port

TOKEN = "t0ken-of-runs"


@dataclass
class Way:
    """A service with a token for runs, and the variables by which runs find it.

    Attributes:
        url: Where it serves.
        leases: Runs that registered.
        folder: Has the file with the token, and the discovery directory of the machine.
    """

    url: str
    leases: Leases
    folder: Path

    def subject(self, prometheus: str | None = None) -> Subject:
        return Subject(self.folder / "targets", prometheus, discovery_url=self.url)

    def run(self, name: str = "r1", url: str | None = None) -> ModelMonitor:
        settings = {"discovery_url": url, "discovery_credentials_file": self.folder / "token"} if url else {}
        endpoint = Endpoint(discovery_dir=self.folder / "targets", linger=0, **settings)
        return ModelMonitor("digits", run=name, delivery=[endpoint])

    def registered(self, name: str = "r1") -> ModelMonitor:
        known, monitor = len(self.leases), self.run(name, self.url)
        wait_until(lambda: len(self.leases) > known)
        return monitor

    def ask(self) -> None:
        requests.get(f"{self.url}/", headers={sd.REFRESHES: "60"}, timeout=30)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Way]]:
    for name in os.environ:
        if name.startswith("TRAINGAUGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "SETTLES_WITHIN", 0.0)
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE", str(tmp_path / "token"))
    with ExitStack() as servers:

        def start(*, registers: bool = True) -> Way:
            leases = Leases()
            service = sd.Service(tmp_path, None, *((leases, TOKEN) if registers else ()))
            service.refresh()
            server = servers.enter_context(LocalServer("sd", sd._handler(service, local=True)))
            return Way(server.url, leases, tmp_path)

        yield start


@pytest.fixture
def way(serve: Callable[..., Way]) -> Way:
    """A service that a Prometheus has asked."""
    way = serve()
    way.ask()
    return way


def texts(way: Way, status: str = "problem") -> list[str]:
    return [one.text for one in registration(way.subject()) if one.status == status]


def the_problem(way: Way) -> Finding:
    (found,) = (one for one in registration(way.subject()) if one.status == "problem")
    return found


def test_each_run_that_is_registered_and_that_a_prometheus_asks_are_named(way: Way) -> None:
    with way.registered("r1"), way.registered("r2"):
        assert [(one.status, one.text) for one in registration(way.subject())] == [
            ("ok", f"digits / r1 is registered with {way.url}"),
            ("ok", f"digits / r2 is registered with {way.url}"),
            ("ok", f"a Prometheus asks {way.url} for its list"),
        ]


def test_where_no_run_is_whether_one_could_register_is_found_without_registering_any(way: Way) -> None:
    assert texts(way, "ok")[0] == f"{way.url} takes registrations of this machine"
    assert requests.get(f"{way.url}/", timeout=30).json() == []


def test_nothing_is_examined_where_no_run_registers() -> None:
    (found,) = registration(Subject(Path()))
    assert (found.status, found.text) == ("skipped", "TRAINGAUGE_DISCOVERY_URL is not set")


def test_a_service_that_cannot_be_reached_is_found(way: Way) -> None:
    gone = Way(f"http://127.0.0.1:{free_port(0)}", way.leases, way.folder)
    found = the_problem(gone)
    assert f"no run can register: {gone.url} cannot be reached" in found.text
    assert "traingauge sd --host 0.0.0.0" in found.advice


@pytest.mark.parametrize("set_", [True, False])
def test_a_token_that_is_refused_is_found_and_the_variable_named(
    set_: bool, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    (way.folder / "token").write_text("another")
    if not set_:
        monkeypatch.delenv("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE")
    found = the_problem(way)
    assert "answered 401" in found.text
    assert found.advice.startswith("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE has to name a file with the token")


@pytest.mark.parametrize("text", [None, ""])
def test_a_token_file_that_is_missing_or_empty_is_found(text: str | None, way: Way) -> None:
    (way.folder / "token").unlink()
    if text is not None:
        (way.folder / "token").write_text(text)
    assert the_problem(way).text.startswith("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE ")


def test_a_service_with_which_no_run_can_register_is_found(serve: Callable[..., Way]) -> None:
    found = the_problem(serve(registers=False))
    assert "no run can register here: it needs --registration-token-file" in found.text


@pytest.mark.parametrize("answer", [404, {"asked": True}, [], "<html>"])
def test_another_server_at_the_address_is_found(answer: object, way: Way) -> None:
    with Servers() as servers:
        servers.answers["/runs"] = answer
        found = the_problem(Way(servers.url, way.leases, way.folder))
    assert "is that the address of a `traingauge sd`" in found.advice


def test_that_no_prometheus_asks_for_the_list_is_found(serve: Callable[..., Way]) -> None:
    way = serve()
    assert requests.get(f"{way.url}/", timeout=30).json() == []  # by a person
    assert the_problem(way).text == f"no Prometheus has asked {way.url} for its list within five minutes"


def test_a_service_that_has_just_started_is_pointed_out(
    serve: Callable[..., Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 60.0)
    way = serve()
    way.ask()
    (text,) = texts(way, "warning")
    assert text == f"{way.url} has just started, and gives Prometheus no list for 60 s more"


def test_a_run_that_has_not_registered_is_found(way: Way) -> None:
    with way.run():
        assert the_problem(way).text == f"digits / r1 is not registered with {way.url}, which would take it"


def test_a_run_whose_name_a_machine_elsewhere_has_is_found(way: Way) -> None:
    taken = Announcement(Identity("digits", "r1"), "127.0.0.2:9109").registration()
    way.leases.renew("key", taken, "127.0.0.2")
    with way.run():
        assert the_problem(way).text == (
            f"{way.url} refuses digits / r1: a live run of this model and name is registered from another machine"
        )


def test_an_address_that_runs_of_this_machine_may_not_register_is_found(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINGAUGE_ADVERTISE", "192.0.2.1")
    assert the_problem(way).text.startswith(
        f"{way.url} would refuse a run of this machine: 192.0.2.1:9109 is not an address of 127.0.0.1"
    )


def test_a_variable_that_does_not_fit_is_left_to_the_check_of_variables(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINGAUGE_PORT", "http")
    assert texts(way) == []
    assert texts(way, "skipped") == ["TRAINGAUGE_PORT is 'http': expected 0 (a free port) to 65535"]


def test_a_run_that_registers_and_that_prometheus_does_not_know_of_needs_no_file_sd(way: Way) -> None:
    with Servers() as servers, way.registered():
        (found,) = targets(way.subject(servers.url))
    assert (found.status, found.text) == ("problem", "Prometheus does not know of digits / r1")
    assert found.advice.startswith(f"its `http_sd_configs` must name {way.url}/")


def test_a_run_that_prometheus_scrapes_is_shown_with_the_list_that_has_it(way: Way) -> None:
    with Servers() as servers, way.registered() as monitor:
        target = {
            "labels": {"model": "digits", "run": "r1"},
            "discoveredLabels": {"__meta_url": f"{way.url}/"},
            "health": "up",
            "scrapeUrl": f"{monitor.url}/metrics",
        }
        servers.answers["/api/v1/targets"] = success({"activeTargets": [target]})
        (found,) = targets(way.subject(servers.url))
    assert (found.status, found.text) == ("ok", f"Prometheus scrapes digits / r1, which {way.url}/ lists")


def test_a_directory_that_a_prometheus_need_not_read_may_be_closed(way: Way) -> None:
    (way.folder / "targets").mkdir(mode=0o700)
    assert [one.status for one in discovery(way.subject())] == ["ok"]


def test_no_stranger_learns_which_runs_are_registered(way: Way) -> None:
    body = Announcement(Identity("digits", "r1"), "127.0.0.1:9109").registration()
    assert requests.post(f"{way.url}/runs", data=body, timeout=30).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.post(f"{way.url}/runs/x", data=body, headers=headers, timeout=30).status_code == 404
    assert requests.post(f"{way.url}/runs", data=body, headers=headers, timeout=30).status_code == 200


@pytest.mark.parametrize("url", ["{url}", "{url}/"])
def test_the_command_examines_what_the_variables_name(
    url: str, way: Way, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_URL", url.format(url=way.url))
    options = [f"--discovery-dir={way.folder / 'targets'}", f"--directory={way.folder / 'home'}"]
    main(["doctor", *options])
    assert f"registration         {way.url} takes registrations of this machine\n" in capsys.readouterr().out
