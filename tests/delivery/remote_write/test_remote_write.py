"""A run that sends itself."""

from __future__ import annotations

import copy
import gc
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.delivery.remote_write.receiver import Answer, Receiver, read_1
from tests.waiting import PATIENCE, wait_until
from traingauge import ModelMonitor, RemoteWrite, State, TrainGaugeError, export
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.state import spool as spool_module

Reading = Callable[..., float | None]

#: Seconds between two readings, in tests.
OFTEN = 0.1


def wait_for_ends() -> None:
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "traingauge-end"], "the end")


def train(monitor: ModelMonitor, steps: int) -> None:
    for step in range(1, steps + 1):
        monitor.step(loss=1 / step, learning_rate=0.1, entropy=float(step))
        time.sleep(0.0015)


def expected(monitor: ModelMonitor, column: str) -> dict[int, float]:
    rows = monitor.rows()
    times = np.asarray(rows["time"]) * 1000
    return dict(zip(times.round().astype(int).tolist(), rows[column].tolist(), strict=True))


def without_end(points: dict[int, float]) -> dict[int, float]:
    """Points of a series without the mark of its end."""
    last = max(points)
    assert points[last] != points[last], "the series does not end"
    return {time: value for time, value in points.items() if time != last}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_every_step_arrives_at_its_time_and_every_series_ends(version: str) -> None:
    with Receiver(version) as receiver:
        with ModelMonitor("m", run="r", delivery=[RemoteWrite(receiver.url, interval=OFTEN)]) as monitor:
            train(monitor, 100)
            monitor.evaluate("validation", loss=0.25)
        wait_for_ends()
        for name, labels, column in (
            ("model_loss", {"split": "train"}, "loss"),
            ("model_learning_rate", {}, "learning_rate"),
            ("model_scalar", {"name": "entropy"}, "entropy"),
        ):
            assert without_end(receiver.values(name, **labels)) == expected(monitor, column)
        assert set(without_end(receiver.values("model_loss", split="validation")).values()) == {0.25}
        states = without_end(receiver.values("model_run_state", state="finished"))
        assert (min(states.values()), states[max(states)]) == (0.0, 1.0)


def test_a_run_shorter_than_an_interval_arrives_whole() -> None:
    with Receiver() as receiver:
        with ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=3600)]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")
        assert 1.0 in receiver.values("model_run_state", state="finished").values()


def test_a_run_says_how_often_it_is_read_so_that_its_silence_is_known() -> None:
    with Receiver() as receiver:
        with ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=3600)]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
        assert set(without_end(receiver.values("model_delivery_interval_seconds")).values()) == {3600.0}


def test_a_run_that_is_replaced_sends_nothing_more_and_the_new_one_continues(tmp_path: Path) -> None:
    with Receiver() as receiver:
        setting = RemoteWrite(receiver.url, interval=OFTEN)
        old = ModelMonitor("m", run="r", state=State(tmp_path), delivery=[setting])
        train(old, 20)
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=[setting]) as monitor:
            train(monitor, 20)
        wait_for_ends()
        assert len(monitor.rows()["loss"]) == 40
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")


def test_the_labels_of_the_run_are_on_every_series() -> None:
    with Receiver() as receiver:
        setting = RemoteWrite(receiver.url)
        with ModelMonitor("m", labels={"team": "vision"}, delivery=[setting]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
        assert len(receiver.samples) > 50
        assert all(dict(labels)["team"] == "vision" for labels in receiver.samples)


def test_a_receiver_that_is_down_for_a_while_gets_everything(read: Reading) -> None:
    down = threading.Event()
    down.set()
    with Receiver(fault=lambda _: Answer(503) if down.is_set() else None) as receiver:
        monitor = ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=OFTEN, linger=PATIENCE)])
        train(monitor, 50)
        wait_until(lambda: read(monitor, "model_delivery_failures_total", reason="server"), "a failure")
        wait_until(lambda: (read(monitor, "model_delivery_pending") or 0) >= 50, "rows that wait")
        assert (read(monitor, "model_delivery_lag_seconds") or 0) > 0
        assert read(monitor, "model_monitor_errors_total", reason="delivery")
        down.clear()
        monitor.close()
        wait_for_ends()
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")


def test_answers_that_are_lost_lose_and_double_nothing() -> None:
    with Receiver(lost=lambda number: number % 3 == 0) as receiver:
        with ModelMonitor(
            "m", delivery=[RemoteWrite(receiver.url, interval=2.0, linger=PATIENCE)]
        ) as monitor:
            train(monitor, 100)
        wait_for_ends()
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")
        assert without_end(receiver.values("model_scalar")) == expected(monitor, "entropy")


def test_a_receiver_that_never_answers_does_not_hold_the_end_up(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()
    with Receiver(fault=lambda _: go.wait(PATIENCE) and None) as receiver, caplog.at_level(logging.WARNING):
        with ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=OFTEN, linger=0.3)]) as monitor:
            monitor.step(loss=0.5)
        started = time.monotonic()
        wait_for_ends()
        assert time.monotonic() - started < PATIENCE / 10
        go.set()
    assert "has not taken all of it: the rest is lost, as the run keeps no state" in caplog.text


def test_what_a_run_could_not_send_is_sent_by_the_process_that_resumes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver(fault=lambda _: Answer(503)) as receiver:
        setting = RemoteWrite(receiver.url, interval=OFTEN, linger=0.2)
        with ModelMonitor("m", state=State(tmp_path), delivery=[setting]) as monitor:
            train(monitor, 20)
        wait_for_ends()
        assert f"traingauge push {tmp_path} --to {receiver.url}" in caplog.text
        assert receiver.values("model_loss") == {}
        receiver.fault = lambda _: None
        patient = RemoteWrite(receiver.url, interval=OFTEN)
        with ModelMonitor("m", state=State(tmp_path), delivery=[patient]) as monitor:
            train(monitor, 20)
        wait_for_ends()
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")
        assert len(monitor.rows()["loss"]) == 40


def test_each_tenant_of_one_receiver_gets_what_it_lacks(tmp_path: Path) -> None:
    with Receiver() as one, Receiver() as other:  # the tenants

        def tenants(linger: float) -> list[RemoteWrite]:
            return [
                RemoteWrite(
                    one.url, headers={"X-Scope-OrgID": name}, interval=OFTEN, linger=linger, protocol="1.0"
                )
                for name in "ab"
            ]

        one.fault = lambda _: Answer(503) if one.headers["X-Scope-OrgID"] == "b" else None
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=tenants(0.2)) as monitor:
            train(monitor, 20)
        wait_for_ends()
        one.fault = lambda _: (
            other._take(read_1(one.content)) if one.headers["X-Scope-OrgID"] == "b" else None
        )
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=tenants(PATIENCE)) as monitor:
            train(monitor, 20)
        wait_for_ends()
        for tenant in (one, other):
            found = {time: loss for time, loss in tenant.values("model_loss").items() if not math.isnan(loss)}
            assert found == expected(monitor, "loss")


def test_two_deliveries_to_one_receiver_that_nothing_tells_apart_are_refused() -> None:
    headers = [{"Authorization": "Bearer a", "x-team": "t"}, {"Authorization": "Bearer b", "X-Team": "t"}]
    with pytest.raises(
        InvalidArgumentError, match=r"delivery\[1\] has the receiver of delivery\[0\]"
    ) as raised:
        ModelMonitor("m", delivery=[RemoteWrite("http://h/w", headers=one) for one in headers])
    assert "Bearer" not in str(raised.value)


@pytest.mark.parametrize(
    "field", [{"headers": {"X-Scope-OrgID": "b"}}, {"username": "b", "credentials_file": "f"}]
)
def test_a_header_or_a_user_tells_tenants_apart(field: dict[str, Any]) -> None:
    assert RemoteWrite("http://h/w", **field).receiver != RemoteWrite("http://h/w").receiver


@pytest.mark.parametrize(
    "name", ["X-Author", "X-Keyspace", "X-Compass-Id", "X-Passenger", "X-Monkey", "X-Sessions-Of"]
)
def test_a_header_that_only_contains_the_letters_of_a_credential_tells_tenants_apart(name: str) -> None:
    one, other = (RemoteWrite("http://h/w", headers={name: tenant}) for tenant in "ab")
    assert one.receiver != other.receiver


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "X-Api-Key",
            "x_api_key",
            "X-APIKey",
            "apikey",
            "XAuthToken",
        ),
        *("Private-Token", "X-Amz-Signature", "X-PASSWORD", "X-Session-Id"),
    ],
)
def test_credentials_that_are_renewed_leave_the_receiver_the_same(name: str) -> None:
    assert RemoteWrite("http://h/w", headers={name: "x"}).receiver == RemoteWrite("http://h/w").receiver


def test_the_log_names_every_option_that_a_push_needs_and_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = tmp_path / "a token"
    token.write_text("s3cret")
    with Receiver(fault=lambda _: Answer(503)) as receiver:
        setting = RemoteWrite(
            receiver.url,
            headers={"X-Scope-OrgID": "team-a", "X-Key": "k3y"},
            username="me",
            credentials_file=token,
            every=10,
            protocol="1.0",
            linger=0,
        )
        with ModelMonitor("m", state=State(tmp_path / "state"), delivery=[setting]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
    assert (
        f"`traingauge push {tmp_path}/state --to {receiver.url} --header 'X-Scope-OrgID=…' --header 'X-Key=…' "
        f"--username me --credentials-file '{token}' --every 10 --protocol 1.0` sends the rest"
    ) in caplog.text
    assert not any(hidden in caplog.text for hidden in ("s3cret", "team-a", "k3y"))


class Clock:
    """The clock of this machine; the receiver's is right."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.right, self.ahead = time.time, 0.0
        monkeypatch.setattr(time, "time", lambda: self.right() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("kept", [True, False], ids=["with state", "without state"])
def test_a_clock_that_was_a_day_ahead_and_is_corrected_holds_nothing_up(
    clock: Clock, read: Reading, tmp_path: Path, kept: bool
) -> None:
    with Receiver() as receiver:
        receiver.clock = clock.right
        setting = RemoteWrite(receiver.url, interval=OFTEN, linger=PATIENCE)
        clock.ahead = 86_400.0
        monitor = ModelMonitor("m", delivery=[setting], state=State(tmp_path) if kept else None)
        train(monitor, 20)
        wait_until(lambda: (read(monitor, "model_delivery_pending") or 0) >= 20, "rows that wait")
        assert receiver.values("model_loss") == {}
        clock.ahead = 0.0
        train(monitor, 20)
        monitor.close()
        wait_for_ends()
        found = without_end(receiver.values("model_loss"))
        assert list(found.items()) == list(expected(monitor, "loss").items())[20:]
        assert 1.0 in receiver.values("model_run_state", state="finished").values()
        newest = max(max(points) for points in receiver.samples.values())
        assert newest <= 1000 * clock.right() + 100, "nothing is in the future"
        assert (read(monitor, "model_delivery_dropped_total", reason="clock") or 0) >= 60


def test_a_right_clock_that_is_set_back_an_hour_keeps_no_end_from_the_receiver(
    clock: Clock, read: Reading
) -> None:
    with Receiver() as receiver:
        receiver.clock = clock.right
        monitor = ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=OFTEN, linger=PATIENCE)])
        train(monitor, 20)
        wait_until(lambda: len(receiver.values("model_loss")) >= 20, "the steps")
        wait_until(lambda: receiver.values("model_run_state", state="running"), "a reading")
        clock.ahead = -3600.0
        train(monitor, 20)
        monitor.close()
        wait_for_ends()
        assert 1.0 in without_end(receiver.values("model_run_state", state="finished")).values()
        assert read(monitor, "model_delivery_dropped_total", reason="order"), (
            "the receiver takes no earlier steps"
        )


KILLED = """
import sys, time
from traingauge import ModelMonitor, RemoteWrite, State
setting = RemoteWrite(sys.argv[2], interval=0.2)
monitor = ModelMonitor("m", run="r", state=State(sys.argv[1], save_every=0.1), delivery=[setting])
print("up", flush=True)
while True:
    monitor.step(loss=0.5, learning_rate=0.1)
    time.sleep(0.002)
"""


def test_a_training_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Receiver() as receiver:
        for kill in range(2):
            before = receiver.requests
            process = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(state), receiver.url], stdout=subprocess.PIPE
            )
            wait_until(lambda: receiver.requests > before + 1 + kill, "requests")  # noqa: B023 at once
            process.send_signal(signal.SIGKILL)
            process.communicate()
        setting = RemoteWrite(receiver.url, interval=OFTEN)
        with ModelMonitor("m", run="r", state=State(state), delivery=[setting]) as monitor:
            monitor.step(loss=0.5, learning_rate=0.1)
        wait_for_ends()
        assert without_end(receiver.values("model_loss")) == expected(monitor, "loss")
        assert without_end(receiver.values("model_learning_rate")) == expected(monitor, "learning_rate")
        saved, _ = export.read(state)
        assert not any(saved.tree["delivery"]["dropped"].values())


def test_samples_that_are_too_old_are_given_up_and_the_log_says_how_to_keep_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Receiver(fault=lambda number: Answer(500, "too old sample") if number < 20 else None) as receiver:
        monitor = ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=OFTEN)])
        train(monitor, 20)
        monitor.close()
        wait_for_ends()
    assert "`traingauge state export` writes them for an import" in caplog.text


def test_the_rows_of_a_run_without_state_go_with_its_monitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Receiver() as receiver:
        with ModelMonitor("m", delivery=[RemoteWrite(receiver.url)]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
        assert [path.name.startswith("traingauge-") for path in tmp_path.iterdir()] == [True]
        assert monitor.rows()["loss"].tolist() == [0.5]
        del monitor
        gc.collect()
        assert not list(tmp_path.iterdir())


def test_a_run_that_finds_no_place_for_its_rows_sends_readings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module.tempfile, "mkdtemp", full)
    with Receiver() as receiver:
        with ModelMonitor("m", delivery=[RemoteWrite(receiver.url)]) as monitor:
            monitor.step(loss=0.5)
        wait_for_ends()
        assert set(without_end(receiver.values("model_loss")).values()) == {0.5}
    assert "steps are not delivered" in caplog.text


def test_a_forked_child_leaves_the_sending_to_its_parent() -> None:
    with Receiver() as receiver:
        monitor = ModelMonitor("m", delivery=[RemoteWrite(receiver.url, interval=OFTEN)])
        monitor.step(loss=0.5)
        child = os.fork()
        if child == 0:
            monitor.close()
            os._exit(0)
        os.waitpid(child, 0)
        monitor.step(loss=0.25)
        monitor.close()
        wait_for_ends()
        assert sorted(without_end(receiver.values("model_loss")).values()) == [0.25, 0.5]


def test_the_variable_adds_a_remote_write_to_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t0ken")
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_DIR", str(tmp_path / "targets"))
    monkeypatch.setenv("TRAINGAUGE_REMOTE_WRITE_CREDENTIALS_FILE", str(tmp_path / "token"))
    with Receiver() as receiver:
        monkeypatch.setenv("TRAINGAUGE_REMOTE_WRITE_URL", receiver.url)
        with ModelMonitor("m") as monitor:
            assert monitor.url is not None
            monitor.step(loss=0.5)
        wait_for_ends()
        assert set(without_end(receiver.values("model_loss")).values()) == {0.5}
        assert receiver.headers["Authorization"] == "Bearer t0ken"


def test_a_setting_keeps_its_secrets_to_itself_and_can_be_copied() -> None:
    setting = RemoteWrite("http://h/w", headers={"Authorization": "Bearer s3cret"})
    assert "s3cret" not in repr(setting)
    assert copy.deepcopy(setting) == pickle.loads(pickle.dumps(setting)) == setting
    assert hash(setting) == hash(copy.copy(setting))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("url", "prometheus:9090", InvalidArgumentError),
        ("url", "http://user:pass@h/w", InvalidArgumentError),
        ("headers", ["X"], InvalidTypeError),
        ("headers", {"X": "a\nb"}, InvalidArgumentError),
        ("headers", {"X Y": "a"}, InvalidArgumentError),
        ("username", "me", InvalidArgumentError),
        ("credentials_file", 3, InvalidTypeError),
        ("every", 0, InvalidArgumentError),
        ("interval", 0, InvalidArgumentError),
        ("protocol", "3.0", UnknownNameError),
        ("linger", -1, InvalidArgumentError),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: Any, error: type[TrainGaugeError]) -> None:
    with pytest.raises(error, match=f"RemoteWrite.{field}") as raised:
        RemoteWrite(**{"url": "http://h/w", field: value})
    assert "pass" not in str(raised.value).replace("password", "")


def test_a_file_that_cannot_be_read_is_said_when_the_run_starts(tmp_path: Path) -> None:
    setting = RemoteWrite("http://127.0.0.1:9/w", credentials_file=tmp_path / "missing")
    with pytest.raises(InvalidArgumentError, match="credentials_file cannot be read"):
        ModelMonitor("m", delivery=[setting])


def test_a_step_does_nothing_for_it() -> None:
    with Receiver() as receiver:
        one = ModelMonitor("m", delivery=[])
        other = ModelMonitor("m", delivery=[RemoteWrite(receiver.url)])
        assert [cell.cell_contents.__class__ for cell in one.step.__closure__] == [  # type: ignore[attr-defined]
            cell.cell_contents.__class__
            for cell in other.step.__closure__  # type: ignore[attr-defined]
        ]
        one.close()
        other.close()
        wait_for_ends()
