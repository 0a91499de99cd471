"""The benchmark of the alerts, reduced: a few faults, two healthy runs, and what mutes what."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from alerting import rulebook
from benchmarks.alerts.assess import assessed
from benchmarks.alerts.faults import FAULTS
from benchmarks.alerts.inhibition import Matchers, Policy
from benchmarks.alerts.report import SPENT, TUNING, Report, fingerprint
from benchmarks.alerts.runs import Case
from benchmarks.alerts.verdict import Alarm, Verdict, verdicts

#: None of these needs the history of an hour that others do.
FAULTY = (
    *("nan", "class-collapse", "missing-feature", "rate-zero", "oom-kill", "crash", "clean-end"),
    "keras-nan",
)
HEALTHY = ("warm-restarts", "resumed")


@pytest.fixture(scope="module")
def assessment() -> Mapping[str, Verdict]:
    cases = [Case(kind, seed=TUNING, haste=4.0) for kind in (*FAULTY, *HEALTHY)]
    return {verdict.case.kind: verdict for verdict in assessed(cases, processes=0)}


@pytest.mark.servers
class TestReduced:
    @pytest.mark.parametrize("kind", FAULTY)
    def test_a_fault_raises_its_own_alert_and_a_clean_end_raises_none(
        self, assessment: Mapping[str, Verdict], kind: str
    ) -> None:
        assert assessment[kind].good, assessment[kind]

    @pytest.mark.parametrize("kind", FAULTY)
    def test_one_cause_sends_two_alerts_at_most(self, assessment: Mapping[str, Verdict], kind: str) -> None:
        assert len(assessment[kind].sent) <= 2

    @pytest.mark.parametrize("kind", FAULTY)
    def test_nothing_is_sent_before_the_fault(self, assessment: Mapping[str, Verdict], kind: str) -> None:
        assert assessment[kind].before == []

    @pytest.mark.parametrize("kind", HEALTHY)
    def test_a_healthy_run_sends_nothing(self, assessment: Mapping[str, Verdict], kind: str) -> None:
        assert assessment[kind].sent == []


def test_every_alert_that_names_a_fault_is_shipped() -> None:
    own = {name for fault in FAULTS.values() for name in fault.own}
    assert own <= {alert.name for alert in rulebook.alerts()}


class TestMatchers:
    @pytest.mark.parametrize(
        ("text", "labels", "holds"),
        [
            ('a="b"', {"a": "b"}, True),
            ('a="b"', {}, False),
            ('a!="b"', {}, True),
            ('a=~"b|c"', {"a": "c"}, True),
            ('a=~"b"', {"a": "bb"}, False),
            ('a!~"b.*"', {"a": "bb"}, False),
            ("a = b", {"a": "b"}, True),
            (r'a="\"b\""', {"a": '"b"'}, True),
            ('a=""', {}, True),
        ],
    )
    def test_a_matcher_holds_as_in_alertmanager(self, text: str, labels: dict[str, str], holds: bool) -> None:
        assert Matchers.of([text])(labels) is holds

    def test_what_is_not_a_matcher_is_refused(self) -> None:
        with pytest.raises(ValueError, match="is not a matcher"):
            Matchers.of(["a>b"])


class TestPolicy:
    SHIPPED = Policy.shipped()

    @staticmethod
    def alert(name: str, severity: str = "warning", **labels: str) -> dict[str, str]:
        return {"alertname": f"Model{name}", "severity": severity, "model": "m", "run": "r"} | labels

    def sent(self, *firing: dict[str, str]) -> list[str]:
        return [alert["alertname"] for alert in self.SHIPPED.sent(firing)]

    def test_a_critical_alert_mutes_its_warning(self) -> None:
        labels = {"split": "train", "metric": "f1"}
        firing = [
            self.alert("ScoreBelowThreshold", severity, **labels) for severity in ("warning", "critical")
        ]
        assert [alert["severity"] for alert in self.SHIPPED.sent(firing)] == ["critical"]

    def test_a_vanished_run_mutes_what_else_is_wrong_with_it(self) -> None:
        assert self.sent(self.alert("RunVanished", "critical"), self.alert("ThroughputDrop")) == [
            "ModelRunVanished"
        ]

    def test_one_run_does_not_mute_another(self) -> None:
        firing = [self.alert("RunVanished", "critical"), self.alert("ThroughputDrop", run="other")]
        assert len(self.sent(*firing)) == 2

    def test_what_is_muted_mutes_all_the_same(self) -> None:
        firing = [
            self.alert("FeaturesDrifted"),
            self.alert("FeatureMissing", feature="age"),
            self.alert("FeatureDrift", feature="age"),
        ]
        assert self.sent(*firing) == ["ModelFeaturesDrifted"]

    def test_an_alert_that_is_source_and_target_is_not_muted_by_its_like(self) -> None:
        rule = {"source_matchers": ['a="1"'], "target_matchers": ['a="1"'], "equal": []}
        policy = Policy.of({"inhibit_rules": [rule], "route": {"receiver": "people"}})
        assert len(policy.sent([{"a": "1", "b": "1"}, {"a": "1", "b": "2"}])) == 2

    def test_an_informative_alert_is_sent_to_no_one(self) -> None:
        assert self.sent(self.alert("LossPlateau", "info")) == []


class TestVerdict:
    @staticmethod
    def verdict(kind: str, *alarms: tuple[str, float]) -> Verdict:
        return Verdict(Case(kind, 0), tuple(Alarm(name, "warning", (), at, sent=True) for name, at in alarms))

    def test_only_an_alert_that_names_the_fault_detects_it(self) -> None:
        assert not self.verdict("nan", ("ModelStuck", 1e4)).good

    def test_what_was_there_before_the_fault_does_not_detect_it(self) -> None:
        verdict = self.verdict("nan", ("ModelLossNonFinite", 60.0))
        assert (verdict.good, verdict.before) == (False, ["ModelLossNonFinite"])

    def test_the_time_to_detect_begins_with_the_fault(self) -> None:
        at = FAULTS["nan"].at
        assert self.verdict("nan", ("ModelLossNonFinite", at + 30.0)).detected_after == 30.0

    def test_what_fires_after_the_last_sample_of_a_run_is_not_counted(self) -> None:
        case = Case("nan", 0)
        alert = {"alertname": "ModelStuck", "severity": "critical", "model": "digits", "run": case.run}
        (verdict,) = verdicts([case], {10_000: [alert]}, Policy.shipped())
        assert verdict.alarms == ()

    def test_a_target_that_is_missed_is_said_to_be(self) -> None:
        report = Report([self.verdict("nan"), self.verdict("plain", ("ModelStuck", 9.0))], promtool="2.42")
        assert (report.missed, report.false_alarms, report.met) == (["nan"], 1.0, False)

    def test_the_page_names_the_runs_that_led_to_a_change_of_a_rule(self) -> None:
        ((kind, seed), alert), *_ = SPENT.items()
        spent, other = Verdict(Case(kind, seed), ()), Verdict(Case(kind, seed + 1), ())
        said = f"no rule was tuned on, but for {kind} {seed}, which led to a change of {alert}."
        assert said in Report([spent, other], promtool="2.42").page()
        assert "no rule was tuned on.\n" in Report([other], promtool="2.42").page()

    @pytest.mark.parametrize(("rules", "told"), [(fingerprint(), False), ("those of before", True)])
    def test_the_page_says_whether_the_rules_have_changed_since(self, rules: str, told: bool) -> None:
        report = Report([self.verdict("nan")], promtool="2.42", rules=rules)
        assert ("have changed since" in report.page()) == told
