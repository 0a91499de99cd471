"""What the shipped Prometheus lets a target say: about its own run, and within bounds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.conftest import FakeRun
from traingauge.stack.pace import Pace
from traingauge.stack.prometheus import Sample
from traingauge.stack.stack import Stack

pytestmark = pytest.mark.servers


class Target(FakeRun):
    """Answers with any text.

    Attributes:
        text: The answer.
        labels: Those of the target.
    """

    def __init__(self, labels: dict[str, str], text: str) -> None:
        self.labels, self.text = labels, text
        super().__init__()

    def exposition(self) -> str:
        return self.text

    def announce(self, directory: Path) -> Path:
        file = directory / f"{self.server.server_port}.json"
        target = {"targets": [f"127.0.0.1:{self.server.server_port}"], "labels": self.labels}
        file.with_suffix(".tmp").write_text(json.dumps([target]))
        return file.with_suffix(".tmp").replace(file)


EVIL = {"model": "evil", "run": "e"}

FORGED = [
    'model_run_state{model="honest",run="r1",state="failed"} 1',
    'model_run_state{model="evil",run="r1",state="failed"} 1',
    'model_run_state{exported_model="evil",exported_run="e",run="r1",model="honest",state="failed"} 1',
    'ALERTS{alertname="ModelRunVanished",alertstate="firing",model="honest",run="r1"} 1',
    'model_run:model_run_state:running{model="evil",run="e"} 1',
    'up{job="alertmanager",instance="x"} 0',
    'prometheus_notifications_dropped_total{job="prometheus",instance="x"} 99',
    'model_loss{model="evil",run="e"} 1',
]

HOSTILE = {
    "samples": "".join(f'model_scalar{{name="n{at}"}} 1\n' for at in range(50_001)),
    "label value": f'x{{a="{"y" * 1001}"}} 1\n',
    "label name": f'x{{{"a" * 101}="y"}} 1\n',
    "labels": "x{" + ",".join(f'l{at}="y"' for at in range(30)) + "} 1\n",
    "body": "# " + "x" * 34_000_000 + "\n",
}

#: Labels and answer of each target. All are there from the beginning: Prometheus takes new ones only every five seconds.
TARGETS = {
    "own": (EVIL, 'model_loss{model="evil",run="e",split="train"} 1\nprocess_open_fds 3\n'),
    "forged": (EVIL, "".join(f"{line}\n" for line in FORGED)),
    "several": ({}, "".join(f'model_loss{{model="m",run="{run}",split="train"}} 1\n' for run in "abc")),
    "dated": (EVIL, f'model_loss{{model="evil",run="e"}} 1 {int(time.time() - 600) * 1000}\n'),
    **{limit: (EVIL | {"limit": limit}, text) for limit, text in HOSTILE.items()},
}

Found = Callable[[str], list[Sample]]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(pace=Pace(60)) as stack:
        yield stack


@pytest.fixture(scope="module")
def found(stack: Stack) -> Iterator[Found]:
    """All series that a target leaves, once it was scraped."""
    targets = {name: Target(*given) for name, given in TARGETS.items()}
    for target in targets.values():
        target.announce(stack.discovery_dir)

    def found(name: str) -> list[Sample]:
        instance = f"127.0.0.1:{targets[name].server.server_port}"
        stack.wait_for(lambda: stack.prometheus.query(f'up{{instance="{instance}"}} == 1'), "a scrape")
        # A later scrape may fail, as those of large answers keep this process busy.
        return stack.prometheus.query(
            f'last_over_time({{instance="{instance}", __name__!~"up|scrape_.*"}}[1m])'
        )

    yield found
    for target in targets.values():
        target.close()


def test_a_run_keeps_its_samples_and_those_without_a_run(found: Found) -> None:
    samples = found("own")
    assert {(one.labels["__name__"], one.labels["run"], one.value) for one in samples} == {
        ("model_loss", "e", 1.0),
        ("process_open_fds", "e", 3.0),
    }
    assert not [label for one in samples for label in one.labels if label.startswith("exported_")]


def test_a_target_speaks_for_no_other_run_and_for_no_server(stack: Stack, found: Found) -> None:
    samples = found("forged")
    assert {(one.labels["model"], one.labels["run"]) for one in samples} == {("evil", "e")}
    assert not stack.prometheus.query('{model="honest"}')
    assert not stack.prometheus.query('{run="r1"}')
    assert not stack.prometheus.query('up{job="alertmanager", instance="x"}')
    assert "ALERTS" not in {one.labels["__name__"] for one in samples}


def test_a_target_without_labels_may_serve_several_runs(found: Found) -> None:
    assert sorted(one.labels["run"] for one in found("several")) == ["a", "b", "c"]


def test_a_sample_is_of_the_time_of_its_scrape(found: Found) -> None:
    assert len(found("dated")) == 1


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("limit", HOSTILE)
def test_a_scrape_beyond_a_limit_fails_and_leaves_nothing(stack: Stack, limit: str) -> None:
    (up,) = stack.wait_for(lambda: stack.prometheus.query(f'up{{limit="{limit}"}}'), limit)
    assert up.value == 0
    assert not stack.prometheus.query(f'{{limit="{limit}", __name__!~"up|scrape_.*"}}')
