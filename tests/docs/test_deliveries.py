"""What the pages about deliveries say to paste fits the servers and this version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.blocks import blocks
from tests.waiting import PATIENCE
from traingauge import ModelMonitor
from traingauge.environment import VARIABLES

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
PAGES = [
    HOW_TO / f"{name}.md"
    for name in ("which-way-out", "scraping", "remote-write", "pushgateway", "text-file")
]

FRAGMENTS = [
    (page.stem, document)
    for page in PAGES
    for kind, text in blocks(page)
    if kind == "yaml"
    for document in yaml.safe_load_all(text)
    if "scrape_configs" in document
]


@pytest.mark.servers
@pytest.mark.parametrize(
    "document", [one for _, one in FRAGMENTS], ids=[f"{page}-{at}" for at, (page, _) in enumerate(FRAGMENTS)]
)
def test_promtool_accepts_what_is_to_be_pasted_into_prometheus(
    document: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_variable_to_be_set_is_one_that_is_read(page: Path) -> None:
    named = re.findall(r"TRAINGAUGE_[A-Z_]+", page.read_text(encoding="utf-8"))
    assert set(named) <= {variable.name for variable in VARIABLES}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem != "which-way-out"], ids=lambda page: page.stem
)
def test_the_page_that_helps_to_choose_leads_to_each_way(page: Path) -> None:
    assert f"]({page.name}" in (HOW_TO / "which-way-out.md").read_text(encoding="utf-8")


def test_each_run_of_the_remote_write_example_has_a_state_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, example = blocks(HOW_TO / "remote-write.md")[0]
    for run in ("nightly", "weekly"):
        made: dict[str, Any] = {}
        exec(example.replace('"nightly"', repr(run)), made)
        with ModelMonitor("digits", run=run, state=made["state"], delivery=[]) as monitor:
            monitor.step(loss=1.0)
