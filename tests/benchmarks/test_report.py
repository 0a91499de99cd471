"""What was measured is written down in full, targets that were missed and peers that are missing too."""

import json
from pathlib import Path

import pytest

from benchmarks.cost import report
from benchmarks.cost.__main__ import main
from benchmarks.cost.growth import Curve
from benchmarks.cost.harness import Check, Figure, Row

ROW = Row(
    title="A thing",
    unit="a call",
    figures=[
        Figure("base", 1e-6, 1.0, 1.0, 1.0),
        Figure("traingauge: ours", 2.5e-6, 2.5, 2.4, 2.6, ours=True),
    ],
    checks=[
        Check("ours ÷ base", 2.5, 1.5),
        Check("theirs ÷ ours", 20, 10, at_most=False),
    ],
    missing={"peer": "not installed: get it"},
    note="Mind the gap.",
)
CURVE = Curve("classes", "a step, µs", [1, 10, 100], [1.0, 10.0, 100.0])


def test_the_page_has_machine_targets_rows_missing_peers_and_growth(tmp_path: Path) -> None:
    report.write(tmp_path / "page.md", tmp_path / "results.json", {"date": "2026-01-02"}, [ROW], [CURVE])
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    for part in (
        "* date: 2026-01-02",
        "| ours ÷ base | 2.50 | ≤ 1.5 | **not met** |",
        "| theirs ÷ ours | 20.0 | ≥ 10 | met |",
        "## A thing",
        "| base | 1.00 µs | 1.00 | [1.00, 1.00] |",
        "| **traingauge: ours** | 2.50 µs | 2.50 | [2.40, 2.60] |",
        "| peer | not installed: get it | | |",
        "Mind the gap.",
        "| a step, µs | 1.00 | 10.0 | 100 | 1.00 |",
    ):
        assert part in page


def test_the_json_has_every_figure_and_whether_targets_were_met(tmp_path: Path) -> None:
    report.write(tmp_path / "page.md", tmp_path / "results.json", {}, [ROW], [CURVE])
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [check["met"] for check in content["rows"][0]["checks"]] == [False, True]
    assert content["rows"][0]["figures"][1]["seconds"] == 2.5e-6
    assert content["growth"][0]["slope"] == pytest.approx(1)


def test_the_terminal_shows_what_was_missed() -> None:
    assert "NOT MET  ours ÷ base: 2.50, target ≤ 1.5" in report.text(ROW)
    assert "peer: not installed: get it" in report.text(ROW)


def test_the_error_about_an_unknown_row_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stepp"])
    assert "render" in capsys.readouterr().err


def test_a_row_that_was_asked_for_is_measured_and_written_to_the_given_folder(tmp_path: Path) -> None:
    assert main(["--quick", "--into", str(tmp_path), "step"]) == 0
    rows = json.loads((tmp_path / "cost.json").read_text(encoding="utf-8"))["rows"]
    assert [row["title"] for row in rows] == ["One step() of four numbers"]
