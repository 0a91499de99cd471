"""The release says what is new, and its wheel installs what the core needs and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docs import release
from traingauge.version import __version__

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n* next\n\n## 1.0.0 - 2029-01-01\n\n* old\n"


@pytest.mark.parametrize(("version", "said"), [("1.0.0", "* old"), ("1.1.0", "* next"), ("1.0", "* next")])
def test_the_notes_are_those_of_the_version_or_of_what_is_unreleased(version: str, said: str) -> None:
    assert release.notes(CHANGELOG, version) == said


def test_a_version_without_notes_is_not_released() -> None:
    with pytest.raises(release.ReleaseError, match="neither a section for 2"):
        release.notes("# Changelog\n\n## Unreleased\n\n## 1.0.0\n\n* old\n", "2.0.0")


def test_the_changelog_has_notes_for_the_version_to_be_released() -> None:
    assert release.notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), __version__).startswith("###")


def test_the_core_depends_on_the_data_model_the_arithmetic_and_http() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[<>=]", one)[0] for one in project["dependencies"]}
    assert named == {"prometheus-client", "numpy", "requests"}
    assert named < release.CORE


def test_a_command_that_fails_stops_the_release_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(release.ReleaseError, match="it broke"):
        release._run(["sh", "-c", "echo it broke; exit 3"], tmp_path)
