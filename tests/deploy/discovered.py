"""Which labels the real promtool gives a target that a discovery found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml


def of_pod(folder: Path, job: dict[str, Any], **meta: str) -> dict[str, str] | None:
    """The labels of a pod's target after relabelling; ``None`` if the job drops it.

    Args:
        folder: An empty one.
        job: A scrape job without a discovery.
        meta: What Kubernetes says of the pod: the ends of ``__meta_kubernetes_…``.
    """
    return labels(folder, job, **{f"__meta_kubernetes_{name}": value for name, value in meta.items()})


def labels(folder: Path, job: dict[str, Any], **found: str) -> dict[str, str] | None:
    """The labels of a target that was found with these, after relabelling; ``None`` if the job drops it."""
    (folder / "targets.json").write_text(json.dumps([{"targets": ["10.0.0.7:9464"], "labels": found}]))
    job = job | {"file_sd_configs": [{"files": ["targets.json"]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    # promtool always waits for all of its timeout, and answers with what it found until then.
    for timeout in ("200ms", "2s", "20s", "200s"):
        command = ["promtool", "check", "service-discovery", f"--timeout={timeout}", "prometheus.yml"]
        answer = subprocess.run(
            [*command, job["job_name"]], cwd=folder, check=True, capture_output=True, text=True
        )
        if targets := json.loads(answer.stdout):
            break
    (result,) = targets
    return result.get("labels") or None
