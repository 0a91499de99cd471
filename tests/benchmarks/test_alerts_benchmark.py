"""The benchmark of the alerts, reduced: a few faults, two healthy runs, and what mutes what."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from alerting import rulebook
from benchmarks.alerts.assess import assessed
from benchmarks.alerts.faults import FAULTS
from benchmarks.alerts.inhibition import Matchers, Policy
from benchmarks.alerts.report import TUNING, Report
from benchmarks.alerts.runs import Case
from benchmarks.alerts.verdict import Alarm, Verdict, verdicts
from simulation.recording import Recording
from traingauge import Endpoint, ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, Identity, keys, single

LOSS = keys(("train",))

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


class TestRecording:
    RUN = Identity("m", "r")

    def values(self, *losses: float | None) -> dict[str, str]:
        """Of scrapes that read these losses, in promtool's notation, by name; None for one that nobody answered."""
        recording = Recording(self.RUN)
        for loss in losses:
            if loss is None:
                recording.down("i")
            else:
                recording.scrape([Family(CATALOG["model_loss"], LOSS, [loss])], "i")
        return {series.partition("{")[0]: values for series, values in recording.values()}

    def test_a_value_that_stays_is_counted(self) -> None:
        assert self.values(0.5, 0.5, 0.5)["model_loss"] == "0.5x2"

    def test_a_value_that_is_no_number_is_spelt_out(self) -> None:
        assert self.values(math.nan, math.nan, math.inf)["model_loss"] == "NaN NaN Inf"

    def test_a_failed_scrape_ends_every_series_and_is_not_up(self) -> None:
        assert self.values(1.0, None, None) == {"up": "1.0 0.0x1", "model_loss": "1.0 stale _x1"}

    def test_a_series_that_comes_later_begins_with_blanks(self) -> None:
        assert self.values(None, None, 1.0)["model_loss"] == "_x2 1.0"

    def test_what_no_rule_reads_is_left_out(self) -> None:
        recording = Recording(self.RUN)
        recording.scrape([single("model_parameters", 1.0)], "i")
        assert [series.partition("{")[0] for series, _ in recording.values()] == ["up"]

    def test_a_target_that_left_discovery_is_neither_up_nor_down(self) -> None:
        recording = Recording(self.RUN)
        recording.scrape([], "i")
        recording.gone()
        assert [values for _, values in recording.values()] == ["1.0 stale"]

    def test_what_is_recorded_is_what_a_scrape_of_the_endpoint_says(self) -> None:
        with ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=False, linger=0)]) as monitor:
            for loss in (0.5, math.nan):
                monitor.step(loss=loss, y_true=[0, 1], y_pred=[0, 0], learning_rate=1e-7)
            recording = Recording(self.RUN)
            recording.scrape(monitor.collector.families(), "i")
            answer = requests.get(f"{monitor.url}/metrics", timeout=10).text
        scraped = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer)
            for sample in family.samples
        }
        for series, value in recording.values():
            name, labels = series.split("{")
            own = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if name != "up" and not name.endswith(
                "_timestamp_seconds"
            ):  # which count from the history's beginning
                del own["job"], own["instance"]
                assert repr(scraped[name, frozenset(own.items())]).lower() == repr(float(value)).lower(), (
                    series
                )


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
