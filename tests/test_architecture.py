"""ARCHITECTURE.md shows the tiers that import-linter checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_page_shows_exactly_the_tiers_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    table = PAGE.split("| tier | what |")[1].split("\n\n")[0]
    shown = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()[2:]]
    assert shown == [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_every_file_that_the_page_names_exists() -> None:
    package = ROOT / "exporter" / "traingauge"
    for path in re.findall(r"`([\w/]+\.py)`", PAGE):
        assert any((folder / path).exists() for folder in (ROOT, package, package / "core")), path


def test_in_the_core_the_guard_alone_catches_every_error() -> None:
    core = ROOT / "exporter" / "traingauge" / "core"
    broad = re.compile(r"BLE001|suppress\(Exception\)")
    assert [path.name for path in core.rglob("*.py") if broad.search(path.read_text(encoding="utf-8"))] == [
        "guard.py"
    ]
