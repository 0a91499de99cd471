"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.blocks import answered, blocks, run, shown
from traingauge.cli.main import _parser

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def of_kind(language: str) -> list[str]:
    return [text for kind, text in blocks(README) if kind == language]


@pytest.mark.keras
def test_every_python_block_runs_and_curl_shows_what_the_console_block_says(tmp_path: Path) -> None:
    done = run(README, tmp_path)
    assert done.returncode == 0, done.stderr
    assert answered(done.stdout) == shown(README)
    assert not list(tmp_path.rglob("*.json")), "every run removed its discovery file at its end"


def test_every_line_of_a_shell_block_is_a_make_target_a_command_or_the_installation() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block in of_kind("sh"):
        for line in block.splitlines():
            program, *words = line.split()
            if program == "traingauge":
                _parser().parse_args(words)
            else:
                assert line == "pip install traingauge" or (program, words[0] in targets) == ("make", True), (
                    line
                )


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {kind for kind, _ in blocks(README)} == {"python", "console", "sh", "text"}


def test_the_demos_table_names_the_faults_and_alerts_that_the_demo_shows() -> None:
    from demo.faults import CorruptLabels, ExplodingLearningRate, ShiftedImages

    (table,) = (text for text in of_kind("text") if text.startswith("cause "))
    for fault in (ShiftedImages, CorruptLabels, ExplodingLearningRate):
        assert re.search(rf"^{fault.cause} +{fault.alert} ", table, re.MULTILINE), fault


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120
