"""The bundle as a Helm chart: the shipped chart, with the files that its templates read.

What its templates make is what the exports for ``prometheus-operator`` and ``kubernetes`` have. Rules and dashboards are
files of the chart and not templates, as they have braces of their own.
"""

from __future__ import annotations

import re
from pathlib import Path

from traingauge.bundle import documents, operator, places
from traingauge.bundle.options import Options
from traingauge.version import __version__

#: The manifests of the servers.
SERVERS = ("prometheus", "alertmanager", "grafana", "networkpolicy")

_IMAGE = re.compile(r"image: (?P<image>\w+/(?P<name>\w+))$", re.MULTILINE)
_PINNED = re.compile(r"  - name: (?P<image>\S+)\n    newTag: (?P<tag>\S+)\n    digest: (?P<digest>\S+)\n")

#: Where the labels of an object of the manifests go, and a pod's annotation by which a change of configuration rolls it out.
_METADATA = re.compile(r"^metadata:\n  name: \S+\n", re.MULTILINE)
_POD = re.compile(r"^    metadata:\n(?=      labels:\n)", re.MULTILINE)

_LABELS = '  labels:\n    {{- include "traingauge.labels" . | nindent 4 }}\n'
_ROLLOUT = """\
      annotations:
        checksum/files: {{ (.Files.Glob "files/**").AsConfig | sha256sum }}
"""


def chart(options: Options) -> dict[str, str]:
    """The files of the chart itself, by their paths: with the version of this package, and labels and images as values."""
    found = {
        path.relative_to(places.HELM).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(places.HELM.rglob("*"))
        if path.is_file() and path.suffix != ".md"
    }
    found["Chart.yaml"] = found["Chart.yaml"].replace("0.0.0", __version__)
    values = found["values.yaml"]
    if options.object_labels:
        values = values.replace("\nlabels: {}\n", "\n" + documents.as_yaml({"labels": options.object_labels}))
    for image, tag, digest in _PINNED.findall(
        (places.KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8")
    ):
        values = values.replace(f": {image}\n", f": {image}:{tag}@{digest}\n")
    return found | {"values.yaml": values}


def objects(options: Options) -> dict[str, str]:
    """The specs of the objects for operators, and the manifests of the servers as templates."""
    specs = {
        "podmonitor": operator.pod_monitor(options),
        "alertmanagerconfig": operator.alertmanager_config(options),
    }
    return {
        **{f"files/operator/{name}.yaml": _spec(text) for name, text in specs.items()},
        **{f"files/servers/{name}.yaml": _template(places.KUBERNETES / f"{name}.yaml") for name in SERVERS},
    }


def _spec(text: str) -> str:
    """What is below ``spec:``."""
    lines = text.partition("\nspec:\n")[2].splitlines(keepends=True)
    return "".join(line.removeprefix("  ") for line in lines)


def _template(manifest: Path) -> str:
    text = manifest.read_text(encoding="utf-8")
    text = _IMAGE.sub(r"image: {{ .Values.servers.images.\g<name> }}", text)
    text = _METADATA.sub(lambda head: head[0] + _LABELS, text)
    return _POD.sub(lambda head: head[0] + _ROLLOUT, text)
