"""What is rendered from the sources: the rule files, and the lists that name all of them."""

import os
import re
import shutil
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest
import yaml

from alerting import rulebook
from alerting.identity import identity
from alerting.inlined import written_out
from alerting.links import Links
from alerting.render import DOMAINS, committed, rules
from alerting.sources import WHICH, versioned
from alerting.whole import of_the_whole
from traingauge.bundle.identity import in_alertmanager, in_link, in_rules
from traingauge.core.thresholds import MINIMA

ROOT = rulebook.HOME.parent
stem = attrgetter("stem")
SOURCES = sorted([*rulebook.ALERTS.glob("*.yml"), *rulebook.RECORDINGS.glob("*.yml")])

TOY = {
    "alerting/alerts/79-toy.yml": """\
# A toy.
groups:
  - name: traingauge-toy
    rules:
      - alert: ModelToy
        expr: max by (model, run) (model_toys) > 3
        keep_firing_for: 2m
        labels:
          severity: info
        annotations:
          summary: There are too many toys.
          description: Run {{ $labels.run }} of {{ $labels.model }} has {{ $value }} toys.
""",
    "alerting/tests/79-toy.yml": """\
rule_files: [../alerts/79-toy.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - series: model_toys{model="m", run="r"}
        values: 3x4 4x4
    alert_rule_test:
      - alertname: ModelToy
        eval_time: 1m15s
        exp_alerts:
          - exp_labels: {model: m, run: r, severity: info}
            exp_annotations:
              summary: There are too many toys.
              description: Run r of m has 4 toys.
""",
    "alerting/runbooks/ModelToy.md": "# ModelToy\n",
}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


RENDERED = {path.name: yaml.safe_load(path.read_text())["groups"] for path in rulebook.rule_files()}


#: Alerts that report a death, and what is left of it.
DEATHS = {"ModelRunVanished", "ModelTargetGone", "ModelExporterDown"}

#: An expression unless the run mutes the alert.
MUTED = re.compile(
    r"\( (.*) \) unless on \([^)]*\) \( last_over_time\(model_run_alertname:model_run_muted:newest.*"
)


def one_line(expression):
    return " ".join(expression.split())


def written(source):
    text = versioned(in_rules(written_out(of_the_whole(source.read_text())), identity()))
    groups = yaml.safe_load(text)["groups"]
    for rule in (rule for group in groups for rule in group["rules"] or ()):
        rule["expr"] = one_line(rule["expr"])
    return groups


def without_additions(rules):
    for rule in rules or ():
        kept = {
            key: text.removeprefix(WHICH)
            for key, text in rule.get("annotations", {}).items()
            if not key.endswith("_url")
        }
        expr = MUTED.sub(r"\1", one_line(rule["expr"]))
        if not is_default(rule):
            yield rule | {"expr": expr} | ({"annotations": kept} if kept else {})


@pytest.mark.parametrize("source", [path for path in SOURCES if path.parent == rulebook.RECORDINGS], ids=stem)
def test_a_rendered_file_of_recordings_is_its_source_with_defaults_identity_and_what_is_inlined(source):
    groups = [{**group, "rules": [*without_additions(group["rules"])]} for group in RENDERED[source.name]]
    assert groups == [{**group, "rules": group["rules"] or []} for group in written(source)]


@pytest.mark.parametrize(("digit", "domain"), [(digit, name) for digit, (name, _) in DOMAINS.items()])
def test_a_rendered_file_of_alerts_is_one_group_of_all_rules_of_its_domain(digit, domain):
    mine = [path for path in SOURCES if path.parent == rulebook.ALERTS and path.name.startswith(digit)]
    (group,) = RENDERED[f"{digit}0-{domain}.yml"]
    assert group["name"] == f"traingauge-{domain}"
    assert [*without_additions(group["rules"])] == [
        rule for path in mine for rule in written(path)[0]["rules"]
    ]


def test_a_run_can_mute_every_alert_about_it_and_no_other():
    for alert in rulebook.alerts():
        muted = re.findall(r'model_run_muted(?::newest)?\{alertname=~?"([\w|]+)"\}', alert.expr)
        assert len(muted) == (0 if alert.of_no_run else 2), alert.name
        assert all(alert.name in names.split("|") for names in muted), alert.name


def test_a_run_that_mutes_its_death_mutes_it_whatever_becomes_of_the_target():
    found = {
        alert.name: DEATHS & {*names.split("|")}
        for alert in rulebook.alerts()
        for names in re.findall(r'model_run_muted\{alertname=~?"([\w|]+)"\}', alert.expr)
    }
    assert {name: muted_with for name, muted_with in found.items() if muted_with} == {
        "ModelRunVanished": {"ModelRunVanished", "ModelTargetGone"},
        "ModelTargetGone": {"ModelRunVanished", "ModelTargetGone"},
        "ModelExporterDown": {"ModelRunVanished", "ModelTargetGone", "ModelExporterDown"},
    }


def test_every_alert_has_a_domain():
    assert {path.name[0] for path in SOURCES if path.parent == rulebook.ALERTS} <= set(DOMAINS)


def is_default(rule):
    return rule.get("record") == "global:model_threshold:default"


def test_every_default_threshold_is_recorded_once():
    recorded = {
        (
            rule.labels["metric"],
            rule.labels["severity"],
            float(rule.expr.removeprefix("vector(").removesuffix(")")),
        )
        for rule in rulebook.recordings()
        if is_default({"record": rule.name})
    }
    table = rulebook.thresholds()
    assert recorded == {(metric, *level) for metric in table for level in table[metric].items()}


def test_a_critical_default_is_further_on_the_worse_side_than_the_warning():
    for metric, levels in rulebook.thresholds().items():
        if "critical" in levels:
            assert (levels["critical"] < levels["warning"]) == (metric in MINIMA), metric


def test_what_is_committed_is_what_is_rendered():
    assert {path: path.read_text() for path in committed()} == committed()


def test_links_lead_to_the_addresses_that_a_user_gives():
    text = rules(Links("https://wiki.example.org/alerts/", "https://grafana.example.org/"))["50-data.yml"]
    assert "runbook_url: https://wiki.example.org/alerts/ModelFeatureDrift.md\n" in text
    assert "dashboard_url: https://grafana.example.org/d/traingauge-data-and-drift?var-cluster=" in text
    assert "github.com" not in text


def test_a_label_of_an_operator_reaches_rules_links_routes_and_inhibitions():
    rule = in_rules("sum by (model, run) (a) > on (model, run, split) group_left () b", ["team"])
    assert rule == "sum by (team, model, run) (a) > on (team, model, run, split) group_left () b"
    lists = in_alertmanager("group_by: [old, model, run]\nequal: [model, run, alertname]", ["team"])
    assert lists == "group_by: [team, model, run]\nequal: [team, model, run, alertname]"
    assert in_link(["team"]).startswith("var-team={{ $labels.team | urlquery }}&var-model=")


def test_three_files_add_an_alert(tool, tmp_path):
    """Its rule, its test and its runbook; everything else follows by `make rules` and `make docs`."""
    for folder in ("alerting", "deploy/kubernetes", "dashboards/rendered"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name, text in TOY.items():
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)

    def python(*arguments):
        path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "exporter")])
        environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    check = python("-m", "alerting", "--check")
    assert check.returncode == 1
    assert "out of date: alerting/rules/70-monitoring.yml" in check.stderr
    assert python("-m", "alerting").returncode == 0
    assert python("-m", "alerting", "--check").returncode == 0

    changed = {name for name, content in contents(tmp_path).items() if before.get(name) != content}
    assert changed == {"alerting/rules/70-monitoring.yml", "exporter/traingauge/core/alert_names.py"}
    assert "/runbooks/ModelToy.md" in (tmp_path / "alerting/rules/70-monitoring.yml").read_text()
    page = python("-c", "from docs.generators.alerts import page; print(page())").stdout
    assert "| [ModelToy](../../alerting/runbooks/ModelToy.md) | info | There are too many toys. |" in page
    tool("promtool", "check", "rules", tmp_path / "alerting/rules/70-monitoring.yml")
    assert python("-m", "alerting", "--test", "79-toy").returncode == 0

    for name in TOY:
        (tmp_path / name).unlink()
    assert python("-m", "alerting").returncode == 0
    assert "ModelToy" not in (tmp_path / "alerting/rules/70-monitoring.yml").read_text()
