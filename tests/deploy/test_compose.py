from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from traingauge.bundle import places
from traingauge.stack import config, documents
from traingauge.stack.grafana import grafana_environment

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy/compose/compose.yaml"
COMPOSE = documents.load(FILE)
SERVICES: dict[str, Any] = COMPOSE["services"]


def mounts(service: str) -> dict[str, str]:
    """What is mounted where: sources by targets, those of files and folders of this repository as absolute paths."""
    found = {}
    for volume in SERVICES[service]["volumes"]:
        source, target = (
            (volume["source"], volume["target"]) if isinstance(volume, dict) else volume.split(":")[:2]
        )
        found[target] = str((FILE.parent / source).resolve()) if source.startswith("..") else source
    return found


def test_it_is_a_valid_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE]
    subprocess.run(command, check=True, capture_output=True)


def test_it_mounts_the_files_that_the_native_stack_reads() -> None:
    prometheus, alertmanager, grafana = (mounts(name) for name in ("prometheus", "alertmanager", "grafana"))
    assert prometheus["/etc/prometheus/prometheus.yml"] == str(places.PROMETHEUS_CONFIG)
    assert prometheus["/etc/prometheus/rules"] == str(places.RULES)
    assert alertmanager["/etc/alertmanager"] == str(places.ALERTMANAGER_CONFIG.parent)
    assert grafana["/etc/grafana/provisioning"] == str(places.GRAFANA_PROVISIONING)
    assert grafana[SERVICES["grafana"]["environment"]["DASHBOARDS"]] == str(places.DASHBOARDS)


@pytest.mark.parametrize("service", SERVICES)
def test_everything_it_mounts_exists(service: str) -> None:
    sources = mounts(service).values()
    assert all(Path(source).exists() or source in COMPOSE["volumes"] or "$" in source for source in sources)


def test_the_folder_of_discovery_files_is_the_exporters_default() -> None:
    source = mounts("prometheus")["/etc/prometheus/targets"]
    shell = f'unset TRAINGAUGE_DISCOVERY_DIR XDG_STATE_HOME; HOME=/h; echo "{source}"'
    answer = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, text=True)
    assert answer.stdout == "/h/.local/state/traingauge/targets\n"


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_is_pinned_to_a_release_and_its_content(service: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", SERVICES[service]["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_server_has_a_health_check_and_listens_on_the_loopback_alone(service: str) -> None:
    settings = SERVICES[service]
    assert "http://127.0.0.1:" in settings["healthcheck"]["test"][-1]
    addresses = [*settings.get("command", []), *map("=".join, settings.get("environment", {}).items())]
    assert any(re.search(r"(listen-address|HTTP_ADDR)=127\.0\.0\.1", address) for address in addresses)
    assert "ports" not in settings


def test_prometheus_reaches_alertmanager_by_the_name_in_its_configuration() -> None:
    host, port = config.ALERTMANAGER_ADDRESS.split(":")
    assert SERVICES["prometheus"]["extra_hosts"] == {host: "127.0.0.1"}
    assert f"--web.listen-address=127.0.0.1:{port}" in SERVICES["alertmanager"]["command"]
    assert (
        f"--web.listen-address=127.0.0.1:{config.PROMETHEUS_ADDRESS.split(':')[1]}"
        in SERVICES["prometheus"]["command"]
    )


def test_grafana_gets_every_variable_that_its_provisioning_uses() -> None:
    files = places.GRAFANA_PROVISIONING.rglob("*.yml")
    asked = {name for file in files for name in re.findall(r"\$\{(\w+)\}", file.read_text())}
    assert asked == set(grafana_environment("http://127.0.0.1:9090"))
    assert asked <= set(SERVICES["grafana"]["environment"])
