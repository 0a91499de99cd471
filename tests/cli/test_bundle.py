from __future__ import annotations

import re
from pathlib import Path

import pytest

from traingauge.cli.bundle import PLATFORMS
from traingauge.cli.main import main


def test_it_exports_with_options_and_a_values_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = tmp_path / "values.yml"
    values.write_text(
        "thresholds:\n  accuracy: {warning: 0.9}\nseverities:\n  ModelStuck: {critical: null}\n"
    )
    folder = tmp_path / "out"
    arguments = [
        "--for",
        "prometheus",
        "--values",
        str(values),
        "--dashboard-base-url",
        "https://g.example.org",
    ]
    assert main(["bundle", "export", str(folder), *arguments]) == 0
    assert f"files for prometheus in {folder}\n" in capsys.readouterr().out
    assert "vector(0.9)" in (folder / "rules/01-thresholds.yml").read_text()
    assert "https://g.example.org/d/" in (folder / "rules/20-run.yml").read_text()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_comes_next_after_an_export_names_files_that_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    folder = tmp_path / "out"
    assert main(["bundle", "export", str(folder), "--for", platform]) == 0
    said = capsys.readouterr().out
    assert "\nnext: " in said
    named = re.findall(rf"{re.escape(str(folder))}[\w/.*-]*", said.partition("\nnext: ")[2])
    assert named
    for path in named:
        assert list(tmp_path.glob(str(Path(path).relative_to(tmp_path)))), path


def test_an_edited_file_fails_in_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "export", str(tmp_path), "--for", "prometheus"]) == 0
    (tmp_path / "prometheus.yml").write_text("mine\n")
    assert main(["bundle", "export", str(tmp_path), "--for", "prometheus"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("traingauge: ")
    assert "prometheus.yml" in said
    assert "--force" in said


def test_a_diff_is_printed_and_fails_only_if_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["bundle", "export", str(tmp_path), "--for", "mimir", "--labels", "cluster, squad"])
    assert main(["bundle", "diff", str(tmp_path)]) == 0
    (tmp_path / "rules.yml").write_text("mine")
    assert main(["bundle", "diff", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "-mine\n" in printed.out
    assert printed.err == "traingauge: 1 file differs\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {}", "unknown key of"),
        ("- 1", "expected a mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_values_file_that_does_not_fit_fails_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    values = tmp_path / "values.yml"
    values.write_text(text)
    assert main(["bundle", "export", str(tmp_path / "out"), "--for", "mimir", "--values", str(values)]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
