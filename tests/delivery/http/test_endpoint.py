"""The endpoint as a delivery: its setting, its discovery file, and its wait for the last scrape."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from pathlib import Path

import pytest
import requests

from tests.waiting import FOREVER, PATIENCE, finished, wait_until
from traingauge import Endpoint
from traingauge.core.families import Identity, single
from traingauge.core.guard import Guard
from traingauge.delivery.base import RunView
from traingauge.delivery.http import loop
from traingauge.errors import AddressError, InvalidArgumentError, InvalidTypeError

AS_PROMETHEUS = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}


def view(guard: Guard | None = None) -> RunView:
    return RunView(
        Identity("m", "r"), lambda maybe_yield: [single("model_learning_rate", 0.1)], dict, guard or Guard()
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
    while not running.scrapes.wait(after=0.0, at_most=math.inf):
        time.sleep(0.001)
    deadline = time.monotonic() + 0.05
    finished(lambda: running.finish(deadline))
    assert time.monotonic() >= deadline
    running.close()


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


@pytest.mark.parametrize("directory", ["/dev/null/x", "\ud800"])
def test_a_directory_that_cannot_be_is_counted_and_the_run_is_served(directory: str) -> None:
    guard = Guard()
    running = Endpoint(discovery_dir=directory).start(view(guard))
    assert guard.errors["discovery"] == 1
    assert requests.get(running.url, timeout=PATIENCE).ok
    running.close()
