from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from traingauge.bundle import places
from traingauge.stack import config, documents
from traingauge.stack.errors import ConfigError
from traingauge.stack.pace import Pace

SHIPPED = documents.load(places.PROMETHEUS_CONFIG)


def prometheus(**changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"rules": Path("/r"), "targets": Path("/t"), "addresses": {}, "pace": Pace()}
    return config.prometheus_config(SHIPPED, **settings | changes)


def alertmanager(shipped: dict[str, Any], **changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"folder": Path("/a"), "webhook_url": None, "pace": Pace()}
    return config.alertmanager_config(shipped, **settings | changes)


def test_only_paths_differ_where_nothing_else_is_asked_for() -> None:
    expected = documents.load(places.PROMETHEUS_CONFIG)
    expected["rule_files"] = ["/r/*.yml"]
    expected["scrape_configs"][-1]["file_sd_configs"][0]["files"] = ["/t/*.json"]
    assert prometheus() == expected


def test_addresses_are_replaced_wherever_they_stand() -> None:
    addresses = {config.PROMETHEUS_ADDRESS: "127.0.0.1:1", config.ALERTMANAGER_ADDRESS: "127.0.0.1:2"}
    changed = prometheus(addresses=addresses)
    targets = {
        job["job_name"]: job.get("static_configs", [{}])[0].get("targets")
        for job in changed["scrape_configs"]
    }
    assert targets == {"prometheus": ["127.0.0.1:1"], "alertmanager": ["127.0.0.1:2"], "traingauge": None}
    assert changed["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:2"]}]


def test_intervals_are_divided_down_to_the_shortest() -> None:
    assert prometheus(pace=Pace(5))["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s"}
    assert prometheus(pace=Pace(5000))["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s"}


def test_runs_are_found_by_file() -> None:
    job = SHIPPED["scrape_configs"][-1]
    assert job["job_name"] == "traingauge"
    assert [list(discovery) for discovery in job["file_sd_configs"]] == [["files", "refresh_interval"]]


def test_a_path_that_is_mounted_nowhere_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"path 'elsewhere/x.yml'"):
        config.prometheus_config(
            {"rule_files": ["elsewhere/x.yml"]},
            rules=Path("/r"),
            targets=Path("/t"),
            addresses={},
            pace=Pace(),
        )


def test_every_webhook_of_alertmanager_gets_the_url_and_keeps_its_other_settings() -> None:
    hooks = [{"url": "http://a", "send_resolved": True}, {"url": "http://b"}]
    changed = alertmanager({"receivers": [{"name": "x", "webhook_configs": hooks}]}, webhook_url="http://c")
    expected = [{"url": "http://c", "send_resolved": True}, {"url": "http://c"}]
    assert changed["receivers"][0]["webhook_configs"] == expected


def test_waits_of_nested_routes_are_divided_and_a_wait_of_nothing_stays() -> None:
    routes = [{"receiver": "x", "group_wait": "0s", "repeat_interval": "1h"}]
    route = alertmanager({"route": {"group_interval": "1m", "routes": routes}}, pace=Pace(10))["route"]
    assert route["group_interval"] == "6s"
    assert route["routes"] == [{"receiver": "x", "group_wait": "0s", "repeat_interval": "6m"}]


def test_paths_of_alertmanager_are_kept_relative_to_where_its_configuration_lies() -> None:
    shipped = {"templates": ["templates/*.tmpl"], "global": {"slack_api_url_file": "secrets/slack"}}
    changed = alertmanager(shipped)
    assert changed["templates"] == ["/a/templates/*.tmpl"]
    assert changed["global"] == {"slack_api_url_file": "/a/secrets/slack"}


def test_an_absolute_path_of_a_secret_stays() -> None:
    assert alertmanager({"global": {"slack_api_url_file": "/run/secrets/slack"}}) == {
        "global": {"slack_api_url_file": "/run/secrets/slack"}
    }


@pytest.mark.parametrize("content", ["- a\n", "", "a: [", "{a: b"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"x\.yml"):
        documents.load(file)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yml"):
        documents.load(tmp_path / "gone.yml")
