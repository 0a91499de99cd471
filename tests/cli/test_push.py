"""What a dead process left, sent from the command line."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.delivery.remote_write.receiver import Answer, Receiver
from traingauge import ModelMonitor, State, export
from traingauge.cli.main import main


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("state")
    with ModelMonitor("m", run="r", delivery=[], state=State(directory)) as monitor:
        for step in range(40):
            monitor.step(loss=1 / (step + 1), learning_rate=0.1)
            time.sleep(0.0015)
    return directory


def push(state: Path, receiver: Receiver, *more: str) -> int:
    return main(["push", str(state), "--to", receiver.url, *more])


def test_every_row_arrives_and_a_second_push_sends_nothing(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver() as receiver:
        assert push(state, receiver) == 0
        assert capsys.readouterr().out == "120 samples were delivered, 0 given up\n"
        rows = export.read(state)[1]["train"]
        times = np.round(rows["time"] * 1000).astype(int).tolist()
        assert receiver.values("model_loss", split="train") == dict(
            zip(times, rows["loss"].tolist(), strict=True)
        )
        assert push(state, receiver) == 0
        assert (receiver.sent, capsys.readouterr().out) == (120, "0 samples were delivered, 0 given up\n")


def test_a_receiver_that_does_not_answer_in_time_fails_and_what_is_left_is_sent_later(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver(fault=lambda _: Answer(503)) as receiver:
        assert push(state, receiver, "--wait", "0") == 1
        assert "answered 503" in (error := capsys.readouterr().err)
        assert "40 rows are left: once the receiver takes them, run the command again" in error
        receiver.fault = lambda _: None
        assert push(state, receiver, "--header", "X-Scope-OrgID=team", "--every", "10") == 0
        assert receiver.headers["X-Scope-OrgID"] == "team"
        assert list(receiver.values("model_step").values()) == [10, 20, 30, 40]


def test_what_one_tenant_has_is_sent_to_another(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver() as receiver:
        for tenant in "ab":
            assert push(state, receiver, "--header", f"X-Scope-OrgID={tenant}", "--every", "10") == 0
            receiver.samples.clear()
        assert capsys.readouterr().out == 2 * "12 samples were delivered, 0 given up\n"


def test_samples_that_are_given_up_are_counted_by_their_reason(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver(fault=lambda _: Answer(500, "too old sample")) as receiver:
        assert push(state, receiver) == 0
    assert capsys.readouterr().out == (
        "0 samples were delivered, 120 given up\n"
        "  120: they are too old for the receiver; `traingauge state export` writes them for an import\n"
    )


def test_a_run_that_still_trains_sends_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver() as receiver, ModelMonitor("m", delivery=[], state=State(tmp_path)) as monitor:
        monitor.step(loss=0.5)
        while main(["state", "show", str(tmp_path)]) != 0:
            time.sleep(0.01)
        assert push(tmp_path, receiver) == 1
        assert "in use by process" in capsys.readouterr().err


def test_a_directory_without_a_state_and_a_wrong_address_are_said(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(tmp_path), "--to", "http://127.0.0.1:9/w"]) == 1
    assert "holds no state" in capsys.readouterr().err
    assert main(["push", str(state), "--to", "nowhere"]) == 1
    assert "RemoteWrite.url is 'nowhere'" in capsys.readouterr().err
