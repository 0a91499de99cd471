"""A sample of the matrix of ends, as a real Prometheus has it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.waiting import PATIENCE
from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack

pytestmark = pytest.mark.servers

SCRIPT = """
import os, signal, sys
from traingauge import ModelMonitor

monitor = ModelMonitor("ends", run=sys.argv[1])
monitor.step(loss=1.0)
sys.stdin.readline()
{end}
"""

#: The end of a script, by its name, and the last state that Prometheus sees.
ENDS = {
    "return": ("pass", "finished"),
    "raise": ("raise ValueError", "failed"),
    "exit": ("sys.exit(1)", "failed"),
    "with": ("with monitor: raise ValueError", "failed"),
    "preempted": ("os.kill(os.getpid(), signal.SIGTERM)\nwhile True: signal.pause()", "interrupted"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "running"),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("targets")


@pytest.fixture(scope="module")
def stack(directory: Path) -> Iterator[Stack]:
    with Stack(pace=Pace(60.0), discovery_dir=directory) as stack:
        yield stack


def start(directory: Path, run: str, end: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(end=end), run],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TRAINGAUGE_DISCOVERY_DIR": str(directory), **variables},
    )


def let_end(process: subprocess.Popen[str]) -> int:
    process.communicate("\n", timeout=PATIENCE)
    return process.returncode


def states(stack: Stack, kind: str) -> dict[str, str]:
    """The last state of each run of a kind that Prometheus has seen."""
    found = stack.prometheus.query(
        f'last_over_time(model_run_state{{model="ends",run=~"{kind}-.*"}}[1h]) == 1'
    )
    return {one.labels["run"].removeprefix(f"{kind}-"): one.labels["state"] for one in found}


@pytest.mark.usefixtures("unseen")
def test_prometheus_has_the_end_of_runs_that_it_scraped(stack: Stack, directory: Path) -> None:
    processes = {name: start(directory, f"long-{name}", end) for name, (end, _) in ENDS.items()}
    stack.wait_for(lambda: len(states(stack, "long")) == len(ENDS), "every run is scraped", timeout=PATIENCE)
    statuses = {name: let_end(process) for name, process in processes.items()}
    assert states(stack, "long") == {name: state for name, (_, state) in ENDS.items()}
    assert (statuses["preempted"], statuses["killed"]) == (-signal.SIGTERM, -signal.SIGKILL)
    assert [path.name.partition("-killed-")[1] for path in directory.glob("ends-long*.json")] == ["-killed-"]


def test_prometheus_has_the_end_of_runs_that_ended_before_their_first_scrape(
    stack: Stack, directory: Path
) -> None:
    ends = {name: end for name, end in ENDS.items() if name != "killed"}
    processes = {
        name: start(directory, f"short-{name}", end, TRAINGAUGE_WAIT_FOR_SCRAPE="1")
        for name, (end, _) in ends.items()
    }
    for process in processes.values():
        let_end(process)
    assert states(stack, "short") == {name: state for name, (_, state) in ends.items()}


class Unseen(NamedTuple):
    """Runs that have ended between two scrapes of a slow Prometheus, once it has reported the kill.

    Attributes:
        seen: The state in which each was scraped last.
        firing: See :func:`firing`.
        last: The last state of each, by the rules.
        up: Runs whose targets the rules still know.
    """

    seen: set[str]
    firing: set[tuple[str, str]]
    last: dict[str, str]
    up: list[str]


UNSEEN = ("preempted", "raise", "killed")


def end_unseen(directory: Path) -> Unseen:
    # Much faster, rules would wait for less time than Prometheus takes to read the list of targets.
    with Stack(pace=Pace(4.0, shortest_interval=5000), discovery_dir=directory) as stack:
        processes = [
            start(directory, f"unseen-{name}", ENDS[name][0], TRAINGAUGE_LINGER_SECONDS="0")
            for name in UNSEEN
        ]
        stack.wait_for(
            lambda: len(states(stack, "unseen")) == len(UNSEEN), "every run is scraped", timeout=PATIENCE
        )
        for process in processes:
            let_end(process)
        seen = set(states(stack, "unseen").values())
        stack.wait_for(
            lambda: ("ModelRunVanished", "unseen-killed") in firing(stack), "the kill", timeout=PATIENCE
        )
        last = stack.prometheus.query("model_run_process:model_run_state:last")
        up = stack.prometheus.query("model_run:up:max")
        return Unseen(
            seen,
            firing(stack),
            {one.labels["run"].removeprefix("unseen-"): one.labels["state"] for one in last},
            [one.labels["run"] for one in up],
        )


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Unseen]]:
    """What comes of it while the other tests run: nearly all of it is waiting."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(end_unseen, tmp_path_factory.mktemp("unseen"))


def firing(stack: Stack) -> set[tuple[str, str]]:
    """Alerts that fire, and the run of each."""
    found = stack.prometheus.query('ALERTS{alertstate="firing", model="ends"}')
    return {(one.labels["alertname"], one.labels["run"]) for one in found}


def test_prometheus_learns_of_ends_between_two_scrapes_from_the_discovery_file(
    unseen: Future[Unseen],
) -> None:
    found = unseen.result()
    assert found.seen == {"running"}, "no scrape has seen an end"
    assert found.firing == {("ModelRunVanished", "unseen-killed"), ("ModelRunFailed", "unseen-raise")}
    assert found.last == {name: ENDS[name][1] for name in UNSEEN}
    assert found.up == ["unseen-killed"]
