"""The page about what arrives says what was measured, losses too."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from benchmarks.delivery.gate import Gate
from benchmarks.delivery.report import COMPARED, RESULTS, page
from benchmarks.delivery.scenarios import SCENARIOS, difference
from benchmarks.delivery.side_by_side import arrived


@pytest.fixture
def results() -> dict[str, Any]:
    return copy.deepcopy(json.loads(RESULTS.read_text(encoding="utf-8")))


def test_the_committed_results_are_of_all_scenarios_and_name_the_processor(results: dict[str, Any]) -> None:
    assert list(results["scenarios"]) == list(results["measured"]) == list(SCENARIOS)
    assert f"* processor: {results['machine']['processor']}" in page(results)


def test_lost_doubled_and_wrong_samples_are_on_the_page(results: dict[str, Any]) -> None:
    for at, name in enumerate(COMPARED):
        results["scenarios"][name].update(right=1000, lost=100 + at, doubled=7, different=2)
        results["scenarios"][name].pop("missing", None)
    found = re.findall(r"\| 1 (\d{3}) \| 1 000 \| (\d{3}) \| 7 \| 2 \|", page(results))
    assert found == [(str(102 + at), str(100 + at)) for at in range(len(COMPARED))]


def test_samples_are_compared_by_millisecond_and_value() -> None:
    wanted = {1: 0.1, 2: 0.2, 3: 0.3}
    found = [(1, 0.1), (2, 0.25), (2, 0.25), (4, 0.4)]
    assert difference(wanted, found, exact=0.0) == {
        "right": 1,
        "different": 1,
        "doubled": 1,
        "lost": 1,
        "not recorded": 1,
    }


def test_a_server_or_a_sender_that_is_missing_is_named_on_the_page(results: dict[str, Any]) -> None:
    results["scenarios"]["2.0, outage"] = {"missing": "no server"}
    senders = results["scenarios"]["side by side"]
    senders["missing"]["MLflow"] = "no sender"
    for found in senders["outages"].values():
        found.pop("MLflow", None)
    text = page(results)
    assert re.search(r"^\| .* \| not measured: no server \|", text, re.MULTILINE)
    assert "* MLflow: no sender" in text


def test_values_that_arrive_late_or_again_are_counted_as_that() -> None:
    recorded = [[1000, 1001, 0.1, 1.0, 10.0], [2000, 2001, 0.2, 2.0, 20.0]]
    found = {"loss": [(1000, 0.1), (2900, 0.2), (3900, 0.2)], "learning_rate": [(2000, 7.0)]}
    assert arrived(recorded, found) == {"recorded": 6, "arrived": 2, "timed": 1, "repeated": 1, "strange": 1}


@pytest.fixture
def port() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("silent", "error"), [(False, requests.ConnectionError), (True, requests.ReadTimeout)]
)
def test_a_blocked_way_refuses_or_never_answers_until_it_is_free(
    port: int, silent: bool, error: type[Exception]
) -> None:
    gate = Gate(port, silent=silent)
    for _ in range(2):
        assert requests.get(gate.address, timeout=30).status_code == 204
        gate.block()
        with pytest.raises(error):
            requests.get(gate.address, timeout=0.1)
        gate.unblock()
    gate.stop()
