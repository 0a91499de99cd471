"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.mark.keras
def test_every_python_block_runs_and_curl_shows_what_the_console_block_says(tmp_path: Path) -> None:
    """The blocks run in their order, in one process, as a reader would type them; the port is a free one."""
    (console,) = blocks("console")
    command, _, shown = console.partition("\n")
    pattern = re.search(r"grep -E '(.*)'", command)
    assert pattern is not None
    scrape = f"""
import re, requests
lines = requests.get(monitor.url + "/metrics", timeout=10).text.splitlines()
shown = "\\n".join(line for line in lines if re.search({pattern[1]!r}, line))
"""
    typed = [block + scrape if "port=9109" in block else block for block in blocks("python")]
    script = "\n".join([*typed, "print(shown)"]).replace("port=9109", "port=0")
    environment = os.environ | {"TRAINGAUGE_DISCOVERY_DIR": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(shown), done.stdout
    assert not list(tmp_path.glob("*.json")), "every run took its discovery file away at its end"


def test_every_shell_block_is_a_make_target_or_the_installation() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block in blocks("sh"):
        for line in block.splitlines():
            assert line == "pip install traingauge" or line.removeprefix("make ").split()[0] in targets, line


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "console", "sh", "text"}


def test_the_demos_table_names_the_faults_and_alerts_that_the_demo_shows() -> None:
    from demo.faults import CorruptLabels, ExplodingLearningRate, ShiftedImages

    (table,) = blocks("text")
    for fault in (ShiftedImages, CorruptLabels, ExplodingLearningRate):
        assert re.search(rf"^{fault.cause} +{fault.alert} ", table, re.MULTILINE), fault
