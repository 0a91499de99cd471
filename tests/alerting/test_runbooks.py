"""A runbook has its four parts, its queries run, and its links lead somewhere."""

import re

import pytest

from alerting import rulebook

PAGES = sorted(rulebook.RUNBOOKS.glob("*.md"))
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.fixture(params=PAGES, ids=lambda page: page.stem)
def page(request):
    return request.param


def test_a_runbook_has_its_four_parts(page):
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_its_queries_ask_for_series_and_labels_that_exist(page, assert_known):
    queries = re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)
    assert queries
    for query in queries:
        assert_known(query)


def test_its_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).is_file(), target


def test_metrics_that_it_names_exist(page, known):
    names = re.findall(r"`((?:model|global)[_:][a-z0-9_:]+)(?:\{[^`]*\})?`", page.read_text())
    assert set(names) <= set(known)
