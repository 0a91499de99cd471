"""What Helm makes of the chart is what the exports for operators and for Kubernetes have."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.bundle.test_platforms import CHANGED, written
from tests.deploy import operator_objects
from traingauge.bundle.options import Options
from traingauge.bundle.platforms import files
from traingauge.version import __version__

ALL = {
    "operator": {"alertmanagerConfig": True, "namespaces": ["vision", "speech"]},
    "grafanaOperator": {"enabled": True},
    "servers": {"enabled": True},
    "labels": {"release": "stack"},
}
OPTIONS = {"as-shipped": Options(), "changed": CHANGED}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@pytest.fixture(scope="module", params=OPTIONS)
def charted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Options]:
    options = OPTIONS[request.param]
    return written(tmp_path_factory.mktemp("chart"), "helm", options), options


def rendered(folder: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    with helm_python.Chart.load(folder) as chart:
        texts = chart.render(values=values, name="monitoring", namespace="training")
    found = (yaml.load_all(text, LOADER) for name, text in texts.items() if name.endswith(".yaml"))
    return [document for documents in found for document in documents if document is not None]


@pytest.fixture(scope="module")
def everything(charted: tuple[Path, Options]) -> list[dict[str, Any]]:
    return rendered(charted[0], ALL)


def of(texts: dict[str, str]) -> Iterator[dict[str, Any]]:
    for path, text in texts.items():
        if path.endswith(".yaml"):
            yield from yaml.load_all(text, LOADER)


def named(documents: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in documents if "metadata" in one}


def test_helm_finds_nothing_wrong_in_the_chart(charted: tuple[Path, Options]) -> None:
    report = helm_python.lint(charted[0], ALL, strict=True)
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


def test_the_objects_for_operators_are_those_of_their_export(
    charted: tuple[Path, Options], everything: list[dict[str, Any]]
) -> None:
    here, expected = named(everything), named(of(files("prometheus-operator", charted[1])))
    assert len(expected) > 20
    for key, document in expected.items():
        content = {part: value for part, value in here[key].items() if part != "metadata"}
        if key[0] == "PodMonitor":
            assert content["spec"].pop("namespaceSelector") == {"matchNames": ["vision", "speech"]}
        assert content == {part: value for part, value in document.items() if part != "metadata"}


def test_the_servers_are_those_of_the_manifests_and_mount_the_same_files(
    charted: tuple[Path, Options], everything: list[dict[str, Any]]
) -> None:
    here, exported = named(everything), files("kubernetes", charted[1])
    kustomization = yaml.safe_load(exported["kustomization.yaml"])
    pinned = {
        one["name"]: f"{one['name']}:{one['newTag']}@{one['digest']}" for one in kustomization["images"]
    }
    for key, document in named(of({f"{name}.yaml": exported[f"{name}.yaml"] for name in SERVERS})).items():
        content = here[key]
        assert content["metadata"]["labels"]["release"] == "stack"
        if key[0] == "Deployment":
            template = content["spec"]["template"]
            assert len(template["metadata"].pop("annotations")["checksum/files"]) == 64
            pod = document["spec"]["template"]["spec"]
            for container in (*pod["containers"], *pod.get("initContainers", ())):
                container["image"] = pinned[container["image"]]
        assert {part: value for part, value in content.items() if part != "metadata"} == {
            part: value for part, value in document.items() if part != "metadata"
        }
    for one in kustomization["configMapGenerator"]:
        mounted = {Path(path).name: exported[path].strip() for path in one["files"]}
        assert {key: text.strip() for key, text in here["ConfigMap", one["name"]]["data"].items()} == mounted


SERVERS = ("prometheus", "alertmanager", "grafana", "networkpolicy")


def test_the_cluster_accepts_every_object(everything: list[dict[str, Any]]) -> None:
    for document in everything:
        if document["apiVersion"].startswith("monitoring.coreos.com/"):
            operator_objects.validate(document)
        elif not document["apiVersion"].startswith("grafana."):
            kubernetes_validate.validate(document, "1.32", strict=True)


def test_by_default_there_is_what_an_operator_reads_and_no_server(charted: tuple[Path, Options]) -> None:
    kinds = {document["kind"] for document in rendered(charted[0], {})}
    assert kinds == {"PodMonitor", "PrometheusRule", "ConfigMap"}


@pytest.mark.parametrize("part", ["operator", "dashboards"])
def test_what_is_switched_off_is_not_made(charted: tuple[Path, Options], part: str) -> None:
    kinds = {document["kind"] for document in rendered(charted[0], {part: {"enabled": False}})}
    assert kinds == {"operator": {"ConfigMap"}, "dashboards": {"PodMonitor", "PrometheusRule"}}[part]


def test_a_value_that_the_chart_does_not_know_is_refused(charted: tuple[Path, Options]) -> None:
    report = helm_python.lint(charted[0], {"servers": {"enable": True}})
    assert any("enable" in one["error"] for one in report["messages"] if one["severity"] == 3), report


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in(charted: tuple[Path, Options]) -> None:
    """Helm stores the chart and what it made, compressed, as base64, in a Secret of less than 1 MiB."""
    folder = charted[0]
    ignored = (folder / "runbooks", folder / ".traingauge-bundle.json")
    chart = {
        str(path): base64.b64encode(path.read_bytes()).decode()
        for path in folder.rglob("*")
        if path.is_file() and not any(path.is_relative_to(one) for one in ignored)
    }
    with helm_python.Chart.load(folder) as loaded:
        manifest = loaded.render(values=ALL, name="monitoring")
    stored = base64.b64encode(gzip.compress(json.dumps([chart, manifest]).encode()))
    assert len(base64.b64encode(stored)) < 2**20


def test_the_chart_has_the_version_of_the_package_and_the_labels_of_the_values_file() -> None:
    exported = files("helm", Options(object_labels={"release": "stack"}))
    chart = yaml.safe_load(exported["Chart.yaml"])
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert yaml.safe_load(exported["values.yaml"])["labels"] == {"release": "stack"}
