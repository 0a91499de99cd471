"""The endpoint as a delivery: its setting, its discovery file, and its wait for the last scrape."""

from __future__ import annotations

import dataclasses
import http.client
import json
import math
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.waiting import FOREVER, PATIENCE, finished, wait_until
from traingauge import Endpoint
from traingauge.core.families import Identity, single
from traingauge.core.guard import Guard
from traingauge.delivery import discovery
from traingauge.delivery.base import Deliveries, RunView
from traingauge.delivery.http import Scrapes, loop
from traingauge.delivery.http.endpoint import RunningEndpoint
from traingauge.errors import AddressError, InvalidArgumentError, InvalidTypeError

AS_PROMETHEUS = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}


def view(guard: Guard | None = None, run: str = "r") -> RunView:
    return RunView(
        Identity("m", run), lambda maybe_yield: [single("model_learning_rate", 0.1)], dict, guard or Guard()
    )


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"host": 3}, InvalidTypeError, "Endpoint.host is 3: expected an address"),
        ({"port": -1}, InvalidArgumentError, "Endpoint.port is -1: expected 0 to 65535"),
        ({"port": 65_536}, InvalidArgumentError, "Endpoint.port is 65536: expected 0 to 65535"),
        ({"port": "9100"}, InvalidTypeError, "Endpoint.port is '9100': expected a whole number"),
        ({"port": True}, InvalidTypeError, "Endpoint.port is True"),
        ({"discovery_dir": True}, InvalidTypeError, "Endpoint.discovery_dir is True: expected a path"),
        ({"discovery_dir": ""}, InvalidArgumentError, "Endpoint.discovery_dir is empty: expected a path"),
        (
            {"advertise": "http://a"},
            InvalidArgumentError,
            "Endpoint.advertise is 'http://a': expected a host",
        ),
        ({"advertise": "a:0"}, InvalidArgumentError, "expected a host or host:port"),
        ({"advertise": ""}, InvalidArgumentError, "expected a host or host:port"),
        ({"advertise": 9109}, InvalidTypeError, "expected a host or host:port"),
        ({"linger": -1}, InvalidArgumentError, "Endpoint.linger is -1.0: expected at least 0 seconds"),
        ({"linger": math.nan}, InvalidArgumentError, "Endpoint.linger is nan"),
        ({"wait_for_scrape": 1}, InvalidTypeError, "Endpoint.wait_for_scrape is 1"),
        ({"links": ["a"]}, InvalidTypeError, r"Endpoint.links is \['a'\]: expected addresses by title"),
        ({"links": {"Code": 3}}, InvalidTypeError, "Endpoint.links is {'Code': 3}"),
        (
            {"links": {"Code": "javascript:alert(1)"}},
            InvalidArgumentError,
            "expected an http:// or https:// address",
        ),
        ({"links": {"Code": " JavaScript:alert(1)"}}, InvalidArgumentError, "expected an http"),
        ({"links": {"Code": "java\tscript:alert(1)"}}, InvalidArgumentError, "expected an http"),
        ({"links": {"Code": "data:text/html,x"}}, InvalidArgumentError, "expected an http"),
        ({"links": {"Code": ""}}, InvalidArgumentError, "expected an http"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_what_fits(
    fields: dict[str, object], error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        Endpoint(**fields)


def test_it_is_a_value_that_cannot_be_changed() -> None:
    assert Endpoint("0.0.0.0", 9109) == Endpoint(host="0.0.0.0", port=9109)
    assert len({Endpoint(), Endpoint(), Endpoint(port=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Endpoint().port = 1  # type: ignore[misc]


def test_it_announces_the_run_until_it_is_closed(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path).start(view())
    (file,) = tmp_path.glob("*.json")
    (target,) = json.loads(file.read_text())
    (address,), labels = target["targets"], target["labels"]
    assert f"http://{address}{labels.pop('__metrics_path__')}" == f"{running.url}/metrics"
    assert f"http://{labels.pop('instance')}" == running.url
    assert labels == {"model": "m", "run": "r"}
    running.close()
    running.close()
    assert not list(tmp_path.glob("*"))
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url, timeout=PATIENCE)


def test_its_links_are_on_the_landing_page() -> None:
    running = Endpoint(discovery_dir=False, links={"Code": "https://example.org/<c>"}).start(view())
    assert (
        '<a href="https://example.org/&lt;c&gt;">Code</a>' in requests.get(running.url, timeout=PATIENCE).text
    )
    running.close()


def test_an_address_of_another_machine_raises_and_announces_nothing(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"'192\.0\.2\.1' cannot be listened on"):
        Endpoint("192.0.2.1", discovery_dir=tmp_path).start(view())
    assert not list(tmp_path.glob("*"))


def test_the_wait_for_the_last_scrape_ends_at_the_deadline() -> None:
    running = Endpoint(discovery_dir=False, linger=FOREVER).start(view())
    requests.get(f"{running.url}/metrics", headers=AS_PROMETHEUS, timeout=PATIENCE)
    assert finished(lambda: running.scrapes.wait(after=0.0, at_most=FOREVER))
    ended = time.monotonic()
    finished(lambda: running.finish(ended, ended + 0.05))
    assert time.monotonic() >= ended + 0.05
    running.close()


def test_runs_that_start_at_the_same_time_do_not_sweep_each_others_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, write, started = Endpoint(discovery_dir=tmp_path), discovery.DiscoveryFile.write, []

    def write_while_another_starts(self: discovery.DiscoveryFile) -> None:
        write(self)
        if not started:
            started.append(self)
            started.append(setting.start(view(run="other")))

    monkeypatch.setattr(discovery.DiscoveryFile, "write", write_while_another_starts)
    started.append(setting.start(view()))
    assert len(list(tmp_path.glob("*.json"))) == 2
    for running in started[1:]:
        running.close()


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the ends of runs would have waited for a scrape, in seconds."""
    seconds: list[float] = []

    def wait(self: Scrapes, *, after: float, at_most: float) -> bool:
        seconds.append(at_most)
        return False

    monkeypatch.setattr(Scrapes, "wait", wait)
    return seconds


def end_of(running: RunningEndpoint) -> None:
    ended = time.monotonic()
    running.finish(ended, ended + running.linger)
    running.close()


def test_a_run_that_prometheus_has_found_and_not_yet_scraped_waits_for_one_scrape(
    tmp_path: Path, waited: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    running = Endpoint(discovery_dir=tmp_path).start(view())
    (found,) = tmp_path.glob("*.json")
    found.read_text()
    end_of(running)
    assert max(waited) > 50
    assert "run r of m has ended, and waits up to" in caplog.text
    assert "for Prometheus to scrape its end; Ctrl-C skips the wait" in caplog.text


def test_a_wait_for_a_scrape_is_known_as_one_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, float] | None] = []
    deliveries = Deliveries([Endpoint(discovery_dir=False, wait_for_scrape=True)], view())
    monkeypatch.setattr(Scrapes, "wait", lambda *_, **__: seen.append(deliveries.awaited))
    deliveries.finish(time.monotonic())
    deliveries.close()
    assert seen[0] is not None
    assert seen[0][0] == "Prometheus has scraped"


def test_a_run_waits_for_its_first_scrape_where_an_earlier_one_was_scraped(
    tmp_path: Path, waited: list[float]
) -> None:
    earlier = Endpoint(discovery_dir=tmp_path).start(view())
    earlier.scrapes.seen(time.monotonic())
    end_of(earlier)
    waited.clear()
    end_of(Endpoint(discovery_dir=tmp_path).start(view()))
    assert max(waited) > 50
    waited.clear()
    end_of(Endpoint(discovery_dir=tmp_path).start(view()))
    assert max(waited) == 0, "the run before has waited in vain"


def test_a_run_that_no_prometheus_looks_for_ends_at_once_and_the_log_says_so(
    tmp_path: Path, waited: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "traingauge")
    end_of(Endpoint(discovery_dir=tmp_path).start(view()))
    assert max(waited) == 0
    assert "run r of m was never scraped: Prometheus has no trace of it" in caplog.text


def test_a_run_waits_for_its_first_scrape_where_it_is_asked_to(
    waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    end_of(Endpoint(discovery_dir=False, wait_for_scrape=True).start(view()))
    assert max(waited) > 50
    waited.clear()
    monkeypatch.setenv("TRAINGAUGE_WAIT_FOR_SCRAPE", "yes")
    end_of(Endpoint(discovery_dir=False, linger=40.0).start(view()))
    assert 20 < max(waited) <= 40
    waited.clear()
    end_of(Endpoint(discovery_dir=False, wait_for_scrape=False).start(view()))
    assert max(waited) == 0


def test_a_run_that_was_scraped_each_minute_waits_more_than_a_minute_for_the_scrape_that_sees_its_end(
    waited: list[float],
) -> None:
    running = Endpoint(discovery_dir=False).start(view())
    now = time.monotonic()
    for before in (170.0, 110.0, 50.0):
        running.scrapes.seen(now - before)
    end_of(running)
    assert max(waited) > 60


def test_a_file_that_cannot_be_removed_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError("not yours")

    guard = Guard()
    running = Endpoint(discovery_dir=tmp_path).start(view(guard))
    monkeypatch.setattr(Path, "unlink", refuse)
    running.close()
    assert guard.errors["discovery"] == 1


@pytest.mark.parametrize(
    ("advertise", "expected"),
    [
        ("trainer-1", "trainer-1:{}"),
        ("trainer-1:19109", "trainer-1:19109"),
        ("::7", "[::7]:{}"),
        ("[::7]:1", "[::7]:1"),
    ],
)
def test_the_discovery_file_gives_the_address_that_is_advertised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, advertise: str, expected: str
) -> None:
    monkeypatch.setenv("TRAINGAUGE_ADVERTISE", advertise)
    for setting in (None, advertise):
        running = Endpoint(discovery_dir=tmp_path, advertise=setting).start(view())
        (file,) = tmp_path.glob("*.json")
        assert json.loads(file.read_text())[0]["targets"] == [expected.format(running.server.port)]
        running.close()


def test_a_live_run_touches_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "HEARTBEAT_SECONDS", 0.01)
    running = Endpoint(discovery_dir=tmp_path).start(view())
    (file,) = tmp_path.glob("*.json")
    os.utime(file, (0, 0))
    wait_until(lambda: file.stat().st_mtime > 0)
    running.close()
    assert not list(tmp_path.glob("*"))


def test_a_directory_that_cannot_be_is_counted_and_the_run_is_served() -> None:
    guard = Guard()
    running = Endpoint(discovery_dir="/dev/null/x").start(view(guard))
    assert guard.errors["discovery"] == 1
    assert requests.get(running.url, timeout=PATIENCE).ok
    running.close()


def scrape_from(address: str, url: str) -> None:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE, source_address=(address, 0))
    connection.request("GET", f"/{path}/metrics", headers=AS_PROMETHEUS)
    assert connection.getresponse().read()
    connection.close()


def test_replicas_of_prometheus_differ_by_their_addresses() -> None:
    running = Endpoint(discovery_dir=False).start(view())
    for address in ("127.0.0.1", "127.0.0.2"):
        scrape_from(address, running.url)
    wait_until(lambda: set(running.scrapes._starts) == {"127.0.0.1", "127.0.0.2"})
    running.close()


@pytest.mark.parametrize(
    ("header", "said"), [("9.5", 9.5), ("10", 10.0), ("1e9", 0.0), ("-1", 0.0), ("nan", 0.0)]
)
def test_a_scrape_says_how_long_its_prometheus_waits(header: str, said: float) -> None:
    running = Endpoint(discovery_dir=False, linger=0).start(view())
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": header}
    requests.get(f"{running.url}/metrics", headers=headers, timeout=PATIENCE)
    wait_until(lambda: running.scrapes)
    assert running.scrapes._timeouts == {"127.0.0.1": said}
    running.close()


def test_the_end_of_a_run_whose_directory_is_gone_is_no_error(tmp_path: Path) -> None:
    guard = Guard()
    running = Endpoint(discovery_dir=tmp_path / "targets", linger=0).start(view(guard))
    requests.get(f"{running.url}/metrics", headers=AS_PROMETHEUS, timeout=PATIENCE)
    wait_until(lambda: bool(running.scrapes))
    shutil.rmtree(tmp_path / "targets")
    running.finish(time.monotonic(), time.monotonic())
    running.close()
    assert guard.errors["discovery"] == 0


def scraped(running: RunningEndpoint) -> None:
    requests.get(f"{running.url}/metrics", headers=AS_PROMETHEUS, timeout=PATIENCE)
    wait_until(lambda: running.scrapes, "the scrape")


def ended_in(directory: Path) -> list[str | None]:
    """How the targets of the only file say that the run ended."""
    (file,) = directory.glob("*.json")
    return [group["labels"].get("ended") for group in json.loads(file.read_text())]


def over(state: str = "interrupted") -> RunView:
    return dataclasses.replace(view(), state=lambda: state)


def test_an_end_that_no_scrape_has_seen_stays_in_the_discovery_file(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path).start(over())
    scraped(running)
    running.finish(time.monotonic(), time.monotonic())
    running.close()
    assert ended_in(tmp_path) == ["interrupted"]


def test_the_end_is_noted_before_the_wait_so_that_a_kill_in_it_counts_as_that_end(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path, linger=FOREVER).start(over("failed"))
    scraped(running)
    ended = time.monotonic()
    waiting = threading.Thread(target=running.finish, args=(ended, ended + FOREVER))
    waiting.start()
    wait_until(lambda: ended_in(tmp_path) == [None, "failed"], "the note")
    scraped(running)
    waiting.join(PATIENCE)
    running.close()
    assert not list(tmp_path.glob("*.json")), "a scrape has seen the end"


def test_a_run_that_waits_for_its_first_scrape_has_noted_its_end_until_that_sees_it(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path, wait_for_scrape=True).start(over("failed"))
    ended = time.monotonic()
    waiting = threading.Thread(target=running.finish, args=(ended, ended + FOREVER))
    waiting.start()
    wait_until(lambda: ended_in(tmp_path) == [None, "failed"], "the note")
    scraped(running)
    waiting.join(PATIENCE)
    running.close()
    assert not list(tmp_path.glob("*.json")), "a scrape has seen the end"


def test_the_end_of_a_run_that_waited_in_vain_for_its_first_scrape_stays_in_the_discovery_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "traingauge")
    end_of(Endpoint(discovery_dir=tmp_path, wait_for_scrape=True, linger=0.01).start(over()))
    assert ended_in(tmp_path) == ["interrupted"]
    assert "was never scraped: Prometheus has only the note on its end" in caplog.text


def test_a_run_that_was_never_scraped_and_waits_for_none_notes_nothing(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path).start(over())
    running.finish(time.monotonic(), time.monotonic())
    running.close()
    assert not list(tmp_path.glob("*.json"))


def test_a_note_that_cannot_be_written_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: discovery.DiscoveryFile, ended: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(discovery.DiscoveryFile, "note", fail)
    guard = Guard()
    running = Endpoint(discovery_dir=tmp_path, linger=0).start(dataclasses.replace(over(), guard=guard))
    scraped(running)
    running.finish(time.monotonic(), time.monotonic())
    running.close()
    assert guard.errors["discovery"] == 1


def test_nothing_answers_at_the_path_of_a_note(tmp_path: Path) -> None:
    running = Endpoint(discovery_dir=tmp_path).start(over())
    scraped(running)
    running.finish(time.monotonic(), time.monotonic())
    (file,) = tmp_path.glob("*.json")
    note = json.loads(file.read_text())[1]
    url = f"http://{note['targets'][0]}{note['labels']['__metrics_path__']}"
    assert requests.get(url, timeout=PATIENCE).status_code == 404
    running.close()
