"""The benchmark of ordinary life, reduced: its harness, one quiet situation and one death."""

from __future__ import annotations

import dataclasses

import pytest

from alerting import rulebook
from benchmarks.alerts.report import TUNING, fingerprint
from benchmarks.life.assess import Case, Notification, Outcome, Seen, groups, outcomes
from benchmarks.life.report import Report
from benchmarks.life.situation import situations
from benchmarks.life.world import Script, World

INTERVAL = 60.0


def seen(script: Script, world: World, *, afterwards: float = 240.0) -> list[str]:
    """Values of `up` of each target of a script."""
    world.play(script, afterwards)
    series = {name: values for target in world.targets for name, values in target.recording.values()}
    return [values for name, values in series.items() if name.startswith("up{")]


def outcome_of(name: str, *sent: tuple[str, str, float], knowable: float | None = None) -> Outcome:
    notifications = tuple(Notification(f"Model{alert}", severity, "run", at) for alert, severity, at in sent)
    return Outcome(Case(name, 0, INTERVAL), knowable, notifications)


class TestWorld:
    @pytest.fixture
    def world(self) -> World:
        return World("model", TUNING, INTERVAL)

    def test_an_orderly_end_waits_for_its_scrape_and_leaves(self, world: World) -> None:
        def script() -> Script:
            run = world.run()
            yield from run.train(150.0)
            run.end()

        # Scraped twice while it trains, once at its end, and once before Prometheus reads the list again.
        assert seen(script(), world) == ["_x1 1.0x2 0.0 stale _x1"]

    def test_a_killed_process_stays_in_discovery_and_does_not_answer(self, world: World) -> None:
        def script() -> Script:
            run = world.run()
            yield from run.train(150.0)
            run.kill()

        assert seen(script(), world) == ["_x1 1.0x1 0.0x3"]

    def test_a_resumed_run_takes_the_target_of_its_predecessor_away(self, world: World) -> None:
        def script() -> Script:
            run = world.run(saves=True)
            yield from run.train(150.0)
            run.kill()
            run.resume()
            yield from run.train(60.0)
            assert run.monitor.rows()["step"][0] == 1

        assert seen(script(), world, afterwards=0.0) == ["_x1 1.0x1 stale", "_x3 1.0"]

    def test_a_prometheus_that_is_away_sees_nothing_and_marks_nothing(self, world: World) -> None:
        def script() -> Script:
            run = world.run()
            world.prometheus_leaves(100.0)
            yield from run.train(180.0)
            run.end()

        assert seen(script(), world, afterwards=0.0) == ["_x2 1.0x1"]

    def test_a_prometheus_that_is_back_reads_the_list_of_targets_first(self, world: World) -> None:
        def script() -> Script:
            run = world.run()
            yield from run.train(130.0)
            world.prometheus_leaves(400.0)
            run.end()

        assert seen(script(), world, afterwards=600.0) == [
            "_x1 1.0x1 _x10",
            "_x9 0.0x3",
        ]  # the second is a note on the end

    def test_an_end_that_no_scrape_sees_leaves_a_note_until_the_run_is_resumed(self, world: World) -> None:
        def script() -> Script:
            run = world.run(saves=True)
            yield from run.train(190.0)
            run.preempt()
            yield 250.0
            run.resume()
            yield from run.train(130.0)

        world.play(script())
        notes = {
            name: values
            for target in world.targets
            for name, values in target.recording.values()
            if 'ended="interrupted"' in name
        }
        assert list(notes.values()) == ["_x5 0.0x3 stale"]

    def test_scripts_live_at_the_same_time(self, world: World) -> None:
        def wait(seconds: float) -> Script:
            world.run()
            yield seconds

        def script() -> Script:
            world.spawn(wait(60.0))
            yield from wait(60.0)

        assert seen(script(), world, afterwards=0.0) == ["_x1 1.0", "_x1 1.0"]

    def test_a_death_is_knowable_at_the_next_scrape_that_is_not_missed(self, world: World) -> None:
        def script() -> Script:
            yield 70.0
            world.prometheus_leaves(100.0)
            world.died()

        world.play(script())
        assert world.knowable == 180.0


class TestGroups:
    @staticmethod
    def seen(name: str, interval: float = INTERVAL, away: tuple[tuple[float, float], ...] = ()) -> Seen:
        return Seen(Case(name, 0, interval), {"up": "1"}, 600.0, away, None)

    def test_situations_of_one_interval_are_replayed_side_by_side(self) -> None:
        played = [self.seen("gan"), self.seen("ppo"), self.seen("gan", 15.0)]
        assert [len(group) for group in groups(played)] == [2, 1]

    def test_one_in_which_prometheus_is_away_is_replayed_alone(self) -> None:
        played = [self.seen("gan"), self.seen("laptop_asleep", away=((60.0, 120.0),)), self.seen("ppo")]
        assert [len(group) for group in groups(played)] == [1, 1, 1]


class TestReport:
    def test_a_situation_in_which_anything_is_sent_is_loud(self) -> None:
        report = Report([outcome_of("gan", ("LossDiverging", "warning", 9.0)), outcome_of("ppo")], "2.42")
        assert ([one.name for one in report.loud], report.critical, report.met) == (["gan"], 0, False)

    def test_a_death_that_is_reported_twice_misses_the_target(self) -> None:
        twice = [("RunVanished", "critical", 120.0), ("RunVanished", "critical", 600.0)]
        report = Report([outcome_of("sigkill", *twice, knowable=60.0)], "2.42")
        assert ([one.name for one in report.not_once], report.slowest) == (["sigkill"], 60.0)

    def test_a_death_that_is_reported_late_misses_the_target(self) -> None:
        late = outcome_of("sigkill", ("RunVanished", "critical", 300.0), knowable=60.0)
        assert (Report([late], "2.42").not_once, Report([late], "2.42").met) == ([], False)

    def test_a_report_is_read_as_it_was_written(self) -> None:
        report = Report([outcome_of("sigkill", ("RunVanished", "critical", 120.0), knowable=60.0)], "2.42")
        assert Report.read(report.numbers()).page() == report.page()

    @pytest.mark.parametrize(("rules", "told"), [(fingerprint(), False), ("those of before", True)])
    def test_the_page_says_whether_the_rules_have_changed_since(self, rules: str, told: bool) -> None:
        report = dataclasses.replace(Report([outcome_of("ppo")], "2.42"), rules=rules)
        assert ("have changed since" in report.page()) == told


def test_there_are_forty_ordinary_situations_and_each_says_what_happens_in_one_sentence() -> None:
    assert sum(not one.is_death for one in situations().values()) >= 40
    assert [one.name for one in situations().values() if not one.what.endswith(".")] == []


def test_every_alert_that_reports_a_death_is_shipped() -> None:
    reported = {one.reported_by for one in situations().values() if one.is_death}
    assert reported <= {alert.name for alert in rulebook.alerts()}


@pytest.mark.servers
class TestReplayed:
    def test_of_two_situations_side_by_side_only_the_death_is_sent_and_once(self) -> None:
        cases = [Case(name, TUNING, INTERVAL) for name in ("control_c", "crash_before_the_first_step")]
        quiet, dead = outcomes(cases, processes=0)
        assert (quiet.sent, dead.once, dead.took) == ((), True, 0.0)

    def test_a_death_while_prometheus_is_away_is_reported_when_it_is_back(self) -> None:
        (dead,) = outcomes([Case("while_prometheus_is_down", TUNING, INTERVAL)], processes=0)
        assert (dead.once, dead.took) == (True, INTERVAL)
