"""The page of the package on PyPI has no dead link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from docs.package_page import FILES, PICTURES, absolute

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> str:
    """The description that a build gives the package."""
    metadata = ProjectMetadata(str(ROOT), PluginManager())
    assert metadata.core.readme_content_type == "text/markdown"
    return metadata.core.readme


def targets(page: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", page)


def test_every_link_of_the_package_page_is_an_address_or_a_heading_of_the_page(page: str) -> None:
    assert len(targets(page)) > 10
    assert [target for target in targets(page) if not target.startswith(("https://", "#"))] == []


def test_every_file_that_the_package_page_leads_to_is_in_the_repository(page: str) -> None:
    inside = [target for target in targets(page) if target.startswith((FILES, PICTURES))]
    for target in inside:
        path = target.removeprefix(FILES).removeprefix(PICTURES).partition("#")[0]
        assert (ROOT / path).exists(), target


def test_pictures_are_served_as_pictures(page: str) -> None:
    pictures = [target for target in targets(page) if target.endswith(".png")]
    assert pictures
    assert all(target.startswith(PICTURES) for target in pictures)


def test_the_package_page_says_what_the_readme_says(page: str) -> None:
    assert page == absolute((ROOT / "README.md").read_text(encoding="utf-8"))
