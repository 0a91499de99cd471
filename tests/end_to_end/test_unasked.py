"""Runs that Prometheus does not ask: a killed one is reported once, whatever its way out, and one that ends in order is not.

The servers and the rules are real, as in :mod:`tests.end_to_end.test_alerts`, and so is how waits are shortened.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.delivery.pushgateway_server import pushgateway
from tests.delivery.real_server import real_server
from traingauge.stack.doctor.copies import pushgateway as pushgateway_check
from traingauge.stack.doctor.copies import text_file
from traingauge.stack.doctor.subject import Subject
from traingauge.stack.notification import Alert
from traingauge.stack.pace import Pace, at_a_pace_that_holds
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

pytestmark = pytest.mark.servers

PACE = Pace(30.0)

#: Seconds that ModelExporterDown waits, the longest of the rules about runs that are gone.
LONGEST_WAIT = 300

#: Seconds for which a copy shows an end, as by default.
SHOWN = 120

WAYS = ("pushed", "kept", "written")
ENDS = ("killed", "finished")

CHILD = """
import sys, threading
from traingauge import ModelMonitor, Pushgateway, RemoteWrite, State, TextFile

run, way, where, state, every, shown = sys.argv[1:]
delivery = {
    "pushed": lambda: Pushgateway(where, every=float(every), delete_after=float(shown)),
    "kept": lambda: TextFile(where, every=float(every), delete_after=float(shown)),
    "written": lambda: RemoteWrite(where, interval=float(every)),
}[way]()
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
with ModelMonitor("unasked", run=run, delivery=[delivery], state=State(state, save_every=0.2)) as monitor:
    while not over.wait(0.05):
        monitor.step(loss=1.0)
"""


class World:
    """The servers, and a run for each way out and each end.

    Args:
        stack: Prometheus and Alertmanager.
        places: Where each way out leads.
        folder: For the states of the runs.
    """

    def __init__(self, stack: Stack, places: dict[str, str], folder: Path) -> None:
        self.stack, self.places = stack, places
        factor = stack.pace.factor
        self.runs = {
            (way, end): subprocess.Popen(
                [
                    *(sys.executable, "-c", CHILD, f"{way}-{end}", way, places[way]),
                    *(str(folder / f"{way}-{end}"), str(15 / factor), str(SHOWN / factor)),
                ],
                stdin=subprocess.PIPE,
                text=True,
            )
            for way in WAYS
            for end in ENDS
        }

    def wait_until(self, query: str, what: str) -> None:
        """Wait until each run of a query is there."""
        self.stack.wait_for(lambda: len(self.stack.prometheus.query(query)) == len(WAYS), what, timeout=300)
        self.stack.check_pace()

    def examine(self) -> None:
        """Check that doctor finds all runs that are pushed or kept in files in order."""
        places = self.places
        subject = Subject(
            self.stack.discovery_dir,
            self.stack.prometheus_url,
            pushgateway_url=places["pushed"],
            textfile_dir=Path(places["kept"]),
        )
        found = [finding for check in (pushgateway_check, text_file) for finding in check(subject)]
        assert [one.status for one in found] == ["ok"] * 2 * 2 * len(ENDS), found

    def end(self) -> None:
        for (_, end), run in self.runs.items():
            if end == "killed":
                run.kill()
        for (_, end), run in self.runs.items():
            run.communicate("\n" if end == "finished" else None, timeout=300)

    def stop(self) -> None:
        for run in self.runs.values():
            run.kill()
            run.communicate()


@contextmanager
def world(pace: Pace, receiver: WebhookReceiver, folder: Path) -> Iterator[World]:
    texts = folder / "texts"
    texts.mkdir()
    only = ("--collector.disable-defaults", "--collector.textfile")
    where = f"--collector.textfile.directory={texts}"
    with ExitStack() as servers:
        gateway = servers.enter_context(pushgateway(folder))
        node = servers.enter_context(real_server("node-exporter", folder, *only, where, ready_path="/"))
        stack = servers.enter_context(Stack(webhook_url=receiver.url, pace=pace))
        targets = [{"targets": [server.url.removeprefix("http://")]} for server in (gateway, node)]
        (stack.discovery_dir / "others.json").write_text(json.dumps(targets))
        places = {
            "pushed": gateway.url,
            "kept": str(texts),
            "written": f"{stack.prometheus_url}/api/v1/write",
        }
        one = World(stack, places, folder)
        servers.callback(one.stop)
        yield one


def delivered(pace: Pace, folder: Path) -> list[Alert]:
    """What is notified of all runs while three are killed and three end in order."""
    folder = folder / f"{pace.factor:g}"
    folder.mkdir()
    with WebhookReceiver() as receiver, world(pace, receiver, folder) as it:
        for end in ENDS:
            it.wait_until(f'model_steps_total{{split="train", run=~".*-{end}"}} > 20', "every run is there")
        it.examine()
        it.end()
        ended = 'count by (run) (last_over_time(model_run_state{state="finished"}[30m]) == 1)'
        it.wait_until(ended, "every end is there")
        fired = 'count by (run) (ALERTS{alertname="ModelRunVanished", alertstate="firing"})'
        it.wait_until(fired, "every death is reported")
        it.stack.wait_for(it.stack.evaluated_for(LONGEST_WAIT / pace.factor + 2), "a late alert", timeout=600)
        it.stack.check_pace()
        return [alert for _, alert in receiver.alerts("firing") if alert.labels.get("model") == "unasked"]


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> list[Alert]:
    folder = tmp_path_factory.mktemp("unasked")
    return at_a_pace_that_holds(lambda pace: delivered(pace, folder), PACE)


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_run_is_notified_once_with_the_labels_of_a_scraped_one(
    alerts: list[Alert], way: str
) -> None:
    (alert,) = (one for one in alerts if one.labels["run"] == f"{way}-killed")
    assert alert.labels == {
        "alertname": "ModelRunVanished",
        "model": "unasked",
        "run": f"{way}-killed",
        "severity": "critical",
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_ends_in_order_notifies_no_one(alerts: list[Alert], way: str) -> None:
    assert [one for one in alerts if one.labels["run"] == f"{way}-finished"] == []
