"""The files that Grafana is provisioned from fit the dashboards and the rest of the stack."""

import re
from pathlib import Path
from typing import Any

import yaml

from dashboards.vocabulary.queries import DATASOURCE_UID

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
PROVISIONING = GRAFANA / "provisioning"

#: What Kubernetes accepts in one config map.
CONFIG_MAP_BYTES = 1 << 20


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _datasource() -> dict[str, Any]:
    (datasource,) = _load(PROVISIONING / "datasources/prometheus.yml")["datasources"]
    return datasource


def _provider() -> dict[str, Any]:
    (provider,) = _load(PROVISIONING / "dashboards/traingauge.yml")["providers"]
    return provider


def test_the_data_source_has_the_uid_that_the_dashboards_choose_first():
    assert _datasource()["uid"] == DATASOURCE_UID
    assert _datasource()["type"] == "prometheus"


def test_the_data_source_counts_with_the_interval_at_which_prometheus_scrapes():
    prometheus = _load(ROOT / "deploy/prometheus/prometheus.yml")
    assert _datasource()["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]


def test_nothing_provisioned_can_be_changed_by_clicking():
    assert _datasource()["editable"] is False
    assert _provider()["allowUiUpdates"] is False


def test_addresses_and_paths_come_from_the_environment_that_the_readme_names():
    used = {_datasource()["url"], _provider()["options"]["path"]}
    assert used == {"${PROMETHEUS_URL}", "${DASHBOARDS}"}
    readme = (GRAFANA / "README.md").read_text()
    assert all(f"`{name[2:-1]}`" in readme for name in used)


def test_what_the_readme_mounts_exists_and_sets_every_variable():
    compose, kubernetes = (yaml.safe_load(block) for block in _blocks("yaml"))
    service = compose["services"]["grafana"]
    for volume in service["volumes"]:
        source, *_ = volume.split(":")
        assert (ROOT / "deploy/compose" / source).resolve().is_dir(), source
    (container,) = kubernetes["spec"]["containers"]
    assert (
        set(service["environment"])
        == {one["name"] for one in container["env"]}
        == {"PROMETHEUS_URL", "DASHBOARDS"}
    )
    mounts = {one["name"] for one in container["volumeMounts"]}
    assert mounts == {one["name"] for one in kubernetes["spec"]["volumes"]}
    (commands,) = _blocks("console")
    for name, source in re.findall(r"configmap (\S+) --from-file=(\S+)", commands):
        assert (ROOT / source).is_dir(), source
        assert name in str(kubernetes["spec"]["volumes"]), name


def test_all_dashboards_fit_in_one_config_map():
    sizes = [path.stat().st_size for path in (ROOT / "dashboards/rendered").glob("*.json")]
    assert sum(sizes) < CONFIG_MAP_BYTES


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (GRAFANA / "README.md").read_text(), re.DOTALL)
