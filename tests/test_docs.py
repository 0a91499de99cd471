"""The pages of the documentation are true: links lead somewhere, code runs, and names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import traingauge
from docs.generators import api
from traingauge.catalog import CATALOG
from traingauge.cli.main import COMMANDS
from traingauge.environment import VARIABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "dashboards").glob("*.md"),
        *ROOT.glob("deploy/*/*.md"),
    ]
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_leads_to_every_page() -> None:
    reached = {DOCS / "index.md"}
    waiting = list(reached)
    while waiting:
        page = waiting.pop()
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        new = {one for one in found if one.suffix == ".md" and DOCS in one.parents} - reached
        reached |= new
        waiting += new
    assert reached >= set(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_metric_that_a_page_names_exists(page: Path) -> None:
    prose = re.sub(
        r"^```python.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    named = set(re.findall(r"(?<![\w:])model_(?!run:)\w+\b(?!\*|:)", prose))
    assert named <= {*CATALOG, *(metric.family for metric in CATALOG.values())}


def test_the_reference_lists_every_environment_variable() -> None:
    page = (DOCS / "reference" / "environment.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(TRAINGAUGE_\w+)` \|", page, re.MULTILINE)
    assert listed == [variable.name for variable in VARIABLES]


def test_the_api_page_documents_every_public_name() -> None:
    documented = {name for names in api.SECTIONS.values() for name in names}
    assert documented | api.ELSEWHERE >= set(traingauge.__all__)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_python_block_is_python(page: Path) -> None:
    for block in re.findall(
        r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        ast.parse(block)


def test_the_reference_lists_every_command() -> None:
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert {row.split()[0] for row in re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE)} == set(COMMANDS)
