"""A saved run from the command line."""

from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pyarrow import parquet

from tests.waiting import wait_until
from traingauge import ModelMonitor, State
from traingauge.cli.main import main


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    directory = tmp_path_factory.mktemp("state")
    with ModelMonitor('m"1', run="r", delivery=[], state=State(directory)) as run:
        for step in range(60):
            loss = math.nan if step == 40 else 1 / (step + 1)
            run.step(loss, [0, 1], [0, 1], gradient_norm=2.0, entropy=0.5)
            time.sleep(0.002)
        run.evaluate("validation", loss=0.25, y_true=[0, 1], y_pred=[0, 0])
    return directory


def exported(capsys, *arguments):
    assert main(["state", "export", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_show_says_what_a_state_holds(state, capsys):
    assert main(["state", "show", str(state)]) == 0
    shown = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert {name: shown[name].strip() for name in ("Model", "Run", "Rows, train", "Step", "Health")} == {
        "Model": 'm"1',
        "Run": "r",
        "Rows, train": "60",
        "Step": "60",
        "Health": "failing",
    }


def test_csv_has_a_line_a_row(state, capsys):
    rows = list(csv.DictReader(io.StringIO(exported(capsys, state))))
    assert len(rows) == 61
    assert [row["split"] for row in rows[-2:]] == ["train", "validation"]
    assert float(rows[9]["loss"]) == 0.1
    assert rows[40]["loss"] == "nan", "it was given"
    assert (rows[-1]["loss"], rows[-1]["accuracy"], rows[-1]["gradient_norm"]) == ("0.25", "0.5", "")


def test_openmetrics_is_read_by_the_strict_parser_with_every_value_and_time(state, capsys):
    text = exported(capsys, state, "--format", "openmetrics")
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    train = [sample for sample in families["model_loss"] if sample.labels["split"] == "train"]
    assert len(train) == 60
    assert math.isnan(train[40].value)
    assert train[0].labels == {"model": 'm"1', "run": "r", "split": "train"}
    assert abs(float(train[0].timestamp) - time.time()) < 600
    assert [sample.value for sample in families["model_accuracy"]] == [1.0, 1.0, 0.5]
    assert {sample.labels["name"] for sample in families["model_scalar"]} == {"entropy"}
    assert len(families["model_step"]) == 60


def test_promtool_turns_it_into_blocks_that_hold_the_series(state, tmp_path):
    main(["state", "export", str(state), "--format", "openmetrics", "--output", str(tmp_path / "run.om")])
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        tmp_path / "run.om",
        tmp_path / "data",
    ]
    subprocess.run(command, check=True, capture_output=True)
    (tmp_path / "data" / "wal").mkdir()  # promtool dumps nothing without one
    dump = subprocess.run(
        ["promtool", "tsdb", "dump", tmp_path / "data"], check=True, capture_output=True, text=True
    ).stdout
    losses = [line for line in dump.splitlines() if 'model_loss"' in line and 'split="train"' in line]
    assert len(losses) == 60
    assert sum("NaN" in line for line in losses) == 1


def test_several_values_within_a_millisecond_are_one(tmp_path, capsys):
    with ModelMonitor("m", delivery=[], state=State(tmp_path)) as run:
        for step in range(2000):
            run.step(float(step))
    text = exported(capsys, tmp_path, "--format", "openmetrics")
    times = [line.split()[-1] for line in text.splitlines() if line.startswith("model_loss{")]
    assert len(set(times)) == len(times) < 2000
    assert text.count(" 1999.0 ") == 1


def test_a_state_can_be_shown_while_its_run_continues(tmp_path, capsys):
    with ModelMonitor("m", delivery=[], state=State(tmp_path)) as run:
        run.step(1.0)
        wait_until(lambda: list(tmp_path.glob("state-*.zip")), "the first save")
        before = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".zip")
        assert main(["state", "show", str(tmp_path)]) == 0
        assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".zip") == before


def test_a_failure_to_show_or_export_is_reported_in_one_line(tmp_path, state, capsys):
    assert main(["state", "show", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"traingauge: {tmp_path} holds no state of a run\n"
    assert main(["state", "export", str(state), "--format", "parquet"]) == 1
    assert "--output" in capsys.readouterr().err
    broken = tmp_path / "broken"
    shutil.copytree(state, broken)
    for path in broken.glob("state-*.zip"):
        path.write_bytes(b"")
    assert main(["state", "show", str(broken)]) == 1
    assert "copies" in capsys.readouterr().err


def test_the_package_runs_as_a_module(state):
    done = subprocess.run(
        [sys.executable, "-m", "traingauge", "state", "show", str(state)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(state, "traingauge.lock").exists()
    assert done.stdout.startswith("Model:")


def test_parquet_holds_every_row_with_null_where_nothing_was_given(state, tmp_path):
    assert (
        main(["state", "export", str(state), "--format", "parquet", "--output", f"{tmp_path}/run.parquet"])
        == 0
    )
    table = parquet.read_table(tmp_path / "run.parquet")
    rows = table.to_pylist()
    assert [row["split"] for row in rows] == ["train"] * 60 + ["validation"]
    assert [row["loss"] for row in rows[:3]] == [1.0, 1 / 2, 1 / 3]
    assert math.isnan(rows[40]["loss"])
    assert rows[-1]["gradient_norm"] is None
    assert [row["step"] for row in rows if row["accuracy"] is not None] == [25, 50, 60]
    assert table.schema.field("loss").type == "double"


def test_a_missing_library_is_named_with_the_extra_that_brings_it(state, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["state", "export", str(state), "--format", "parquet", "--output", f"{tmp_path}/p"]) == 1
    assert "pip install 'traingauge[parquet]'" in capsys.readouterr().err


def test_the_csv_is_the_frame(state, tmp_path):
    main(["state", "export", str(state), "--output", str(tmp_path / "run.csv")])
    frame = (
        pandas.read_csv(tmp_path / "run.csv")
        .query("split == 'train'")
        .drop(columns="split")
        .set_index("step")
    )
    with ModelMonitor('m"1', delivery=[], state=State(shutil.copytree(state, tmp_path / "copy"))) as run:
        pandas.testing.assert_frame_equal(
            frame.dropna(axis="columns", how="all"), run.frame(), check_index_type=False
        )
