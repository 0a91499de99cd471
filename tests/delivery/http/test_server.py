"""What the endpoint answers, over real sockets."""

from __future__ import annotations

import gzip
import multiprocessing
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable

import pytest
from prometheus_client import Metric as ClientMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.delivery.http.conftest import Client, Connect, Start
from tests.waiting import PATIENCE
from traingauge import Endpoint, ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.core.collectors.scores import Scores
from traingauge.core.families import Family, keys, single
from traingauge.core.guard import Guard
from traingauge.delivery.http.server import COMPRESS_FROM
from traingauge.errors import AddressError, PortInUseError, TrainGaugeError

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def many() -> list[Family]:
    return [Family(CATALOG["model_class_f1"], keys(*(("train", str(at)) for at in range(100))), [0.5] * 100)]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (f"{OPENMETRICS};q=0.1, text/plain;q=0.2", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_metrics_come_in_the_format_that_is_preferred(
    start: Start, connect: Connect, accept: str, content_type: str
) -> None:
    status, headers, body = connect(start()).request(Accept=accept)
    assert (status, headers["content-type"]) == (200, content_type)
    assert headers["vary"] == "Accept, Accept-Encoding"
    assert body.endswith(b"# EOF\n") is ("openmetrics" in content_type)


def test_a_body_is_compressed_where_the_client_takes_it(start: Start, connect: Connect) -> None:
    client = connect(start(many))
    _, plain_headers, plain = client.request()
    _, headers, packed = client.request(Accept_Encoding="gzip")
    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 5


def test_a_short_body_is_not_worth_compressing(start: Start, connect: Connect) -> None:
    _, headers, body = connect(start()).request(Accept_Encoding="gzip")
    assert len(body) < COMPRESS_FROM
    assert "content-encoding" not in headers


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/log", "/", "/nowhere"])
def test_a_head_says_what_a_get_would_without_the_body(start: Start, connect: Connect, path: str) -> None:
    client = connect(start())
    of_head, of_get = client.request(path, "HEAD"), client.request(path)
    varying = {"date"}
    assert of_head[0] == of_get[0]
    assert {n: v for n, v in of_head[1].items() if n not in varying} == {
        n: v for n, v in of_get[1].items() if n not in varying
    }
    assert of_get[1]["content-length"] == str(len(of_get[2]))


def test_an_unknown_path_gets_a_list_of_the_known_ones(start: Start, connect: Connect) -> None:
    status, _, body = connect(start()).request("/metric")
    assert status == 404
    assert b"/metrics" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_another_method_gets_a_list_of_the_allowed_ones(start: Start, connect: Connect, method: str) -> None:
    status, headers, _ = connect(start()).request(method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_the_refusal_of_a_large_body_arrives(start: Start, connect: Connect) -> None:
    """To close a socket that has something unread resets it, and the response is lost."""
    client = connect(start())
    body = "x" * 2_000_000
    sender = threading.Thread(
        target=client.send, args=(f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}",)
    )
    sender.start()
    assert client.response()[0] == 405
    sender.join()


def test_health_is_ok_while_it_serves(start: Start, connect: Connect) -> None:
    assert connect(start()).request("/healthz")[::2] == (200, b"ok\n")


def test_the_landing_page_shows_facts_and_links_as_text(start: Start, connect: Connect) -> None:
    hostile = "<script>alert('1')</script>"
    server = start(facts=lambda: {"Model": hostile}, links={hostile: '"><b>'})
    status, headers, body = connect(server).request("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<script>" not in body
    assert b"<b>" not in body
    assert b"&lt;script&gt;" in body


def test_the_links_of_the_landing_page_hold_behind_the_path_of_a_proxy(
    start: Start, connect: Connect
) -> None:
    body = connect(start()).request("/")[2].decode()
    assert set(re.findall('href="(.*?)"', body)) == {"metrics", "healthz", "log"}


def test_a_browser_may_do_nothing_with_the_landing_page_but_show_it(start: Start, connect: Connect) -> None:
    _, headers, _ = connect(start()).request("/")
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/log", "/nowhere"])
def test_no_answer_is_taken_for_another_type(start: Start, connect: Connect, path: str) -> None:
    assert connect(start()).request(path)[1]["x-content-type-options"] == "nosniff"


def ask(client: Client, host: str) -> int:
    client.send(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n")
    return client.response()[0]


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:9109", "127.0.0.1.nip.io", "a.b."])
def test_on_the_loopback_a_name_that_a_stranger_can_register_is_refused(
    start: Start, connect: Connect, host: str
) -> None:
    assert ask(connect(start()), host) == 421
    assert ask(connect(start(host="0.0.0.0")), host) == 200


def test_a_name_that_is_advertised_is_answered_on_the_loopback(start: Start, connect: Connect) -> None:
    server = start(advertise="Runs.example.org")
    assert ask(connect(server), "runs.example.org:19109") == 200
    assert ask(connect(server), "example.org") == 421


@pytest.mark.parametrize(
    "host",
    ["localhost:9109", "127.0.0.1", "[::1]:9109", "trainer-1", "host.docker.internal:9109", "", "LOCALHOST"],
)
def test_names_of_this_machine_are_answered(start: Start, connect: Connect, host: str) -> None:
    assert ask(connect(start()), host) == 200


def test_a_lone_surrogate_does_not_stop_the_landing_page(start: Start, connect: Connect) -> None:
    assert connect(start(facts=lambda: {"Model": "a\ud800"})).request("/")[0] == 200


def test_a_taken_port_is_named_with_what_to_do(start: Start) -> None:
    taken = start()
    with pytest.raises(PortInUseError, match=rf"port {taken.port} on 127\.0\.0\.1 .*port=0") as caught:
        start(port=taken.port)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, TrainGaugeError)


def test_port_0_picks_a_free_one(start: Start, connect: Connect) -> None:
    one, two = start(), start(port=0)
    assert one.port != two.port
    assert one.url == f"http://127.0.0.1:{one.port}"
    assert connect(two).request()[0] == 200


def test_an_address_of_another_machine_is_an_error_that_names_it(start: Start) -> None:
    with pytest.raises(
        AddressError, match=r"'192\.0\.2\.1' cannot be listened on .*expected an address of this machine"
    ):
        start(host="192.0.2.1")


def test_it_serves_on_ipv6(start: Start, connect: Connect) -> None:
    server = start(host="::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert connect(server, "::1").request()[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_a_wildcard_address_is_reached_and_announced_by_this_machines_name(
    start: Start, connect: Connect, host: str
) -> None:
    server = start(host=host)
    assert server.address == f"{socket.gethostname()}:{server.port}"
    assert connect(server).request()[0] == 200


def test_an_error_while_rendering_is_answered_500_and_counted(
    start: Start, connect: Connect, guard: Guard
) -> None:

    def families() -> list[Family]:
        raise ZeroDivisionError("broken")

    server = start(families)
    client = connect(server)
    assert client.request()[0] == 500
    assert guard.errors["server"] == 1
    assert client.request("/healthz")[0] == 200


def test_a_collector_that_cannot_be_read_is_left_out_and_counted(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scores, "families", lambda scores: [1 / 0])
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        monitor.step(loss=1.0)
        body = connect(monitor).request()[2].decode()
        assert 'model_loss{model="m"' in body
        body = connect(monitor).request()[2].decode()
    assert 'reason="scrape",run="' in body
    (errors,) = [family for family in parse_text(body) if family.name == "model_monitor_errors"]
    assert {one.labels["reason"]: one.value for one in errors.samples}["scrape"] >= 1


def test_an_error_of_a_request_is_counted_by_the_run(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traingauge.monitor.facts", lambda *run: {"": 1 / 0})
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        assert connect(monitor).request("/")[0] == 500
        body = connect(monitor).request()[2].decode()
    (errors,) = [family for family in parse_text(body) if family.name == "model_monitor_errors"]
    assert {one.labels["reason"]: one.value for one in errors.samples}["server"] == 1


def test_a_scrape_is_what_promtool_and_both_parsers_take_without_complaint(connect: Connect) -> None:
    with ModelMonitor("m", thresholds={"loss": 3.0}, delivery=[Endpoint(discovery_dir=False)]) as monitor:
        for step in range(5):
            monitor.step(loss=1.0 / (step + 1), y_true=[0, 1, 2], y_pred=[0, 1, step % 3], learning_rate=0.1)
        monitor.evaluate("validation", loss=1.0, y_true=[0, 1], y_pred=[0, 1])
        monitor.end_epoch()
        client = connect(monitor)
        text = client.request()[2]
        openmetrics = client.request(Accept=OPENMETRICS)[2]
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH"
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert _samples(parse_text(text.decode())) == _samples(parse_openmetrics(openmetrics.decode()))


def _samples(families: Iterable[ClientMetric]) -> set[str]:
    return {sample.name for family in families for sample in family.samples}


def test_a_scrape_by_a_prometheus_is_remembered_and_that_of_a_person_is_not(
    start: Start, connect: Connect
) -> None:
    server = start()
    client = connect(server)
    client.request()
    client.request(method="HEAD", X_Prometheus_Scrape_Timeout_Seconds="10")
    client.request("/healthz", X_Prometheus_Scrape_Timeout_Seconds="10")
    client.request("/healthz")  # a connection's requests are answered in turn: those above are done with
    assert not server.runs[0].scrapes
    client.request(X_Prometheus_Scrape_Timeout_Seconds="10")
    assert server.runs[0].scrapes.wait(after=0.0, at_most=PATIENCE)


def test_loss_and_step_counter_are_of_the_same_step_in_every_scrape(connect: Connect) -> None:
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        done = threading.Event()
        readings: list[list[tuple[float, float, float]]] = [[], [], []]

        def train() -> None:
            """Steps without a pause, but no further ahead of the scrapes than they can follow on a busy machine."""
            step = 0
            while not done.is_set():
                if step >= 1000 * (1 + sum(map(len, readings))):
                    time.sleep(0.001)
                    continue
                step += 1
                monitor.step(loss=float(step), samples=2)

        def scrape(found: list[tuple[float, float, float]]) -> None:
            client = connect(monitor)
            for _ in range(15):
                found.append(_read(client.request()[2].decode()))

        training = threading.Thread(target=train)
        scrapers = [threading.Thread(target=scrape, args=(found,)) for found in readings]
        for thread in (training, *scrapers):
            thread.start()
        for thread in scrapers:
            thread.join()
        done.set()
        training.join()
    for found in readings:
        assert len(found) == 15
        assert all(steps in {loss, 0} for loss, steps, _ in found)
        assert all(samples == 2 * steps for _, steps, samples in found)
        assert found == sorted(found, key=lambda one: one[1])
        assert found[-1][1] > found[0][1]


def _read(text: str) -> tuple[float, float, float]:
    values = {
        sample.name: sample.value
        for family in parse_text(text)
        for sample in family.samples
        if sample.labels.get("split") == "train"
    }
    return values.get("model_loss", 0.0), values["model_steps_total"], values["model_samples_total"]


def test_closing_drops_connected_clients_and_frees_the_port(start: Start, connect: Connect) -> None:
    server = start()
    idle, busy = connect(server), connect(server)
    busy.request()
    server.close()
    server.close()
    assert idle.is_closed()
    assert busy.is_closed()
    with pytest.raises(ConnectionError):
        connect(server)
    assert start(port=server.port).port == server.port


def test_a_forked_worker_does_not_hold_the_port(start: Start) -> None:
    server = start()
    context = multiprocessing.get_context("fork")
    inside, outside = context.Pipe()
    worker = context.Process(target=lambda: (inside.send("up"), inside.recv()))
    worker.start()
    try:
        assert outside.recv() == "up"
        server.close()
        assert start(port=server.port).port == server.port
    finally:
        outside.send("end")
        worker.join()


def test_a_connection_ends_with_the_server_and_not_with_a_forked_worker(
    start: Start, connect: Connect
) -> None:
    server = start()
    client = connect(server)
    client.request()
    context = multiprocessing.get_context("fork")
    inside, outside = context.Pipe()
    worker = context.Process(target=lambda: (inside.send("up"), inside.recv()))
    worker.start()
    try:
        assert outside.recv() == "up"
        server.close()
        assert client.is_closed()
    finally:
        outside.send("end")
        worker.join()


def test_an_unlabelled_run_is_one_line(start: Start, connect: Connect) -> None:
    body = connect(start(lambda: [single("model_steps_planned", 3.0)])).request()[2]
    assert body.splitlines()[-1] == b'model_steps_planned{model="m",run="r"} 3.0'
