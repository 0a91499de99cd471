"""The committed files are what the code renders, and what Grafana's own model understands."""

import json
from pathlib import Path

import pytest

from dashboards import __main__ as command
from dashboards import render
from dashboards.every import DASHBOARDS
from dashboards.reading import Json, panels
from dashboards.vocabulary.sdk import JSONEncoder, model, register_default_plugins


def test_committed_files_are_what_the_code_renders():
    assert render.outdated() == []


def test_rendering_twice_gives_the_same_text():
    assert render.rendered() == render.rendered()


@pytest.mark.parametrize(
    ("spoil", "reason"), [("edit", "differs"), ("remove", "not rendered"), ("add", "no dashboard")]
)
def test_check_fails_when_a_file_is_not_what_the_code_renders(
    spoil: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(render, "RENDERED", tmp_path)
    first, *_ = render.write()
    match spoil:
        case "edit":
            first.write_text(first.read_text().replace("Fleet", "Float"))
        case "remove":
            first.unlink()
        case "add":
            (tmp_path / "clicked-together.json").write_text("{}")
    monkeypatch.setattr("sys.argv", ["dashboards", "--check"])
    assert command.main() == 1
    assert reason in capsys.readouterr().err


def test_rendering_removes_files_that_no_dashboard_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "RENDERED", tmp_path)
    (tmp_path / "old.json").write_text("{}")
    render.write()
    assert {path.stem for path in tmp_path.iterdir()} == set(DASHBOARDS)


def test_the_sdk_reads_a_dashboard_back_without_a_difference(dashboard: Json):
    """A key that the model does not know, such as a misspelt option, would be lost on the way."""
    register_default_plugins()
    read = json.loads(json.dumps(model.Dashboard.from_json(dashboard), cls=JSONEncoder))
    for panel in panels(read):
        if panel["type"] == "state-timeline":
            # What it reads back has the default of the SDK, even where the file has no pages.
            assert panel["options"].pop("perPage") == 20
    assert read == dashboard
