"""The pages of the documentation are true: links lead somewhere, code runs, and names exist."""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

import traingauge
from alerting.rulebook import alerts
from docs.generators import api
from tests.blocks import answered, blocks, curls, run, shown
from traingauge.catalog import CATALOG
from traingauge.cli.main import COMMANDS
from traingauge.core.thresholds import METRICS, MINIMA
from traingauge.environment import VARIABLES
from traingauge.stats.drift.extractors import EXTRACTORS
from traingauge.stats.drift.statistics import STATISTICS
from traingauge.stats.drift.window import WINDOWS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "dashboards").glob("*.md"),
        *ROOT.glob("deploy/*/*.md"),
        *(ROOT / "alerting").rglob("*.md"),
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
    parts = {
        f"{metric.name}_{part}"
        for metric in CATALOG.values()
        if metric.kind == "histogram"
        for part in ("bucket", "sum", "count")
    }
    assert named <= {*CATALOG, *parts, *(metric.family for metric in CATALOG.values())}


def test_the_reference_lists_every_environment_variable() -> None:
    page = (DOCS / "reference" / "environment.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(TRAINGAUGE_\w+)` \|", page, re.MULTILINE)
    assert listed == [variable.name for variable in VARIABLES]


def test_the_api_page_documents_every_public_name() -> None:
    documented = {name for module, names in api.SECTIONS.values() for name in names if module == "traingauge"}
    assert documented | api.ELSEWHERE == set(traingauge.__all__)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_python_block_is_python(page: Path) -> None:
    for block in re.findall(
        r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        ast.parse(block)


def test_the_reference_lists_every_command() -> None:
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert {row.split()[0] for row in re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE)} == set(COMMANDS)


def test_the_drift_page_names_every_statistic_window_and_extractor() -> None:
    page = (DOCS / "explanation" / "drift.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows >= {*STATISTICS, *WINDOWS}
    assert all(f'of="{name}"' in page for name in EXTRACTORS)


def test_the_page_on_thresholds_lists_every_metric_that_may_have_one() -> None:
    page = (DOCS / "how-to" / "thresholds.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| (low|high) \|", page, re.MULTILINE)
    listed = {
        side: {name for names, one in rows if one == side for name in re.findall(r"`(\w+)`", names)}
        for side in ("low", "high")
    }
    assert listed == {"low": set(MINIMA), "high": set(METRICS) - set(MINIMA)}


QUOTING = [
    page for page in PAGES if re.search(r"^\[FIRING\]", page.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("page", QUOTING, ids=named)
def test_a_quoted_notification_says_what_the_alert_says(page: Path) -> None:
    summaries = {(alert.name, alert.severity): alert.summary for alert in alerts()}
    quoted = re.findall(
        r"^\[FIRING\] (\w+): (\w+).*\n +\S+ / \S+: (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert quoted
    for severity, name, summary in quoted:
        assert summary == summaries[name, severity]


RUNNABLE = [
    page for page in PAGES if DOCS in page.parents and any(kind == "python" for kind, _ in blocks(page))
]


@pytest.mark.keras
@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_every_python_block_runs_and_shows_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """A page may name a module that it needs in a comment; where that is not installed, the page is skipped."""
    if needed := re.match(r"<!-- needs: ([\w.]+) -->", page.read_text(encoding="utf-8")):
        pytest.importorskip(needed[1])
    done = run(page, tmp_path)
    assert done.returncode == 0, done.stderr
    for asked, said in zip(answered(done.stdout), shown(page), strict=True):
        assert [series for series, _ in asked] == [series for series, _ in said]
        assert [value for _, value in asked] == pytest.approx([value for _, value in said], rel=0.02)


def test_a_curl_picks_no_line_of_a_run_that_its_page_showed_before() -> None:
    for page in PAGES:
        before: list[str] = []
        for pattern, lines in curls(page):
            assert not [line for line in before if re.search(pattern, line)], named(page)
            before += lines.splitlines()


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed_by(words: str) -> set[str]:
    """The distributions that a pip command names, and those that an extra of the package brings."""
    found = {"traingauge", *map(distribution, PROJECT["dependencies"])}
    for word in shlex.split(words):
        extras = re.fullmatch(r"(?:traingauge|\.)\[([\w,]+)\]", word)
        for extra in extras[1].split(",") if extras else ():
            found.update(map(distribution, PROJECT["optional-dependencies"][extra]))
        found.add(distribution(word))
    return found


def distribution(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def imported(block: str) -> set[str]:
    """The modules outside of the standard library that a block imports."""
    names = [
        name
        for node in ast.walk(ast.parse(block))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


@cache
def providers() -> dict[str, set[str]]:
    """The installed distributions by the module that they provide."""
    return {module: set(map(distribution, names)) for module, names in packages_distributions().items()}


@pytest.mark.parametrize("page", [ROOT / "README.md", *RUNNABLE], ids=named)
def test_a_page_says_how_to_install_whatever_its_python_blocks_import(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = set().union(*map(installed_by, ["", *re.findall(r"pip install ([^`#\n]+)", text)]))
    modules = set().union(*(imported(block) for kind, block in blocks(page) if kind == "python"))
    lacking = {module for module in modules if not said & {module, *providers().get(module, ())}}
    assert not lacking


@pytest.mark.parametrize("name", ["accelerate", "keras", "lightning", "pytorch", "transformers"])
def test_the_page_of_a_framework_says_where_its_run_shows_and_why_a_script_waits_at_its_end(
    name: str,
) -> None:
    text = (DOCS / f"how-to/{name}.md").read_text(encoding="utf-8")
    assert "`traingauge runs` lists the run" in text
    assert "(scraping.md#the-end-of-a-run)" in text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|&& )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for module in set(re.findall(r"python -m (\w+(?:\.\w+)*)", text)) - {"venv"}:
        found = find_spec(module)
        assert found is not None, module
        assert not found.submodule_search_locations or find_spec(f"{module}.__main__"), module
