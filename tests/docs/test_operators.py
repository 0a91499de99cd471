"""What the pages for operators say to paste is what the servers read."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from alerting import rulebook
from alerting.identity import identity
from docs.generators import kept
from tests.blocks import blocks
from tests.deploy import discovered, operator_objects
from tests.waiting import PATIENCE
from traingauge import Drift, ModelMonitor, Reference, Scoring
from traingauge.bundle import operator
from traingauge.bundle.options import Options
from traingauge.catalog import CATALOG

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/how-to/operators").glob("*.md"))

#: What makes a fragment of a configuration one of Prometheus, or one of Alertmanager.
PROMETHEUS = {"global", "rule_files", "scrape_configs", "alerting", "remote_write", "storage"}
ALERTMANAGER = {"route", "receivers", "inhibit_rules"}
GRAFANA = {"apiVersion", "providers"}


def documents(page: Path) -> list[dict[str, Any]]:
    found = [yaml.safe_load_all(text) for kind, text in blocks(page) if kind == "yaml"]
    return [document for texts in found for document in texts]


DOCUMENTS = [(page, document) for page in PAGES for document in documents(page)]


def of_kind(kind: set[str]) -> Any:
    found = [(page.stem, document) for page, document in DOCUMENTS if set(document) <= kind]
    return pytest.mark.parametrize("document", [one for _, one in found], ids=[name for name, _ in found])


def page(name: str) -> Path:
    return ROOT / f"docs/how-to/operators/{name}.md"


def checked(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_what_to_paste_or_do(page: Path) -> None:
    """Behind a sentence or two, or a list of the ways there are."""
    before, _, _ = page.read_text(encoding="utf-8").partition("\n```")
    assert len(before.splitlines()) <= 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_yaml_block_is_read_by_a_server_or_the_cluster(page: Path) -> None:
    for document in documents(page):
        servers = (PROMETHEUS, ALERTMANAGER, GRAFANA)
        assert "kind" in document or any(set(document) <= keys for keys in servers), document


@pytest.mark.servers
@of_kind(PROMETHEUS)
def test_promtool_accepts_a_fragment_for_prometheus(document: dict[str, Any], tmp_path: Path) -> None:
    """What is for VictoriaMetrics has an old name of an action, which that of Prometheus replaces here."""
    document = yaml.safe_load(yaml.safe_dump(document).replace("keep_if_equal", "keep"))
    if "rule_files" in document:
        assert document["rule_files"] == ["/etc/prometheus/traingauge/rules/*.yml"]
        document = document | {"rule_files": [f"{rulebook.RULES}/*.yml"]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    checked("promtool", "check", "config", "--lint=all", "prometheus.yml", folder=tmp_path)


@pytest.mark.servers
@of_kind(ALERTMANAGER)
def test_amtool_accepts_a_fragment_for_alertmanager(document: dict[str, Any], tmp_path: Path) -> None:
    checked("amtool", "check-config", alertmanager(document, tmp_path))


def alertmanager(document: dict[str, Any], folder: Path) -> Path:
    """A whole configuration, with an empty receiver for each name that the fragment does not explain."""
    document = {"route": {"receiver": "default"}, "receivers": []} | document
    there = {receiver["name"] for receiver in document["receivers"]}
    named = set(re.findall(r'"receiver": "([^"]+)"', json.dumps(document["route"])))
    document["receivers"] = [*document["receivers"], *({"name": name} for name in sorted(named - there))]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(document))
    return folder / "alertmanager.yml"


@pytest.mark.parametrize(
    "document",
    [document for _, document in DOCUMENTS if "kind" in document],
    ids=[f"{page.stem}-{document['kind']}" for page, document in DOCUMENTS if "kind" in document],
)
def test_the_cluster_accepts_an_object(document: dict[str, Any]) -> None:
    if document["apiVersion"].startswith("monitoring.coreos.com/"):
        operator_objects.validate(document)
    else:
        kubernetes_validate.validate(document, "1.32", strict=True)


# An existing Prometheus


def test_the_job_to_paste_is_the_shipped_one_at_another_place_and_pace() -> None:
    (pasted,) = (job for one in documents(page("prometheus")) for job in one["scrape_configs"])
    shipped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][-1]
    others = {"scrape_interval", "file_sd_configs"}
    assert {key: value for key, value in pasted.items() if key not in others} == {
        key: value for key, value in shipped.items() if key not in others
    }


# An existing Alertmanager


@pytest.mark.servers
def test_alerts_take_the_routes_that_the_page_shows(tmp_path: Path) -> None:
    (document,) = (one for one in documents(page("alertmanager")) if "route" in one)
    file = alertmanager(document, tmp_path)
    (console,) = (text for kind, text in blocks(page("alertmanager")) if kind == "console")
    shown = re.findall(r"^\$ (amtool config routes test .*)\n(.*)$", console, re.MULTILINE)
    assert len(shown) == 4
    for command, receivers in shown:
        words = shlex.split(command.replace("=alertmanager.yml", f"={file}"))
        assert checked(*words).strip() == receivers


@pytest.mark.servers
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "ModelWatchdog", "severity": "info"}, "dead-mans-switch"),
        ({"alertname": "TrainingCrashed", "severity": "critical"}, "training"),
        ({"alertname": "ModelStuck", "severity": "warning", "team": "vision"}, "vision"),
        ({"alertname": "ModelingJobLate", "severity": "critical"}, "default"),
    ],
)
def test_an_alert_reaches_its_receiver_in_the_routes_to_paste(
    labels: dict[str, str], receiver: str, tmp_path: Path
) -> None:
    (document,) = (one for one in documents(page("alertmanager")) if "route" in one)
    options = [f"--config.file={alertmanager(document, tmp_path)}", f"--verify.receivers={receiver}"]
    given = (f"{name}={value}" for name, value in labels.items())
    checked("amtool", "config", "routes", "test", *options, *given)


def test_the_pages_group_alerts_by_run_as_the_shipped_configuration_does() -> None:
    (pasted,) = (one for one in documents(page("alertmanager")) if "route" in one)
    (team,) = (one for one in documents(page("kube-prometheus")) if one.get("kind") == "AlertmanagerConfig")
    label_sets = [pasted["route"]["routes"][1]["group_by"], team["spec"]["route"]["groupBy"]]
    assert label_sets == [[*identity(), "model", "run"]] * 2


def test_every_shipped_inhibition_leaves_alerts_of_others_alone() -> None:
    """Next to the alerts of others, a rule may match those of traingauge only: by name, or by their run."""
    rules = yaml.safe_load((ROOT / "alerting/alertmanager/alertmanager.yml").read_text())["inhibit_rules"]
    for rule in rules:
        for side in ("source_matchers", "target_matchers"):
            own = [one for one in rule[side] if re.match(r'alertname=~?"Model|run!=""', one)]
            assert own, rule


@pytest.mark.servers
@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("ranker", {"cluster": "hpc-1", "tier": "production"}),
        ("resnet50", {"cluster": "hpc-1", "team": "vision"}),
    ],
)
def test_the_job_gives_a_run_the_team_and_tier_of_its_model(
    model: str, labels: dict[str, str], tmp_path: Path
) -> None:
    (job,) = next(one for one in documents(page("alertmanager")) if "scrape_configs" in one)["scrape_configs"]
    found = discovered.labels(tmp_path, job, model=model, run="r")
    assert found is not None
    assert {name: found[name] for name in ("cluster", "team", "tier") if name in found} == labels


# kube-prometheus


def monitor() -> dict[str, Any]:
    (found,) = (one for one in documents(page("kube-prometheus")) if one.get("kind") == "PodMonitor")
    return found


POD = {
    "namespace": "training",
    "pod_name": "digits-1-x7k2p",
    "pod_phase": "Running",
    "pod_container_name": "training",
    "pod_container_port_name": "traingauge",
    "pod_annotation_traingauge_model": "digits",
    "pod_annotation_traingauge_run": "digits-1",
    "pod_label_tier": "production",
}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({}, {"__address__": "10.0.0.7:9464", "model": "digits", "run": "digits-1", "tier": "production"}),
        (
            {},
            {
                "job": "traingauge",
                "namespace": "training",
                "instance": "digits-1-x7k2p",
                "pod": "digits-1-x7k2p",
            },
        ),
        ({"pod_phase": "Failed"}, {"__address__": "127.0.0.1:1", "run": "digits-1"}),
        ({"pod_phase": "Succeeded"}, None),
        ({"pod_container_port_name": "http"}, None),
    ],
    ids=["running", "identity", "failed", "succeeded", "other-port"],
)
def test_the_pod_monitor_makes_the_target_that_the_page_describes(
    pod: dict[str, str], expected: dict[str, str] | None, tmp_path: Path
) -> None:
    labels = discovered.of_pod(tmp_path, operator_objects.scrape_job(monitor()), **POD | pod)
    assert labels is None if expected is None else labels is not None and labels.items() >= expected.items()


@pytest.mark.servers
def test_without_the_filter_switched_off_a_failed_pod_is_lost(tmp_path: Path) -> None:
    changed = monitor()
    del changed["spec"]["podMetricsEndpoints"][0]["filterRunning"]
    job = operator_objects.scrape_job(changed)
    assert discovered.of_pod(tmp_path, job, **POD | {"pod_phase": "Failed"}) is None


def test_pods_may_say_of_themselves_what_the_runs_of_other_machines_may() -> None:
    pods = yaml.safe_load((ROOT / "deploy/kubernetes/pods.yml").read_text())[0]
    assert operator_objects.scrape_job(monitor())["metric_relabel_configs"] == pods["metric_relabel_configs"]


def test_the_shell_block_applies_a_rule_object_of_every_rule_file(tmp_path: Path) -> None:
    (script,) = (text for kind, text in blocks(page("kube-prometheus")) if kind == "sh")
    run_with(script, tmp_path, kubectl='cat "$4"/*.yaml > applied.yaml', traingauge=COMMAND)
    texts = re.split(r"(?=^apiVersion: )", (tmp_path / "applied.yaml").read_text(), flags=re.MULTILINE)[1:]
    objects = list(map(yaml.safe_load, texts))
    files = sorted(rulebook.RULES.glob("*.yml"))
    assert [one["metadata"]["name"] for one in objects] == [f"traingauge-{file.stem}" for file in files]
    for one, file in zip(objects, files, strict=True):
        operator_objects.validate(one)
        assert one["spec"] == yaml.safe_load(file.read_text())


#: The command line, of this checkout.
COMMAND = f'exec {sys.executable} -m traingauge "$@"'


@pytest.mark.servers
@pytest.mark.parametrize(
    ("namespace", "severity", "receivers"),
    [
        ("training", "critical", "training,Critical"),
        ("training", "info", "Default"),
        ("web", "critical", "Critical"),
    ],
)
def test_an_alert_takes_the_route_of_its_namespace_and_then_those_of_kube_prometheus(
    namespace: str, severity: str, receivers: str, tmp_path: Path
) -> None:
    (team,) = (one for one in documents(page("kube-prometheus")) if one.get("kind") == "AlertmanagerConfig")
    routes = [operator_objects.route(team), {"matchers": ["severity = critical"], "receiver": "Critical"}]
    file = alertmanager({"route": {"receiver": "Default", "routes": routes}}, tmp_path)
    options = [f"--config.file={file}", f"--verify.receivers={receivers}"]
    given = [f"namespace={namespace}", f"severity={severity}", "alertname=ModelStuck"]
    checked("amtool", "config", "routes", "test", *options, *given)


def run_with(script: str, folder: Path, environment: dict[str, str] | None = None, **programs: str) -> None:
    """Run a script of a page where some programs are replaced by a line of shell."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, line in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)
    path = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=os.environ | (environment or {}) | path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# Grafana


def test_the_provider_to_paste_is_the_shipped_one_at_the_place_of_the_page(tmp_path: Path) -> None:
    (pasted,) = documents(page("grafana"))
    shipped = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/traingauge.yml").read_text())
    folder = pasted["providers"][0]["options"]["path"]
    assert yaml.safe_load(yaml.safe_dump(shipped).replace("${DASHBOARDS}", folder)) == pasted
    script = next(text for kind, text in blocks(page("grafana")) if kind == "sh")
    run_with(script.replace(folder, str(tmp_path / "there")), tmp_path, traingauge=COMMAND, sudo='exec "$@"')
    rendered = {file.name for file in (ROOT / "dashboards/rendered").glob("*.json")}
    assert {file.name for file in (tmp_path / "there").iterdir()} == rendered


# Mimir


def test_rules_and_groups_fit_the_limits_as_the_page_says() -> None:
    files = [yaml.safe_load(file.read_text()) for file in rulebook.RULES.glob("*.yml")]
    sizes = [len(group["rules"]) for file in files for group in file["groups"]]
    text = page("mimir").read_text(encoding="utf-8")
    rows = re.findall(r"`-ruler\.max-[\w-]+` \| (\d+) \| at most (\d+) \|", text)
    assert rows == [("20", "20")]
    assert max(sizes) <= 20
    assert "| 70 | fewer than 25 |" in text
    assert len(sizes) < 25


# Cost


def dropped() -> str:
    """What the page drops."""
    ((job,),) = (one["scrape_configs"] for one in documents(page("cost")))
    (relabeling,) = job["metric_relabel_configs"]
    return relabeling["regex"]


def test_no_alert_reads_what_the_page_drops() -> None:
    assert not [name for name in kept.read_by_alerts() if re.fullmatch(dropped(), name)]


def test_the_list_of_what_to_keep_is_a_pattern_of_what_the_alerts_read() -> None:
    (document,) = documents(ROOT / "docs/reference/metrics.md")
    pattern = document["scrape_configs"][0]["metric_relabel_configs"][0]["regex"]
    read = set(kept.read_by_alerts())
    names = {*CATALOG, *read}
    assert {name for name in names if re.fullmatch(pattern, name)} == read


def series(*, classes: int, features: int) -> list[str]:
    """Names of the series of a run that has trained for a while, and whose data have changed."""
    random = np.random.default_rng(0)
    drift = Drift(Reference.from_data(random.normal(size=(2000, features)))) if features else None
    scoring = Scoring(task="multiclass", classes=classes) if classes else None
    with ModelMonitor("m", scoring=scoring, drift=drift, delivery=[]) as monitor:
        for step in range(60):
            labels = random.integers(0, classes or 2, 256)
            scored = {"y_true": labels, "y_pred": labels} if classes else {}
            rows = {"features": random.normal(size=(256, features)) + 0.8 * (step > 20)} if features else {}
            monitor.step(loss=1 / (step + 1), gradient_norm=1.0, learning_rate=0.1, **scored, **rows)
            if step % 20 == 19:
                if classes:
                    monitor.evaluate("validation", loss=0.5, **scored)
                monitor.end_epoch()
        registry = CollectorRegistry()
        registry.register(monitor.collector)
        lines = generate_latest(registry).decode().splitlines()
    return [re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("row", "classes", "features"), [(0, 0, 0), (1, 10, 0), (2, 10, 30)])
def test_a_run_has_as_many_series_as_the_page_says(row: int, classes: int, features: int) -> None:
    said = re.findall(r"\| (\d+) \| (\d+) \|$", page("cost").read_text(encoding="utf-8"), re.MULTILINE)[row]
    found = series(classes=classes, features=features)
    kept = [name for name in found if not re.fullmatch(dropped(), name)]
    assert [len(found), len(kept)] == pytest.approx([int(one) for one in said], rel=0.1)


# VictoriaMetrics


@pytest.mark.servers
def test_the_rules_for_vmalert_are_the_shipped_ones_without_hysteresis(tmp_path: Path) -> None:
    script, _ = (text for kind, text in blocks(page("victoriametrics")) if kind == "sh")
    run_with(script, tmp_path, traingauge=COMMAND)
    for file in rulebook.RULES.glob("*.yml"):
        shipped = yaml.safe_load(file.read_text())
        for rule in (rule for group in shipped["groups"] for rule in group["rules"]):
            rule.pop("keep_firing_for", None)
        assert yaml.safe_load((tmp_path / "rules" / file.name).read_text()) == shipped


# Thanos


def test_no_label_of_the_ruler_on_the_page_hides_one_that_identifies_a_run() -> None:
    text = page("thanos").read_text(encoding="utf-8")
    labels = re.findall(r"--label='(\w+)=", text)
    assert labels
    assert not set(labels) & {*identity(), "model", "run"}


# SLURM

TRAIN = """
import json, os
from pathlib import Path
from traingauge import ModelMonitor
from traingauge.environment import DISCOVERY_DIR

with ModelMonitor("resnet") as monitor:
    monitor.step(loss=1.0)
    for file in Path(DISCOVERY_DIR.read()).glob(f"*-{os.getpid()}-*.json"):
        print(file.read_text(), file=Path("seen").open("a"))
"""

#: Runs two tasks.
SRUN = 'SLURM_PROCID=0 "$@" & SLURM_PROCID=1 "$@" && wait $!'


def test_a_requeued_job_of_the_batch_script_continues_its_run(tmp_path: Path) -> None:
    (script,) = (text for kind, text in blocks(page("slurm")) if kind == "bash")
    script = script.replace("/shared/traingauge", str(tmp_path / "shared"))
    (tmp_path / "train.py").write_text(TRAIN)
    job = {
        "SLURM_JOB_ID": "4713",
        "SLURM_JOB_NAME": "resnet",
        "SLURM_JOB_ACCOUNT": "vision",
        "SLURM_ARRAY_JOB_ID": "4711",
        "SLURM_ARRAY_TASK_ID": "2",
        "TRAINGAUGE_LINGER_SECONDS": "0",
    }
    for _ in range(2):
        run_with(script, tmp_path, job, srun=SRUN, python=f'exec {sys.executable} "$@"')
    targets = [json.loads(line)[0] for line in (tmp_path / "seen").read_text().split("\n") if line]
    assert len(targets) == 2, "the first task of each job"
    assert {target["labels"]["run"] for target in targets} == {"resnet-4711-2"}
    assert {target["labels"]["team"] for target in targets} == {"vision"}
    assert not any(target["targets"][0].startswith("127.") for target in targets)
    answer = checked(sys.executable, "-m", "traingauge", "state", "show", tmp_path / "shared/state/4711-2")
    assert re.search(r"^Restarts: +1$", answer, re.MULTILINE), answer
    assert re.search(r"^Step: +2$", answer, re.MULTILINE), answer


def test_a_job_without_an_array_is_named_by_its_id(tmp_path: Path) -> None:
    (script,) = (text for kind, text in blocks(page("slurm")) if kind == "bash")
    job = {"SLURM_JOB_ID": "4713", "SLURM_JOB_NAME": "resnet", "SLURM_JOB_ACCOUNT": "vision"}
    run_with(script, tmp_path, job, srun="echo $TRAINGAUGE_RUN >name")
    assert (tmp_path / "name").read_text() == "resnet-4713\n"


# Which alerts to switch off


def test_every_alert_that_a_page_names_exists() -> None:
    names = {alert.name for alert in rulebook.alerts()}
    for one in PAGES:
        named = set(re.findall(r"`(Model[A-Z]\w+)`", one.read_text(encoding="utf-8")))
        assert named - {"ModelMonitor"} <= names, one.stem


@pytest.mark.servers
def test_an_alert_that_is_switched_off_for_all_runs_reaches_no_one(tmp_path: Path) -> None:
    (document,) = documents(page("quieting"))
    file = alertmanager(document, tmp_path)
    for labels, receiver in (
        (("alertname=ModelThroughputDrop", "severity=warning", "tier=production"), "null"),
        (("alertname=ModelOverfitting", "severity=warning"), "null"),
        (("alertname=ModelOverfitting", "severity=warning", "tier=production"), "training"),
        (("alertname=ModelStuck", "severity=critical"), "training"),
    ):
        options = [f"--config.file={file}", f"--verify.receivers={receiver}"]
        checked("amtool", "config", "routes", "test", *options, *labels)


# Scrapes


def intervals(document: Any) -> list[str]:
    """Every interval of scrapes in a document."""
    if isinstance(document, list):
        return [found for one in document for found in intervals(one)]
    if not isinstance(document, dict):
        return []
    own = [document["scrape_interval"]] if "scrape_interval" in document else []
    own += [one["interval"] for one in document.get("podMetricsEndpoints", ()) if "interval" in one]
    return own + intervals(list(document.values()))


def test_every_page_for_operators_scrapes_as_often_and_the_export_does_so_too() -> None:
    exported = yaml.safe_load(operator.pod_monitor(Options()))
    found = {page.stem: intervals(document) for page, document in DOCUMENTS if intervals(document)}
    assert len(found) >= 4
    assert {every for each in found.values() for every in each} | set(intervals(exported)) == {"15s"}


def test_both_pages_place_the_objects_where_the_pods_are() -> None:
    texts = [file.read_text() for file in (ROOT / "docs/how-to/bundle.md", page("kube-prometheus"))]
    chosen = [re.findall(r"namespace: (\w+)(?:\n|\\n)object_labels:", text) for text in texts]
    assert chosen == [["training"], ["training"]]
    assert monitor()["metadata"]["namespace"] == "training"
