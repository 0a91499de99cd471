from __future__ import annotations

from pathlib import Path

import pytest

from traingauge.delivery.discovery import default_directory
from traingauge.stack.__main__ import arguments


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"XDG_STATE_HOME": "/state"},
        {"TRAINGAUGE_DISCOVERY_DIR": "/runs"},
        {"TRAINGAUGE_DISCOVERY_DIR": "/runs", "XDG_STATE_HOME": "/state"},
        {"TRAINGAUGE_DISCOVERY_DIR": "", "XDG_STATE_HOME": ""},
    ],
)
def test_it_looks_for_runs_where_the_exporter_announces_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str]
) -> None:
    for name in ("XDG_STATE_HOME", "TRAINGAUGE_DISCOVERY_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert arguments().parse_args([]).discovery_dir == default_directory()
