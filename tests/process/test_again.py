"""Runs again and again in one process: a cell that is run twice, a loop of short runs, many that were never closed."""

from __future__ import annotations

import gc
import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.waiting import FOREVER, PATIENCE, finished, wait_until
from traingauge import Canary, Endpoint, ModelMonitor, State
from traingauge.process.runs import live_runs

Reading = Callable[..., float | None]
AS_PROMETHEUS = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}
REPLACED = "is replaced by a new one of the same name"


def scrape(url: str) -> str:
    return requests.get(f"{url}/metrics", headers=AS_PROMETHEUS, timeout=PATIENCE).text


def scrape_and_let_it_be_noted(url: str) -> None:
    scrape(url)
    requests.get(f"{url}/healthz", timeout=PATIENCE)  # one thread answers: it notes the scrape before


# The same run again


def cell(directory: Path, **arguments: Any) -> ModelMonitor:
    return ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=directory, linger=0)], **arguments)


def test_the_new_monitor_of_a_run_replaces_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = cell(tmp_path)
    old.step(loss=1.0)
    new = cell(tmp_path)
    new.step(loss=2.0)
    assert caplog.text.count(REPLACED) == 1
    assert len(list(tmp_path.glob("*.json"))) == 1
    assert 'model_loss{model="m",run="r",split="train"} 2.0' in scrape(new.url)
    assert [run.name for run in live_runs].count(("m", "r")) == 1
    new.close()


def test_a_run_whose_name_the_state_directory_gives_replaces_the_live_one_of_that_name(
    tmp_path: Path,
) -> None:
    cell(tmp_path / "targets", state=State(tmp_path / "state")).close()
    old = cell(tmp_path / "targets")
    new = ModelMonitor(
        "m", state=State(tmp_path / "state"), delivery=[Endpoint(discovery_dir=tmp_path / "targets")]
    )
    assert (new.run, old.state, new.state) == ("r", "interrupted", "running")
    new.close()


def test_the_old_monitor_takes_everything_and_records_nothing(tmp_path: Path, read: Reading) -> None:
    old = cell(tmp_path)
    old.step(loss=1.0)
    with cell(tmp_path) as new:
        old.step(loss=1.0)
        old.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])
        old.evaluate("validation", loss=1.0)
        old.end_epoch()
        assert old.state == "interrupted"
        assert read(old, "model_steps_total", split="train") == 1
        assert read(old, "model_monitor_errors_total", reason="step") == 4
        assert read(new, "model_steps_total", split="train") == 0
        old.close()
        assert new.state == "running"
        assert list(tmp_path.glob("*.json"))


def test_a_fixed_port_is_taken_over(tmp_path: Path) -> None:
    first = ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=False)])
    endpoint = Endpoint(port=urlsplit(first.url).port, discovery_dir=False)
    first.close()
    for _ in range(3):
        monitor = ModelMonitor("m", run="r", delivery=[endpoint])
        assert requests.get(f"{monitor.url}/healthz", timeout=PATIENCE).ok
    monitor.close()


def test_a_state_directory_is_taken_over_and_continued(tmp_path: Path) -> None:
    for arguments in ({"run": "r"}, {}, {}):
        monitor = ModelMonitor("m", state=State(tmp_path), delivery=[], **arguments)
        monitor.step(loss=1.0)
    assert monitor.run == "r"
    assert len(monitor.rows()["loss"]) == 3
    monitor.close()


@pytest.mark.parametrize("other", [{"model": "n", "run": "r"}, {"model": "m", "run": "s"}])
def test_another_run_replaces_nothing(other: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with ModelMonitor("m", run="r", delivery=[]) as one, ModelMonitor(**other, delivery=[]):
        assert one.state == "running"
    assert REPLACED not in caplog.text


def test_a_run_that_has_ended_and_waits_gives_way_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=tmp_path, linger=FOREVER)]) as monitor:
        scrape_and_let_it_be_noted(monitor.url)
    with cell(tmp_path) as new:
        assert 'state="running"} 1.0' in scrape(new.url)
        assert len(list(tmp_path.glob("*.json"))) == 1
    assert REPLACED not in caplog.text


# A monitor that nothing refers to any more


def announced(directory: Path) -> list[str]:
    return [file.name for file in directory.glob("*.json")]


def test_a_cell_without_a_name_for_its_run_leaves_no_run_behind(tmp_path: Path) -> None:
    for _ in range(3):
        monitor = ModelMonitor("m", delivery=[Endpoint(discovery_dir=tmp_path, linger=0)])
        monitor.step(loss=1.0)
    gc.collect()
    wait_until(lambda: len(announced(tmp_path)) == 1, "the end of the others")
    assert monitor.run in announced(tmp_path)[0]
    assert monitor.state == "running"
    monitor.close()


@pytest.mark.parametrize(
    "kept",
    [
        lambda monitor: monitor.step,
        lambda monitor: monitor.watch([1, 2]),
        lambda monitor: monitor.watch(iter([1, 2])),
        lambda monitor: monitor.evaluation("validation"),
        lambda monitor: monitor.canary(Canary.record("m", lambda x: x, [1.0]), lambda x: x),
    ],
)
def test_what_a_monitor_has_given_keeps_its_run(tmp_path: Path, kept: Callable[[ModelMonitor], Any]) -> None:
    handle = kept(ModelMonitor("m", delivery=[Endpoint(discovery_dir=tmp_path, linger=0)]))
    gc.collect()
    looked = threading.Event()
    live_runs.later(looked.set)
    assert looked.wait(PATIENCE)
    assert len(announced(tmp_path)) == 1
    del handle
    gc.collect()
    wait_until(lambda: not announced(tmp_path), "the end of the run")


def test_what_still_reports_to_a_run_whose_monitor_is_gone_is_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = ModelMonitor("m", delivery=[])._recorder
    gc.collect()
    wait_until(lambda: recorder.state == "finished")
    wait_until(lambda: not recorder.enabled)
    recorder.step(1.0, None, None, None, None, 0, {})
    assert "keep a reference to it" in caplog.text


# One run after another


def test_the_end_of_a_run_does_not_hold_up_the_next_one_and_is_still_seen(tmp_path: Path) -> None:
    endpoint = Endpoint(discovery_dir=tmp_path, linger=FOREVER)

    def short(run: str) -> str:
        with ModelMonitor("m", run=run, delivery=[endpoint]) as monitor:
            monitor.step(loss=1.0)
            assert monitor.url is not None
            scrape_and_let_it_be_noted(monitor.url)
        return monitor.url

    urls = finished(lambda: [short(f"r{at}") for at in range(20)])
    assert len(list(tmp_path.glob("*.json"))) == 20
    for url in urls:
        assert 'state="finished"} 1.0' in scrape(url)
    wait_until(lambda: not any(run.name[0] == "m" for run in live_runs), "the end of all")
    assert not list(tmp_path.glob("*.json"))


UNCLOSED = """
import json, sys
from traingauge import Endpoint, ModelMonitor
monitors = [ModelMonitor("m", run=f"r{at}", delivery=[Endpoint(discovery_dir=sys.argv[1])]) for at in range(30)]
for monitor in monitors:
    monitor.step(loss=1.0)
print(json.dumps([monitor.url for monitor in monitors]), flush=True)
sys.stdin.read()
"""


def test_runs_that_were_not_closed_end_together(tmp_path: Path) -> None:
    """Each is scraped twice, so that each waits: one after another, these waits would take minutes."""
    command = [sys.executable, "-c", UNCLOSED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        urls = json.loads(process.stdout.readline())
        for url in urls:
            scrape_and_let_it_be_noted(url)
        process.stdin.close()

        def all_over() -> bool:
            return (
                'state="running"} 1.0'
                not in requests.get(f"http://{urlsplit(urls[0]).netloc}/metrics", timeout=PATIENCE).text
            )

        wait_until(all_over, "the end of all")
        for url in urls:
            assert 'state="finished"} 1.0' in scrape(url)
        assert process.wait(PATIENCE) == 0
    assert not list(tmp_path.glob("*.json"))


MANY = """
import resource
from traingauge import Endpoint, ModelMonitor
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
monitors = [ModelMonitor("m", run=f"r{at}", delivery=[Endpoint(discovery_dir=False)]) for at in range(255)]
print(len({monitor.url for monitor in monitors}))
"""


def test_hundreds_of_runs_need_no_descriptors_of_their_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.strip() == "255", done.stderr


def _short_run(directory: str, urls: Any) -> None:
    with ModelMonitor("m", run="r", delivery=[Endpoint(discovery_dir=directory)]) as monitor:
        urls.put(monitor.url)
        wait_until(lambda: bool(monitor._deliveries._started[0].scrapes), "a scrape")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_does_not_exit_before_the_end_of_its_run_was_seen(tmp_path: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    urls = context.Queue()
    worker = context.Process(target=_short_run, args=(str(tmp_path), urls))
    worker.start()
    url = urls.get(timeout=PATIENCE)
    scrape(url)
    wait_until(lambda: 'state="finished"} 1.0' in requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    scrape(url)
    worker.join(PATIENCE)
    assert worker.exitcode == 0
    assert not list(tmp_path.glob("*.json"))
