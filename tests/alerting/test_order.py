"""A server evaluates each group at a moment of its own: two replicas differ in the order of groups, and agree on alerts."""

import json
import re
import subprocess

import pytest
import yaml

from tests.alerting.conftest import SELDOM_COLLECTING
from tests.alerting.narrowing import load, narrow, seconds
from traingauge.stack.programs import find_programs

#: Alerts whose rules read what rules of other groups have recorded, also at the evaluation before.
CHAINED = ("21-target-gone", "25-stuck")


def fired(folder, name, order):
    """What fires in each case of a unit test while it lasts, by what promtool finds where it should find nothing."""
    test = load((folder / f"{name}.yml").read_text())
    test["group_eval_order"] = order(test["group_eval_order"])
    for case in test["tests"]:
        checks = [*case.pop("alert_rule_test", ()), *case.pop("promql_expr_test", ())]
        end = max(seconds(check["eval_time"]) for check in checks)
        firing = f'max_over_time(ALERTS{{alertstate="firing"}}[{end:.0f}s])'
        case["promql_expr_test"] = [{"expr": firing, "eval_time": f"{end:.0f}s"}]
    path = narrow(folder, f"order-{name}-{order.__name__}", json.dumps(test))  # JSON is YAML
    command = [find_programs().promtool.path, "test", "rules", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=SELDOM_COLLECTING)
    return re.findall(r"got: (.*alertname=.*)", done.stdout + done.stderr)


def backwards(groups):
    return groups[::-1]


@pytest.mark.parametrize("name", CHAINED)
def test_alerts_are_the_same_whatever_the_order_of_groups(staged, name):
    found = fired(staged, name, list)
    assert found
    assert fired(staged, name, backwards) == found


def test_a_run_whose_beginning_was_not_seen_is_known_as_one_when_rules_are_evaluated_in_the_reverse_order(
    unit_test, staged
):
    test = load((staged / "44-score-implausible.day.yml").read_text())
    files = [file for pattern in test["rule_files"] for file in sorted(staged.glob(pattern))]
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    rules = staged / "backwards.rules"
    rules.write_text(json.dumps({"groups": [group | {"rules": group["rules"][::-1]} for group in groups]}))
    unit_test("backwards", json.dumps(test | {"rule_files": [rules.name]}))
