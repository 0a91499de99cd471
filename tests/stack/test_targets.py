"""What the shipped Prometheus lets a target say: about its own run, and within bounds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(pace=Pace(60)) as stack:
        yield stack


def scraped(stack: Stack, labels: dict[str, str], text: str) -> tuple[list[Sample], Target]:
    """All series that a target with these labels and this text leaves, and the target."""
    target = Target(labels, text)
    target.announce(stack.discovery_dir)
    instance = f"127.0.0.1:{target.server.server_port}"
    stack.wait_for(lambda: stack.prometheus.query(f'up{{instance="{instance}"}} == 1'), "a scrape")
    return stack.prometheus.query(f'{{instance="{instance}", __name__!~"up|scrape_.*"}}'), target


EVIL = {"model": "evil", "run": "e"}


def test_a_run_keeps_its_samples_and_those_without_a_run(stack: Stack) -> None:
    own = 'model_loss{model="evil",run="e",split="train"} 1\nprocess_open_fds 3\n'
    found, target = scraped(stack, EVIL, own)
    target.close()
    assert {(one.labels["__name__"], one.labels["run"], one.value) for one in found} == {
        ("model_loss", "e", 1.0),
        ("process_open_fds", "e", 3.0),
    }
    assert not [label for one in found for label in one.labels if label.startswith("exported_")]


FORGED = [
    'model_run_state{model="honest",run="r1",state="failed"} 1',
    'model_run_state{model="evil",run="r1",state="failed"} 1',
    'model_run_state{exported_model="evil",exported_run="e",run="r1",model="honest",state="failed"} 1',
    'ALERTS{alertname="ModelRunVanished",alertstate="firing",model="honest",run="r1"} 1',
    'model_run:model_run_state:running{model="evil",run="e"} 1',
    'up{job="alertmanager",instance="x"} 0',
    'prometheus_notifications_dropped_total{job="prometheus",instance="x"} 99',
]


def test_a_target_speaks_for_no_other_run_and_for_no_server(stack: Stack) -> None:
    text = "\n".join(FORGED)
    found, target = scraped(stack, EVIL, f'{text}\nmodel_loss{{model="evil",run="e"}} 1\n')
    target.close()
    assert {(one.labels["model"], one.labels["run"]) for one in found} == {("evil", "e")}
    assert not stack.prometheus.query('{model="honest"}')
    assert not stack.prometheus.query('{run="r1"}')
    assert not stack.prometheus.query('up{job="alertmanager", instance="x"}')
    assert "ALERTS" not in {one.labels["__name__"] for one in found}


def test_a_target_without_labels_may_serve_several_runs(stack: Stack) -> None:
    text = "".join(f'model_loss{{model="m",run="r{at}",split="train"}} 1\n' for at in range(3))
    found, target = scraped(stack, {}, text)
    target.close()
    assert sorted(one.labels["run"] for one in found) == ["r0", "r1", "r2"]


def test_a_sample_is_of_the_time_of_its_scrape(stack: Stack) -> None:
    now = time.time()
    found, target = scraped(stack, EVIL, f'model_loss{{model="evil",run="e"}} 1 {int(now - 600) * 1000}\n')
    target.close()
    assert len(found) == 1


HOSTILE = {
    "samples": "".join(f'model_scalar{{name="n{at}"}} 1\n' for at in range(50_001)),
    "label value": f'x{{a="{"y" * 1001}"}} 1\n',
    "label name": f'x{{{"a" * 101}="y"}} 1\n',
    "labels": "x{" + ",".join(f'l{at}="y"' for at in range(30)) + "} 1\n",
    "body": "# " + "x" * 34_000_000 + "\n",
}


def test_a_scrape_beyond_a_limit_fails_and_leaves_nothing(stack: Stack) -> None:
    targets = [Target(EVIL | {"limit": limit}, text) for limit, text in HOSTILE.items()]
    for target in targets:
        target.announce(stack.discovery_dir)
    for limit in HOSTILE:
        (up,) = stack.wait_for(lambda limit=limit: stack.prometheus.query(f'up{{limit="{limit}"}}'), limit)
        assert (limit, up.value) == (limit, 0)
    assert not stack.prometheus.query('{limit!="", __name__!~"up|scrape_.*"}')
    for target in targets:
        target.close()
