"""An export can be written again without losing what a person has edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from traingauge.bundle.export import MANIFEST, EditedFilesError, difference, export
from traingauge.bundle.options import Options
from traingauge.errors import InvalidArgumentError

RULES = "rules/20-run.yml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export(tmp_path, "prometheus", Options())
    return tmp_path


def earlier_version(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    change(document)
    (folder / MANIFEST).write_text(json.dumps(document))


def as_if_written_so(folder: Path, path: str, text: str) -> None:
    """Put a file as an earlier version has written it."""
    (folder / path).write_text(text)
    earlier_version(folder, lambda it: it["files"].update({path: hashlib.sha256(text.encode()).hexdigest()}))


def test_an_edited_file_is_not_overwritten_nor_is_any_other(folder: Path) -> None:
    (folder / RULES).write_text("mine\n")
    with pytest.raises(EditedFilesError, match="20-run") as raised:
        export(folder, "prometheus", Options(dashboards="https://g.example.org"))
    assert raised.value.paths == (RULES,)
    assert (folder / RULES).read_text() == "mine\n"
    assert "g.example.org" not in (folder / "rules/30-loss.yml").read_text()


def test_force_overwrites_an_edited_file(folder: Path) -> None:
    (folder / RULES).write_text("mine\n")
    export(folder, "prometheus", Options(), force=True)
    assert "ModelRunFailed" in (folder / RULES).read_text()


def test_a_file_that_no_export_wrote_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("mine\n")
    with pytest.raises(EditedFilesError, match="not as they were exported: prometheus"):
        export(tmp_path, "prometheus", Options())


def test_a_file_that_was_not_edited_is_replaced(folder: Path) -> None:
    as_if_written_so(folder, RULES, "older\n")
    export(folder, "prometheus", Options())
    assert "ModelRunFailed" in (folder / RULES).read_text()


def test_a_file_that_is_no_longer_exported_is_removed_unless_it_was_edited(folder: Path) -> None:
    as_if_written_so(folder, "rules/99-gone.yml", "older\n")
    export(folder, "prometheus", Options())
    assert not (folder / "rules/99-gone.yml").exists()
    as_if_written_so(folder, "rules/99-gone.yml", "older\n")
    (folder / "rules/99-gone.yml").write_text("mine\n")
    with pytest.raises(EditedFilesError, match="99-gone"):
        export(folder, "prometheus", Options())


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    (folder / "rules/mine.yml").write_text("mine\n")
    export(folder, "prometheus", Options())
    assert (folder / "rules/mine.yml").read_text() == "mine\n"


def test_the_export_of_another_platform_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="has the export for prometheus"):
        export(folder, "mimir", Options())


def test_a_fresh_export_does_not_differ(folder: Path) -> None:
    assert list(difference(folder)) == []


def test_a_difference_is_shown_with_the_options_of_the_export(tmp_path: Path) -> None:
    export(tmp_path, "prometheus", Options(dashboards="https://g.example.org", labels=("cluster",)))
    as_if_written_so(tmp_path, RULES, "older\n")
    shown = list(difference(tmp_path))
    assert shown[0].startswith(f"--- {tmp_path / RULES}")
    assert "(edited)" not in shown[0]
    assert "-older\n" in shown
    assert any(line.startswith("+") and "https://g.example.org/d/" in line for line in shown)


def test_a_difference_says_which_file_was_edited(folder: Path) -> None:
    (folder / RULES).write_text((folder / RULES).read_text() + "# mine\n")
    shown = list(difference(folder))
    assert "(edited)" in shown[0]
    assert shown[-1] == "-# mine\n"


def test_a_folder_without_an_export_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="expected the folder of a `traingauge bundle export`"):
        list(difference(tmp_path))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"platform": "mimir", "options": {"x": 1}, "version": "", "files": {}}']
)
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(InvalidArgumentError, match="is damaged"):
        export(folder, "prometheus", Options())


def test_a_manifest_reaches_no_file_outside_of_its_folder(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_text("mine\n")
    earlier_version(folder, lambda it: it["files"].update({"../outside": "0"}))
    with pytest.raises(InvalidArgumentError, match="outside of the folder"):
        export(folder, "prometheus", Options(), force=True)
    assert outside.exists()
