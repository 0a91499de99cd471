"""The manifests against Kubernetes' own schemas, oldest and newest version at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
MANIFESTS = [
    (path, document)
    for path in sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("example/*.yaml")])
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
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
