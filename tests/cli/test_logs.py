"""What monitoring complained about, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from traingauge import Endpoint, ModelMonitor, logs
from traingauge.cli.main import main
from traingauge.logs import logger


@pytest.fixture(autouse=True)
def _nothing_logged() -> None:
    logs.recent.clear()


def shown(capsys: pytest.CaptureFixture[str], directory: Path, *options: str) -> str:
    assert main(["logs", f"--directory={directory}", *options]) == 0
    return capsys.readouterr().out


def endpoint(directory: Path, token_file: Path | None = None) -> Endpoint:
    return Endpoint(discovery_dir=directory, linger=0, token_file=token_file)


def test_what_monitoring_complained_about_is_shown_once_for_the_runs_of_a_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = endpoint(tmp_path)
    with (
        ModelMonitor("digits", run="r1", delivery=[delivery]) as run,
        ModelMonitor("digits", run="r2", delivery=[delivery]),
    ):
        assert shown(capsys, tmp_path) == "digits / r1, digits / r2\n  nothing\n"
        run.step(y_true=[0, 1], y_pred=[0, 1])
        run.step(y_true=[0, 1], y_pred=[0])
        _, line = shown(capsys, tmp_path).splitlines()
    assert "data left out (data): " in line


def test_the_last_lines_of_one_run_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]):
        for number in range(3):
            logger.warning("line %d", number)
        _, *lines = shown(capsys, tmp_path, "r1", "--tail=2").splitlines()
        assert [line.split(" ", 3)[-1] for line in lines] == ["line 1", "line 2"]


def test_a_run_that_there_is_not_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, tmp_path) == f"no runs in {tmp_path}\n"
    assert main(["logs", "r2", f"--directory={tmp_path}"]) == 1
    assert capsys.readouterr().err == f"traingauge: no run r2 in {tmp_path}\n"


def test_an_address_that_is_none_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = {"model": "digits", "run": "other"}
    (tmp_path / "other.json").write_text(json.dumps([{"targets": ["[::1"], "labels": labels}]))
    assert shown(capsys, tmp_path) == f"no runs in {tmp_path}\n"


def test_a_number_of_lines_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["logs", "--tail=0"])
    assert "expected a number of lines above 0" in capsys.readouterr().err


def test_a_line_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]):
        logger.warning("a\x1b[2Jb\nc")
        assert shown(capsys, tmp_path).splitlines()[1].endswith("a?[2Jb c")


def test_the_log_of_a_run_needs_the_token_of_its_endpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token, targets = tmp_path / "token", tmp_path / "targets"
    token.write_text("secret-of-the-endpoint\n")
    with ModelMonitor("digits", run="r1", delivery=[endpoint(targets, token)]):
        logger.warning("a line")
        assert "cannot be read: 401" in shown(capsys, targets)
        assert "a line" in shown(capsys, targets, f"--token-file={token}")


def test_records_below_a_warning_and_the_oldest_ones_are_not_kept() -> None:
    logger.info("all is well")
    for number in range(logs.KEPT + 1):
        logger.warning("%d " + "x" * logs.LONGEST, number)
    assert len(logs.recent) == logs.KEPT
    assert logs.recent[0][1].startswith("1 x")
    assert len(logs.recent[0][1]) == logs.LONGEST
