"""The objects for operators are what the cluster accepts, and say what the shipped files say."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.blocks import blocks
from tests.bundle.test_platforms import CHANGED, ROOT
from tests.deploy import operator_objects
from traingauge.bundle import places
from traingauge.bundle.options import Options
from traingauge.bundle.platforms import files
from traingauge.bundle.rules import rule_files

NAMED = Options(namespace="monitoring", object_labels={"release": "stack"}, labels=("cluster", "squad"))
EXPORTS = {
    "as-shipped": files("prometheus-operator", Options()),
    "changed": files("prometheus-operator", CHANGED),
}
EXPORTS["named"] = files("prometheus-operator", NAMED)


@cache
def objects(export: str, kind: str) -> list[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of megabytes
    return [yaml.load(text, loader) for text in EXPORTS[export].values() if f"\nkind: {kind}\n" in text]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("kind", ["PodMonitor", "PrometheusRule", "AlertmanagerConfig"])
def test_the_prometheus_operator_accepts_an_object(export: str, kind: str) -> None:
    assert objects(export, kind)
    for document in objects(export, kind):
        operator_objects.validate(document)


@pytest.mark.parametrize("version", ["1.28", "1.32"])
def test_kubernetes_accepts_the_config_maps(version: str) -> None:
    for document in objects("named", "ConfigMap"):
        kubernetes_validate.validate(document, version, strict=True)
        assert len(json.dumps(document)) < 2**20


def test_the_rules_are_those_of_prometheus() -> None:
    shipped = {f"traingauge-{name[:-4]}": yaml.safe_load(text) for name, text in rule_files(CHANGED).items()}
    assert {one["metadata"]["name"]: one["spec"] for one in objects("changed", "PrometheusRule")} == shipped


def test_the_pod_monitor_is_that_of_the_page_for_operators() -> None:
    page = ROOT / "docs/how-to/operators/kube-prometheus.md"
    texts = [text for kind, text in blocks(page) if kind == "yaml" and "kind: PodMonitor" in text]
    (pasted,) = map(yaml.safe_load, texts)
    (exported,) = copy.deepcopy(objects("as-shipped", "PodMonitor"))
    for limit in ("labelNameLengthLimit", "labelValueLengthLimit"):
        del exported["spec"][limit]
    assert exported["spec"] == pasted["spec"]


def test_routes_and_inhibitions_are_the_shipped_ones() -> None:
    shipped = yaml.safe_load(places.ALERTMANAGER_CONFIG.read_text())
    (spec,) = (one["spec"] for one in objects("as-shipped", "AlertmanagerConfig"))

    def text(matcher: dict[str, str]) -> str:
        return '{name}{matchType}"{value}"'.format(**matcher)

    assert [
        {
            "source_matchers": [text(one) for one in rule["sourceMatch"]],
            "target_matchers": [text(one) for one in rule["targetMatch"]],
            "equal": rule["equal"],
        }
        for rule in spec["inhibitRules"]
    ] == shipped["inhibit_rules"]
    assert [(text(*route["matchers"]), route["receiver"]) for route in spec["route"]["routes"]] == [
        (*route["matchers"], route["receiver"]) for route in shipped["route"]["routes"]
    ]
    assert spec["route"]["groupBy"] == shipped["route"]["group_by"]


def test_every_receiver_of_a_route_is_there() -> None:
    (spec,) = (one["spec"] for one in objects("as-shipped", "AlertmanagerConfig"))
    named = {spec["route"]["receiver"], *(route["receiver"] for route in spec["route"]["routes"])}
    assert named == {receiver["name"] for receiver in spec["receivers"]}


def test_objects_have_the_namespace_and_labels_that_were_asked_for() -> None:
    for kind in ("PodMonitor", "PrometheusRule", "AlertmanagerConfig", "ConfigMap", "GrafanaDashboard"):
        for document in objects("named", kind):
            assert document["metadata"]["namespace"] == "monitoring"
            assert document["metadata"]["labels"]["release"] == "stack"


def test_the_labels_that_tell_runs_apart_come_from_the_pods() -> None:
    (monitor,) = objects("named", "PodMonitor")
    assert monitor["spec"]["podTargetLabels"] == ["squad"]


def test_a_dashboard_resource_takes_a_dashboard_that_is_there() -> None:
    maps = {one["metadata"]["name"]: one for one in objects("changed", "ConfigMap")}
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in maps.values())
    resources = objects("changed", "GrafanaDashboard")
    assert len(resources) == len(maps) > 0
    for resource in resources:
        reference = resource["spec"]["configMapRef"]
        board = json.loads(maps[reference["name"]]["data"][reference["key"]])
        assert board["uid"].startswith("traingauge-")


def test_the_kustomization_names_every_object_but_those_of_the_grafana_operator() -> None:
    export = EXPORTS["as-shipped"]
    named = yaml.safe_load(export["kustomization.yaml"])["resources"]
    others = {path for path in export if path.startswith(("grafana-operator/", "runbooks/"))}
    assert {*named, "kustomization.yaml"} == set(export) - others
