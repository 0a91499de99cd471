"""The files that each platform takes, by their paths in the folder of an export."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from os.path import relpath
from pathlib import Path

from traingauge.bundle import helm, operator, places, victoriametrics
from traingauge.bundle.identity import in_alertmanager
from traingauge.bundle.options import Options
from traingauge.bundle.rules import rule_files
from traingauge.errors import UnknownNameError

#: The uid of the shipped data source.
DATASOURCE_UID = "traingauge-prometheus"

Files = dict[str, str]

_KUSTOMIZATION = """\
# Apply with `kubectl apply --server-side --kustomize .`: dashboards are too large for an annotation.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
"""


def files(platform: str, options: Options) -> Files:
    """The texts of an export by their paths.

    Raises:
        UnknownNameError: There is no such platform.

    >>> sorted(files("grafana", Options()))[-1]
    'provisioning/datasources/prometheus.yml'
    """
    if platform not in PLATFORMS:
        raise UnknownNameError("platform", platform, PLATFORMS)
    return PLATFORMS[platform](options)


def _read(folder: Path, *, below: str) -> Files:
    """Every file of a folder, without pages for people and what Python compiled."""
    return {
        f"{below}/{path.relative_to(folder).as_posix()}": path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".md", ".pyc")
    }


def _rules(options: Options, *, below: str) -> Files:
    return {f"{below}/{name}": text for name, text in rule_files(options).items()}


def _alertmanager(options: Options) -> Files:
    texts = _read(places.ALERTMANAGER_CONFIG.parent, below="alertmanager")
    if options.labels is None:
        return texts
    return {path: in_alertmanager(text, options.labels) for path, text in texts.items()}


def _runbooks() -> Files:
    return {
        f"runbooks/{path.name}": path.read_text(encoding="utf-8") for path in places.RUNBOOKS.glob("*.md")
    }


def dashboards(options: Options, *, below: str) -> Files:
    """The dashboards, which start with the data source of this uid."""
    return _with_uid(_read(places.DASHBOARDS, below=below), options)


def _provisioning(options: Options, *, below: str) -> Files:
    return _with_uid(_read(places.GRAFANA_PROVISIONING, below=below), options)


def _with_uid(texts: Files, options: Options) -> Files:
    uid = options.datasource_uid or DATASOURCE_UID
    return {path: text.replace(DATASOURCE_UID, uid) for path, text in texts.items()}


def _prometheus_config() -> str:
    return places.PROMETHEUS_CONFIG.read_text(encoding="utf-8")


def _prometheus(options: Options) -> Files:
    return {
        "prometheus.yml": _prometheus_config(),
        **_rules(options, below="rules"),
        **_alertmanager(options),
        **_runbooks(),
    }


def _grafana(options: Options) -> Files:
    return {**_provisioning(options, below="provisioning"), **dashboards(options, below="dashboards")}


def _mimir(options: Options) -> Files:
    """One namespace with all groups, as ``mimirtool rules load`` takes it; Mimir names templates, and knows no paths."""
    texts = [re.sub(r"\A(?:#.*\n)*groups:\n", "\n", text) for text in rule_files(options).values()]
    head = "# Load with `mimirtool rules load rules.yml`.\nnamespace: traingauge\ngroups:"
    alertmanager = {path.split("/")[-1]: text for path, text in _alertmanager(options).items()}
    configured = alertmanager["alertmanager.yml"].replace("  - templates/*.tmpl\n", "  - training.tmpl\n")
    return {
        "rules.yml": head + "".join(texts),
        "alertmanager.yml": configured,
        "training.tmpl": alertmanager["training.tmpl"],
        **_runbooks(),
    }


def _victoriametrics(options: Options) -> Files:
    return {
        "scrape.yml": victoriametrics.scrape_config(),
        **{f"rules/{name}": text for name, text in victoriametrics.rules(options).items()},
        **_alertmanager(options),
        **_runbooks(),
    }


def _below_one_folder(options: Options) -> Files:
    """The files that compose and Kubernetes mount, at their places in the bundle."""
    return {
        "prometheus/prometheus.yml": _prometheus_config(),
        **_rules(options, below="prometheus/rules"),
        **_alertmanager(options),
        **_provisioning(options, below="grafana/provisioning"),
        **dashboards(options, below="grafana/dashboards"),
    }


def _compose(options: Options) -> Files:
    composed = (places.COMPOSE / "compose.yaml").read_text(encoding="utf-8")
    return {
        "compose.yaml": _moved(composed, "compose", "./").replace("-f deploy/compose/compose.yaml ", ""),
        **_below_one_folder(options),
        **_runbooks(),
    }


def _kubernetes(options: Options) -> Files:
    mounted = _below_one_folder(options)
    own = {path.removeprefix("./"): text for path, text in _read(places.KUBERNETES, below=".").items()}
    moved = _moved(own["kustomization.yaml"], "kubernetes", "")
    own["kustomization.yaml"] = "".join(_without_absent(moved, own | mounted))
    return {**own, **mounted, **_runbooks()}


def _prometheus_operator(options: Options) -> Files:
    """Objects to be applied as one kustomization, and separately those that need the Grafana operator."""
    boards = {Path(path).stem: text for path, text in dashboards(options, below="dashboards").items()}
    objects = {
        "podmonitor.yaml": operator.pod_monitor(options),
        **{f"rules/{Path(name).stem}.yaml": text for name, text in operator.rules(options).items()},
        "alertmanagerconfig.yaml": operator.alertmanager_config(options),
        **{
            f"dashboards/{name}.yaml": operator.dashboard_config_map(name, text, options)
            for name, text in boards.items()
        },
    }
    listed = "".join(f"  - {path}\n" for path in objects)
    return {
        "kustomization.yaml": f"{_KUSTOMIZATION}resources:\n{listed}",
        **objects,
        **{f"grafana-operator/{name}.yaml": operator.grafana_dashboard(name, options) for name in boards},
        **_runbooks(),
    }


def _helm(options: Options) -> Files:
    mounted = _below_one_folder(options)
    provisioning = "grafana/provisioning"
    return {
        **helm.chart(options),
        **helm.objects(options),
        "files/prometheus/prometheus.yml": mounted["prometheus/prometheus.yml"],
        "files/prometheus/pods.yml": (places.KUBERNETES / "pods.yml").read_text(encoding="utf-8"),
        **_rules(options, below="files/rules"),
        **dashboards(options, below="files/dashboards"),
        **{f"files/{path}": text for path, text in _alertmanager(options).items()},
        "files/grafana/datasources/prometheus.yml": mounted[f"{provisioning}/datasources/prometheus.yml"],
        "files/grafana/providers/traingauge.yml": mounted[f"{provisioning}/dashboards/traingauge.yml"],
        **_runbooks(),
    }


def _moved(text: str, place: str, prefix: str) -> str:
    """The text of a file of this place, with the paths of other places as they are in the export."""
    others = {other: source for other, source in places.PLACES.items() if other != place}
    for other, source in others.items():
        text = text.replace(relpath(source, places.PLACES[place]), prefix + other)
    for other, source in others.items():
        text = text.replace(source, other)  # in comments
    return text


def _without_absent(kustomization: str, there: Mapping[str, str]) -> Iterator[str]:
    """The lines, without rule files of which no rule is left."""
    for line in kustomization.splitlines(keepends=True):
        named = re.match(r"\s+- (prometheus/rules/\S+)\n", line)
        if named is None or named[1] in there:
            yield line


#: The platforms, and what makes their files.
PLATFORMS: Mapping[str, Callable[[Options], Files]] = {
    "prometheus": _prometheus,
    "prometheus-operator": _prometheus_operator,
    "mimir": _mimir,
    "victoriametrics": _victoriametrics,
    "grafana": _grafana,
    "compose": _compose,
    "kubernetes": _kubernetes,
    "helm": _helm,
}
