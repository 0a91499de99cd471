"""The manifests against Kubernetes' own schemas, oldest and newest version at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.blocks import blocks

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
MANIFESTS = [
    (path, document)
    for path in sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("example/*.yaml")])
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
PASTED = [
    document
    for kind, text in blocks(FOLDER / "README.md")
    if kind == "yaml"
    for document in yaml.safe_load_all(text)
]


@pytest.mark.parametrize("version", ["1.28", "1.32"])
@pytest.mark.parametrize(
    "manifest",
    [document for _, document in MANIFESTS],
    ids=[f"{path.stem}-{document['kind']}" for path, document in MANIFESTS],
)
def test_a_manifest_holds_nothing_that_kubernetes_does_not_know(
    manifest: dict[str, Any], version: str
) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_what_the_page_says_to_paste_lets_the_shipped_prometheus_see_pods_of_another_namespace() -> None:
    role, binding = PASTED
    for document in PASTED:
        kubernetes_validate.validate(document, "1.32", strict=True)
    shipped = {document["kind"]: document for path, document in MANIFESTS if path.stem == "prometheus"}
    assert role["rules"] == shipped["Role"]["rules"]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account = {"kind": "ServiceAccount", "name": shipped["ServiceAccount"]["metadata"]["name"]}
    assert binding["subjects"] == [account | {"namespace": "traingauge"}]


def test_the_line_that_the_page_says_to_replace_is_there() -> None:
    assert "own_namespace: true" in (FOLDER / "pods.yml").read_text()
