"""Runs the unit tests of rules with promtool, on the sources as they are rendered but without links.

A test thus reads as its alert does, and yet proves what ships.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from alerting.inlined import written_out
from alerting.links import Links
from alerting.places import HOME, TESTS
from alerting.render import rules
from alerting.sources import complete, sources, versioned
from traingauge.stack.programs import find_programs


def stage(folder: Path) -> Path:
    """Write completed sources, rule files and unit tests below a folder, laid out as in the repository.

    Returns:
        The folder of the tests.
    """
    texts = {path.relative_to(HOME): complete(path) for path in sources()}
    texts |= {Path("rules", name): text for name, text in rules(Links()).items()}
    texts |= {
        path.relative_to(HOME): versioned(written_out(path.read_text(encoding="utf-8")))
        for path in TESTS.glob("*.yml")
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder / "tests"


def test(names: Sequence[str]) -> int:
    """Run unit tests by the names of their files, such as ``25-stuck``; promtool's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        tests = stage(Path(folder))
        files = [tests / f"{name}.yml" for name in names]
        command: list[str | Path] = [find_programs().promtool.path, "test", "rules", *files]
        return subprocess.run(command, check=False).returncode
