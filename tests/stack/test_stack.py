"""Real servers, from the shipped configuration."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.stack.conftest import RUN, FakeRun
from traingauge.bundle import places
from traingauge.stack import documents, server
from traingauge.stack.errors import (
    NotRunningError,
    PaceLostError,
    QueryError,
    ServerDiedError,
    WaitTimeoutError,
)
from traingauge.stack.pace import Pace, at_a_pace_that_holds
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

pytestmark = pytest.mark.servers

PACE = Pace(60.0)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(pace=PACE) as stack:
        yield stack


def runs(process_group: int) -> bool:
    try:
        os.killpg(process_group, 0)
    except ProcessLookupError:
        return False
    return True


def firing(stack: Stack) -> list[str]:
    """The alerts about the run, by name."""
    return [
        alert["labels"]["alertname"]
        for alert in stack.prometheus.alerts("firing")
        if "run" in alert["labels"]
    ]


def test_the_servers_scrape_themselves_and_each_other(stack: Stack) -> None:
    up = stack.wait_for(
        lambda: len(stack.prometheus.query("up == 1")) == 2 and stack.prometheus.query("up"),
        "both servers up",
    )
    assert {sample.labels["job"] for sample in up} == {"prometheus", "alertmanager"}
    assert {target["scrapeUrl"] for target in stack.prometheus.targets()} == {
        f"{stack.prometheus_url}/metrics",
        f"{stack.alertmanager_url}/metrics",
    }


def test_prometheus_knows_its_alertmanager(stack: Stack) -> None:
    stack.wait_for(
        lambda: stack.prometheus.query("prometheus_notifications_alertmanagers_discovered == 1"),
        "it is found",
    )


def test_every_shipped_rule_is_loaded_and_evaluates_without_an_error(stack: Stack) -> None:
    shipped = [
        rule
        for path in places.RULES.glob("*.yml")
        for group in documents.load(path)["groups"]
        for rule in group["rules"]
    ]
    stack.wait_for(
        lambda: all(group["lastEvaluation"][:4] != "0001" for group in stack.prometheus.rule_groups()),
        "evaluated",
    )
    loaded = [rule for group in stack.prometheus.rule_groups() for rule in group["rules"]]
    assert len(loaded) == len(shipped)
    assert {rule["health"] for rule in loaded} == {"ok"}


def test_a_query_gives_labels_and_values(stack: Stack) -> None:
    assert stack.prometheus.query("1 + 1") == [({}, 2.0)]
    assert stack.prometheus.query('label_replace(vector(3), "a", "b", "", "")') == [({"a": "b"}, 3.0)]


def test_a_wrong_query_is_an_error_with_prometheus_own_words(stack: Stack) -> None:
    with pytest.raises(QueryError, match="parse error"):
        stack.prometheus.query("sum(")


def test_a_wait_that_times_out_names_the_condition_and_its_last_value(stack: Stack) -> None:
    with pytest.raises(WaitTimeoutError, match=r"three servers: not within 0.1 s; the last answer was \[\]"):
        stack.wait_for(lambda: stack.prometheus.query("count(up) == 3"), "three servers", timeout=0.1)


def test_a_run_is_found_its_alert_is_delivered_and_resolved_and_no_other_fires(run: FakeRun) -> None:
    at_a_pace_that_holds(lambda pace: follow_a_run_into_nan_and_out(run, pace), PACE)


def follow_a_run_into_nan_and_out(run: FakeRun, pace: Pace) -> None:
    run.set_state("running")
    run.set("model_loss", 0.5, split="train")
    run.set("model_nonfinite_total", 0, split="train", signal="loss")
    with WebhookReceiver() as receiver, Stack(pace=pace, webhook_url=receiver.url) as stack:
        file = run.announce(stack.discovery_dir)
        stack.wait_for(lambda: stack.prometheus.query("model_loss == 0.5"), "the run's loss")
        (up,) = stack.prometheus.query('up{job="traingauge"} == 1')
        assert up.labels.items() >= RUN.items()
        assert firing(stack) == []

        run.set("model_loss", float("nan"), split="train")
        run.set("model_nonfinite_total", 3, split="train", signal="loss")
        _, alert = receiver.wait_for("ModelLossNonFinite", "firing")
        assert alert.labels.items() >= (RUN | {"severity": "critical", "split": "train"}).items()
        assert firing(stack) == ["ModelLossNonFinite"]

        run.set("model_loss", 0.4, split="train")
        receiver.wait_for("ModelLossNonFinite", "resolved")

        run.set_state("finished")
        stack.wait_for(
            lambda: stack.prometheus.query('model_run_state{state="finished"} == 1'), "the run's end"
        )
        file.unlink()
        stack.wait_for(lambda: not stack.prometheus.query('up{job="traingauge"}'), "the target's end")
        stack.check_pace()
        assert receiver.rejected == []
        assert {alert.name for _, alert in receiver.alerts()} == {"ModelLossNonFinite"}


def test_a_scrape_that_takes_too_long_loses_the_pace(run: FakeRun) -> None:
    with Stack(pace=PACE) as stack:
        run.delay = 2 * stack.interval
        run.announce(stack.discovery_dir)
        stack.wait_for(lambda: stack.prometheus.query("count(up == 1) == 2"), "both servers up")
        stack.wait_for(lambda: stack.prometheus.query('up{job="traingauge"} == 0'), "a scrape that failed")
        with pytest.raises(PaceLostError, match=r"a scrape took \d\.\d s, too long for intervals of 1 s"):
            stack.check_pace()


def test_a_target_that_is_dead_does_not_lose_the_pace(run: FakeRun) -> None:
    def kill_a_run(pace: Pace) -> None:
        with Stack(pace=pace) as stack:
            run.announce(stack.discovery_dir)
            stack.wait_for(
                lambda: stack.prometheus.query('up{job="traingauge"} == 0'), "a scrape that failed"
            )
            stack.check_pace()

    run.close()
    at_a_pace_that_holds(kill_a_run, PACE)


def test_a_time_counted_in_evaluations_is_over_when_each_group_was_evaluated_as_often_as_its_interval_fits_in() -> (
    None
):
    iterations = "prometheus_rule_group_iterations_total"
    with Stack(pace=PACE) as stack:
        stack.wait_for(stack.prometheus.evaluated_seconds, "the first evaluation of each group")
        intervals = _by_group(stack, "prometheus_rule_group_interval_seconds")
        seconds = 2 * max(intervals.values())
        before, evaluated = _by_group(stack, iterations), stack.evaluated_for(seconds)
        assert not evaluated()
        stack.wait_for(evaluated, "two more evaluations of the slowest group")
        now = _by_group(stack, iterations)
        slowest = max(intervals, key=intervals.__getitem__)
        assert now[slowest] >= before[slowest] + 1
        assert all(now[group] * interval >= seconds for group, interval in intervals.items())


def _by_group(stack: Stack, metric: str) -> dict[str, float]:
    return {sample.labels["rule_group"]: sample.value for sample in stack.prometheus.query(metric)}


def test_leaving_stops_the_servers_and_removes_the_temporary_directory() -> None:
    with Stack() as stack:
        groups = list(stack.pids.values())
        assert len(groups) == 2
        assert all(map(runs, groups))
        directory = stack.directory
    assert not any(map(runs, groups))
    assert not directory.exists()


def test_outside_of_its_block_a_stack_says_that_it_does_not_run() -> None:
    with Stack() as stack:
        pass
    with pytest.raises(NotRunningError, match="prometheus is not running"):
        stack.prometheus.query("1")


def test_an_exception_stops_the_servers_and_passes() -> None:
    groups: list[int] = []

    def fail() -> None:
        with Stack() as stack:
            groups.extend(stack.pids.values())
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert not any(map(runs, groups))


def test_a_directory_that_was_given_is_kept_and_can_be_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        with Stack(directory=tmp_path, discovery_dir=tmp_path / "runs") as stack:
            assert stack.discovery_dir == tmp_path / "runs"
        assert (tmp_path / "prometheus.log").stat().st_size > 0


def test_several_stacks_run_side_by_side() -> None:
    together = threading.Barrier(3)

    def ports() -> set[str]:
        with Stack() as stack:
            together.wait(60)
            stack.prometheus.query("1")
            return {stack.prometheus_url, stack.alertmanager_url}

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(ports) for _ in range(3)]
        assert len(set.union(*(future.result() for future in futures))) == 6


def test_a_server_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOP_TIMEOUT", 0.2)
    with Stack() as stack:
        groups = list(stack.pids.values())
        os.kill(stack.pids["prometheus"], signal.SIGSTOP)
    assert not any(map(runs, groups))


def test_a_server_that_dies_is_reported_with_the_end_of_its_log() -> None:
    with Stack() as stack:
        os.kill(stack.pids["alertmanager"], signal.SIGKILL)
        with pytest.raises(ServerDiedError, match="alertmanager ended with exit code -9") as raised:
            stack.wait_for(lambda: False, "nothing")
        assert "Listening on" in raised.value.log_tail


def test_a_server_that_refuses_its_configuration_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    wrong = tmp_path / "alertmanager.yml"
    wrong.write_text(yaml.safe_dump({"route": {"receiver": "missing"}}))
    stack = Stack(alertmanager_config=wrong)
    with pytest.raises(ServerDiedError, match="alertmanager ended with exit code 1") as raised:
        stack.__enter__()
    assert "undefined receiver" in raised.value.log_tail
    assert not stack.directory.exists()
    assert stack.pids == {}


def test_a_wanted_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Stack(ports={"prometheus": port}) as stack:
            assert stack.prometheus_url != f"http://127.0.0.1:{port}"


def test_a_port_that_is_lost_at_the_last_moment_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = server.free_port
        lost = [taken.getsockname()[1]] * 2
        monkeypatch.setattr(server, "free_port", lambda preferred: lost.pop() if lost else free(preferred))
        with Stack() as stack:
            assert lost == []
            assert stack.prometheus.query("1")
