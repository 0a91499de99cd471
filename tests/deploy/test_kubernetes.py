from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import discovered
from tests.waiting import PATIENCE
from traingauge import environment
from traingauge.bundle import places
from traingauge.stack import config, documents
from traingauge.stack.grafana import grafana_environment

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
EXAMPLE = FOLDER / "example"
KUSTOMIZATION = documents.load(FOLDER / "kustomization.yaml")
OBJECTS: list[dict[str, Any]] = [
    document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text())
]
PODS_CONFIG = FOLDER / "pods.yml"
(JOB,) = yaml.safe_load_all((EXAMPLE / "job.yaml").read_text())

#: The files of each generated ConfigMap.
CONFIG_MAPS = {
    generator["name"]: [(FOLDER / file).resolve() for file in generator["files"] or ()]
    for generator in KUSTOMIZATION["configMapGenerator"]
}


def objects(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


DEPLOYMENTS = objects("Deployment")


def pod(deployment: str) -> dict[str, Any]:
    spec: dict[str, Any] = DEPLOYMENTS[deployment]["spec"]["template"]["spec"]
    return spec


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


@pytest.mark.parametrize(
    ("name", "folder", "pattern"),
    [
        ("rules", places.RULES, "*.yml"),
        ("alertmanager-templates", places.ALERTMANAGER_CONFIG.parent / "templates", "*.tmpl"),
        ("dashboards", places.DASHBOARDS, "*.json"),
        ("grafana-datasources", places.GRAFANA_PROVISIONING / "datasources", "*.yml"),
        ("grafana-providers", places.GRAFANA_PROVISIONING / "dashboards", "*.yml"),
    ],
)
def test_a_config_map_holds_every_file_of_its_folder(name: str, folder: Path, pattern: str) -> None:
    """Kustomize knows no patterns, so its file names each."""
    there = sorted(folder.glob(pattern))
    lines = "".join(f"      - {os.path.relpath(file, FOLDER)}\n" for file in there)
    assert CONFIG_MAPS[name] == there, (
        f"the files of {name} in deploy/kubernetes/kustomization.yaml must be\n{lines}"
    )


def test_the_servers_read_the_files_that_the_native_stack_reads() -> None:
    assert CONFIG_MAPS["prometheus"] == [places.PROMETHEUS_CONFIG, PODS_CONFIG]
    assert CONFIG_MAPS["alertmanager"] == [places.ALERTMANAGER_CONFIG]


@pytest.mark.parametrize("name", CONFIG_MAPS)
def test_no_config_map_is_too_large_for_the_cluster(name: str) -> None:
    assert sum(file.stat().st_size for file in CONFIG_MAPS[name]) < 2**20


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_a_pod_mounts_exists(name: str) -> None:
    spec = pod(name)
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounted = {mount["name"] for container in containers(spec) for mount in container["volumeMounts"]}
    assert mounted == set(volumes)
    for volume in volumes.values():
        if "configMap" in volume:
            assert volume["configMap"]["name"] in CONFIG_MAPS
        elif "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in objects("PersistentVolumeClaim")


PODS = {**{name: pod(name) for name in DEPLOYMENTS}, "example": JOB["spec"]["template"]["spec"]}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_keeps_to_the_standard_that_its_namespace_enforces(name: str) -> None:
    """What Pod Security `restricted` asks for, and a read-only root on top."""
    (namespace,) = objects("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = PODS[name]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(spec)
    allowed = ({"configMap"}, {"emptyDir"}, {"persistentVolumeClaim"})
    assert all(set(volume) - {"name"} in allowed for volume in spec["volumes"])
    for container in containers(spec):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_network_policy_lets_others_reach_a_port_of_each_server(name: str) -> None:
    policy = objects("NetworkPolicy")[name]["spec"]
    labels = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    ports = {port["name"] for port in pod(name)["containers"][0]["ports"]}
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == [*ports]


def test_grafana_and_no_other_pod_reaches_prometheus() -> None:
    (rule,) = objects("NetworkPolicy")["prometheus"]["spec"]["ingress"]
    (source,) = rule["from"]
    labels = DEPLOYMENTS["grafana"]["spec"]["template"]["metadata"]["labels"]
    assert source["podSelector"]["matchLabels"].items() <= labels.items()


def test_what_the_servers_must_not_forget_is_on_volumes() -> None:
    assert set(objects("PersistentVolumeClaim")) == {"prometheus", "alertmanager"}
    for name in objects("PersistentVolumeClaim"):
        assert {"name": "data", "persistentVolumeClaim": {"claimName": name}} in pod(name)["volumes"]
        assert DEPLOYMENTS[name]["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("name", objects("Service"))
def test_a_service_leads_to_a_port_of_a_pod(name: str) -> None:
    service = objects("Service")[name]["spec"]
    template = DEPLOYMENTS[name]["spec"]["template"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in pod(name)["containers"][0]["ports"]}
    assert [ports[port["targetPort"]] for port in service["ports"]] == [
        port["port"] for port in service["ports"]
    ]


def test_the_services_have_the_names_that_prometheus_and_grafana_use() -> None:
    host, port = config.ALERTMANAGER_ADDRESS.split(":")
    assert objects("Service")[host]["spec"]["ports"][0]["port"] == int(port)
    told = {variable["name"]: variable["value"] for variable in pod("grafana")["containers"][0]["env"]}
    assert set(grafana_environment("")) <= set(told)
    assert told["PROMETHEUS_URL"] == "http://prometheus:9090"


def test_prometheus_deletes_old_blocks_before_its_volume_is_full() -> None:
    (kept,) = re.findall(r"--storage\.tsdb\.retention\.size=(\d+)GB", str(pod("prometheus")["containers"]))
    claim = objects("PersistentVolumeClaim")["prometheus"]["spec"]["resources"]["requests"]["storage"]
    assert int(kept) <= 0.9 * int(claim.removesuffix("Gi"))


def test_the_images_are_those_of_the_compose_file() -> None:
    compose = documents.load(ROOT / "deploy/compose/compose.yaml")["services"]
    pinned = {f"{image['name']}:{image['newTag']}@{image['digest']}" for image in KUSTOMIZATION["images"]}
    assert pinned == {service["image"] for service in compose.values()}
    used = {container["image"] for name in DEPLOYMENTS for container in containers(pod(name))}
    assert used == {image["name"] for image in KUSTOMIZATION["images"]}


def test_the_page_on_grafana_names_the_release_that_is_pinned() -> None:
    page = (ROOT / "deploy/grafana/README.md").read_text()
    releases = {image["name"]: image["newTag"] for image in KUSTOMIZATION["images"]}
    assert set(re.findall(r"image: grafana/grafana:(\S+)", page)) == {releases["grafana/grafana"]}


def appended() -> str:
    """What the init container writes."""
    return places.PROMETHEUS_CONFIG.read_text() + PODS_CONFIG.read_text()


def test_the_discovery_of_pods_adds_one_job_and_changes_nothing_else() -> None:
    shipped, effective = yaml.safe_load(places.PROMETHEUS_CONFIG.read_text()), yaml.safe_load(appended())
    assert effective["scrape_configs"].pop()["job_name"] == "traingauge-pods"
    assert effective == shipped


def test_pods_are_bounded_like_the_runs_of_other_machines() -> None:
    *_, files, pods = yaml.safe_load(appended())["scrape_configs"]
    assert files.keys() - {"file_sd_configs"} == pods.keys() - {"kubernetes_sd_configs", "relabel_configs"}
    own = {"job_name", "file_sd_configs"}
    assert {key: value for key, value in files.items() if key not in own}.items() <= pods.items()


@pytest.mark.servers
def test_prometheus_accepts_the_configuration_with_the_discovery_of_pods(tmp_path: Path) -> None:
    """Debian builds Prometheus without the discovery of Kubernetes, so that one block is read by hand."""
    effective = yaml.safe_load(appended())
    discovery = effective["scrape_configs"][-1].pop("kubernetes_sd_configs")
    assert discovery == [{"role": "pod", "namespaces": {"own_namespace": True}}]
    (tmp_path / "rules").symlink_to(places.RULES)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(effective))
    command = ["promtool", "check", "config", tmp_path / "prometheus.yml"]
    subprocess.run(command, check=True, capture_output=True)


def relabelled(folder: Path, **pod: str) -> dict[str, str] | None:
    """The labels of the target of a pod, after relabelling by the real promtool; None if dropped."""
    (job,) = yaml.safe_load(PODS_CONFIG.read_text())
    del job["kubernetes_sd_configs"]
    return discovered.of_pod(folder, job, **{f"pod_{name}": value for name, value in pod.items()})


TRAINING_POD = {
    "name": "digits-1-x7k2p",
    "phase": "Running",
    "container_port_name": "traingauge",
    "annotation_traingauge_model": "digits",
    "annotation_traingauge_run": "digits-1",
}


@pytest.mark.servers
def test_a_training_pod_becomes_a_target_of_the_job_with_model_and_run(tmp_path: Path) -> None:
    labels = relabelled(tmp_path, **TRAINING_POD)
    assert labels is not None
    expected = {
        "__address__": "10.0.0.7:9464",
        "instance": "digits-1-x7k2p",
        "job": "traingauge",
        "model": "digits",
        "run": "digits-1",
    }
    assert labels.items() >= expected.items()


@pytest.mark.servers
def test_a_pod_that_failed_stays_a_target_at_an_address_where_nothing_answers(tmp_path: Path) -> None:
    labels = relabelled(tmp_path, **TRAINING_POD | {"phase": "Failed"})
    assert labels is not None
    assert labels.items() >= {"__address__": "127.0.0.1:1", "model": "digits", "run": "digits-1"}.items()


@pytest.mark.servers
@pytest.mark.parametrize("change", [{"phase": "Succeeded"}, {"container_port_name": "http"}])
def test_a_pod_that_is_over_or_no_training_is_no_target(tmp_path: Path, change: dict[str, str]) -> None:
    assert relabelled(tmp_path, **TRAINING_POD | change) is None


def test_the_example_is_a_pod_that_prometheus_finds() -> None:
    template = JOB["spec"]["template"]
    assert set(template["metadata"]["annotations"]) == {"traingauge/model", "traingauge/run"}
    (container,) = template["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["traingauge"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert told["TRAINGAUGE_PORT"] == str(container["ports"][0]["containerPort"])
    assert told["TRAINGAUGE_HOST"] == "0.0.0.0"


def test_every_variable_of_the_example_is_one_of_traingauge() -> None:
    (container,) = JOB["spec"]["template"]["spec"]["containers"]
    told = {variable["name"] for variable in container["env"]}
    assert told <= {variable.name for variable in environment.VARIABLES}
    assert "environ" not in (EXAMPLE / "train.py").read_text()


def test_model_and_run_are_said_once() -> None:
    template = JOB["spec"]["template"]
    (container,) = template["spec"]["containers"]
    told = {variable["name"]: variable for variable in container["env"]}
    for name, annotation in {
        "TRAINGAUGE_MODEL": "traingauge/model",
        "TRAINGAUGE_RUN": "traingauge/run",
    }.items():
        assert annotation in template["metadata"]["annotations"]
        path = told[name]["valueFrom"]["fieldRef"]["fieldPath"]
        assert path == f"metadata.annotations['{annotation}']"


def test_the_script_of_the_example_trains() -> None:
    set_in_the_pod = {"TRAINGAUGE_MODEL": "digits", "TRAINGAUGE_RUN": "digits-1", "TRAINGAUGE_PORT": "0"}
    command = [sys.executable, EXAMPLE / "train.py"]
    subprocess.run(command, env=os.environ | set_in_the_pod, check=True, timeout=PATIENCE)
