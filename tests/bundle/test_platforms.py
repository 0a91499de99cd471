"""What each platform gets is what its own tools accept, and is whole: every file that a file names is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from traingauge.bundle import places
from traingauge.bundle.options import Options
from traingauge.bundle.platforms import PLATFORMS, files
from traingauge.bundle.rules import rule_files
from traingauge.cli import bundle as command
from traingauge.errors import UnknownNameError
from traingauge.stack.programs import find_programs

ROOT = Path(__file__).resolve().parents[2]

#: Everything that an option may change.
CHANGED = Options(
    runbooks="https://wiki.example.org/runbooks",
    dashboards="https://grafana.example.org",
    labels=("region",),
    datasource_uid="mine",
    thresholds={"accuracy": {"warning": 0.9, "critical": None}},
    severities={"ModelWatchdog": {"info": None}},
)


def written(folder: Path, platform: str, options: Options) -> Path:
    for path, text in files(platform, options).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def check(*commandline: str | Path) -> str:
    done = subprocess.run(list(map(str, commandline)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.servers
@pytest.mark.parametrize("options", [Options(), CHANGED], ids=["as-shipped", "changed"])
def test_prometheus_and_alertmanager_load_their_files(tmp_path: Path, options: Options) -> None:
    folder, programs = written(tmp_path, "prometheus", options), find_programs(install=False)
    said = check(programs.promtool.path, "check", "config", folder / "prometheus.yml")
    assert said.count("rules found") == len(rule_files(options))
    check(programs.promtool.path, "check", "rules", "--lint=all", "--lint-fatal", *folder.glob("rules/*.yml"))
    check(programs.amtool.path, "check-config", folder / "alertmanager/alertmanager.yml")


@pytest.mark.servers
def test_mimir_gets_all_groups_in_one_namespace_and_templates_by_name(tmp_path: Path) -> None:
    folder, programs = written(tmp_path, "mimir", CHANGED), find_programs(install=False)
    document = yaml.safe_load((folder / "rules.yml").read_text())
    assert document.pop("namespace") == "traingauge"
    assert document["groups"] == [
        group for text in rule_files(CHANGED).values() for group in yaml.safe_load(text)["groups"]
    ]
    (folder / "rules.yml").write_text(yaml.safe_dump(document))
    check(programs.promtool.path, "check", "rules", folder / "rules.yml")
    check(programs.amtool.path, "check-config", folder / "alertmanager.yml")
    for template in yaml.safe_load((folder / "alertmanager.yml").read_text())["templates"]:
        assert (folder / template).is_file()


def test_victoriametrics_gets_the_job_of_the_runs_in_its_own_terms() -> None:
    document = yaml.safe_load(files("victoriametrics", Options())["scrape.yml"])
    shipped = yaml.safe_load(places.PROMETHEUS_CONFIG.read_text())
    (job,), (of_prometheus,) = document["scrape_configs"], shipped["scrape_configs"][-1:]
    assert document["global"] == {"scrape_interval": shipped["global"]["scrape_interval"]}
    assert {"source_labels": ["exported_run", "run"], "action": "keep_if_equal"} in job[
        "metric_relabel_configs"
    ]
    assert len(job["metric_relabel_configs"]) == len(of_prometheus["metric_relabel_configs"])
    assert "keepequal" not in str(job)
    for key in ("job_name", "sample_limit", "honor_timestamps"):
        assert job[key] == of_prometheus[key]


def test_vmalert_gets_the_rules_without_what_it_refuses() -> None:
    exported = files("victoriametrics", CHANGED)
    for name, text in rule_files(CHANGED).items():
        document = yaml.safe_load(text)
        for rule in (rule for group in document["groups"] for rule in group["rules"]):
            rule.pop("keep_firing_for", None)
        assert yaml.safe_load(exported[f"rules/{name}"]) == document


def test_every_file_that_the_compose_file_mounts_is_in_its_export(tmp_path: Path) -> None:
    folder = written(tmp_path, "compose", CHANGED)
    document = yaml.safe_load((folder / "compose.yaml").read_text())
    mounted = [volume for service in document["services"].values() for volume in service["volumes"]]
    sources = [one.split(":")[0] for one in mounted if isinstance(one, str) and one.startswith(".")]
    assert len(sources) == 5
    for source in sources:
        assert (folder / source).exists(), source
    assert ".." not in "".join(sources)


def test_every_file_that_a_kustomization_names_is_in_its_export(tmp_path: Path) -> None:
    folder = written(tmp_path, "kubernetes", CHANGED)
    for kustomization in folder.rglob("kustomization.yaml"):
        document = yaml.safe_load(kustomization.read_text())
        named = [
            *document["resources"],
            *(file for one in document["configMapGenerator"] for file in one["files"]),
        ]
        assert len(named) > 1
        for name in named:
            assert (kustomization.parent / name).is_file(), name
            assert ".." not in name


def test_kubernetes_mounts_every_rule_and_dashboard() -> None:
    exported = files("kubernetes", CHANGED)
    for path in exported:
        if path.startswith(("prometheus/rules/", "grafana/dashboards/")):
            assert f"      - {path}\n" in exported["kustomization.yaml"]


def test_rules_that_are_left_out_are_not_mounted() -> None:
    fleet = dict.fromkeys(re.findall(r"alert: (\w+)", rule_files(Options())["00-fleet.yml"]))
    levels: Any = {alert: dict.fromkeys(_levels(alert)) for alert in fleet}
    exported = files("kubernetes", Options(severities=levels))
    assert "prometheus/rules/00-fleet.yml" not in exported
    assert "00-fleet.yml" not in exported["kustomization.yaml"]


def _levels(alert: str) -> list[str]:
    text = "".join(rule_files(Options()).values())
    return re.findall(rf"alert: {alert}\n(?:(?!- alert).*\n)*?          severity: (\w+)\n", text)


@pytest.mark.parametrize("platform", ["grafana", "compose", "kubernetes"])
def test_dashboards_and_data_source_have_the_uid_that_was_asked_for(platform: str) -> None:
    texts = files(platform, CHANGED)
    assert not [path for path, text in texts.items() if "traingauge-prometheus" in text]
    (source,) = (text for path, text in texts.items() if path.endswith("datasources/prometheus.yml"))
    assert yaml.safe_load(source)["datasources"][0]["uid"] == "mine"


@pytest.mark.parametrize(
    "platform", [name for name in PLATFORMS if name not in ("grafana", "mimir", "prometheus-operator")]
)
def test_alertmanager_groups_and_mutes_by_the_labels_that_tell_runs_apart(platform: str) -> None:
    text = next(
        text
        for path, text in files(platform, CHANGED).items()
        if path.endswith("alertmanager/alertmanager.yml")
    )
    assert yaml.safe_load(text)["route"]["group_by"] == ["region", "model", "run"]


def test_an_export_has_no_page_that_links_out_of_it() -> None:
    for platform in PLATFORMS:
        assert not [path for path in files(platform, Options()) if path.endswith("README.md")]


def test_an_unknown_platform_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown platform 'nagios'"):
        files("nagios", Options())


def test_the_command_offers_every_platform() -> None:
    assert list(PLATFORMS) == list(command.PLATFORMS)
