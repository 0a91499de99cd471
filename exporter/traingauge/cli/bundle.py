"""``traingauge bundle``: rules, dashboards and configuration for the platform that one runs, and what changed in them."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from traingauge.errors import TrainGaugeError

SUMMARY = (
    "Export rules, dashboards and configuration for your platform, and compare an export with this version."
)

#: As in :mod:`traingauge.bundle.platforms`, which is not loaded until it is needed: what to do with each export.
PLATFORMS = {
    "prometheus": "name {0}/rules/*.yml in `rule_files` of your Prometheus, and reload it",
    "prometheus-operator": "kubectl apply --server-side --kustomize {0}",
    "mimir": "mimirtool rules load {0}/rules.yml && mimirtool alertmanager load {0}/alertmanager.yml {0}/training.tmpl",
    "victoriametrics": "give {0}/scrape.yml to victoria-metrics, and {0}/rules/*.yml to vmalert",
    "grafana": "start Grafana on {0}/provisioning, with PROMETHEUS_URL, and DASHBOARDS={0}/dashboards",
    "compose": "mkdir -p ~/.local/state/traingauge/targets && docker compose --file {0}/compose.yaml up --detach --wait",
    "kubernetes": "kubectl apply --server-side --kustomize {0}",
    "helm": "helm upgrade --install traingauge {0} --namespace NAMESPACE",
}


if TYPE_CHECKING:
    from traingauge.bundle.options import Options


class DifferentError(TrainGaugeError):
    """An export is not what this version would write."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``export`` and ``diff``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser(
        "export",
        help="write the files for a platform",
        description="Write the files for a platform into a folder. Files that you have edited there are not overwritten.",
    )
    export.add_argument("directory", type=Path, help="the folder; made if missing")
    export.add_argument("--for", dest="platform", required=True, choices=PLATFORMS, help="the platform")
    export.add_argument("--runbook-base-url", metavar="URL", help="address of the folder with the runbooks")
    export.add_argument(
        "--dashboard-base-url", metavar="URL", help="address of Grafana, for the links of alerts"
    )
    export.add_argument(
        "--labels",
        metavar="NAME,…",
        type=_names,
        help="labels that tell runs apart, in addition to model and run (default: cluster,namespace,team,tier)",
    )
    export.add_argument("--datasource-uid", metavar="UID", help="uid of your Prometheus in Grafana")
    export.add_argument(
        "--values",
        type=Path,
        metavar="FILE",
        help="YAML with thresholds, severities, namespace and object_labels",
    )
    export.add_argument("--force", action="store_true", help="overwrite files that were edited")
    diff = actions.add_parser(
        "diff",
        help="show what this version would change in an export",
        description="Show what an export with the same options would change. Exit status 1 if it would change anything.",
    )
    diff.add_argument("directory", type=Path, help="the folder of an export")


def run(options: argparse.Namespace) -> None:
    """Export or compare.

    Raises:
        InvalidArgumentError: An option or a value does not fit, or the folder has no export.
        EditedFilesError: Files were edited since they were exported.
        DifferentError: The export differs from what this version writes.
    """
    from traingauge.bundle import export

    if options.action == "diff":
        lines = list(export.difference(options.directory))
        sys.stdout.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)
        if changed := sum(line.startswith("+++ ") for line in lines):
            raise DifferentError(f"{changed} {'file differs' if changed == 1 else 'files differ'}")
        return
    written = export.export(options.directory, options.platform, _given(options), force=options.force)
    then = PLATFORMS[options.platform].format(shlex.quote(str(options.directory)))
    sys.stdout.write(f"{len(written)} files for {options.platform} in {options.directory}\nnext: {then}\n")


def _given(options: argparse.Namespace) -> Options:
    from traingauge.bundle.options import Options

    return Options.read(
        options.values,
        runbooks=options.runbook_base_url,
        dashboards=options.dashboard_base_url,
        labels=options.labels,
        datasource_uid=options.datasource_uid,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
