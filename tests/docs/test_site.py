"""The documentation as a site: every page is in it and found by its search, and no link leads nowhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs import site

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.build(tmp_path_factory.mktemp("site") / "built")


def test_every_page_is_found_by_the_search(built: Path) -> None:
    documents = json.loads((built / "search/search_index.json").read_text())["docs"]
    found = {document["location"].partition("#")[0] for document in documents}
    pages = {place for place in site.sources() if place.endswith(".md")}
    expected = {re.sub(r"(^|/)(index|README)$", r"\1", place.removesuffix(".md")) for place in pages}
    assert found == {place if place.endswith("/") or not place else f"{place}/" for place in expected}
    assert {f"runbooks/{path.stem}/" for path in (ROOT / "alerting/runbooks").glob("*.md")} <= found


def test_nothing_of_a_page_is_loaded_from_another_host(built: Path) -> None:
    for page in built.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|link)[^>]*(?:src|href)=\"?(https?://[^\"\s>]+)", page.read_text()
        )
        assert [url for url in loaded if "traingauge/traingauge" not in url] == [], page


@pytest.mark.parametrize("link", ["nowhere.md", "up.md#no-such-heading"])
def test_a_link_that_leads_nowhere_stops_the_build(
    link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a site of two pages."""
    (tmp_path / "index.md").write_text(f"# Home\n\n[there]({link})\n")
    (tmp_path / "up.md").write_text("# Up\n\n## A heading\n")
    pages = {"index.md": tmp_path / "index.md", "up.md": tmp_path / "up.md"}
    monkeypatch.setattr(site, "sources", lambda: pages)
    monkeypatch.setattr(site, "navigation", lambda files: [{"Home": "index.md"}, {"Up": "up.md"}])
    monkeypatch.setattr(site, "_led", lambda link, *_: link[0])
    with pytest.raises(site.BrokenSiteError, match=link.partition("#")[0]):
        site.build(tmp_path / "built")


def test_links_between_pages_stay_and_others_lead_to_the_repository() -> None:
    files = {"how-to/up.md": ROOT / "docs/how-to/up.md", "project/security.md": ROOT / "SECURITY.md"}
    text = (
        "[a](../../SECURITY.md#x) [b](../../Makefile) [c](https://x.org)\n```md\n[d](../../Makefile)\n```\n"
    )
    assert site.staged("how-to/up.md", text, files) == (
        f"[a](../project/security.md#x) [b]({site.FILES}Makefile) [c](https://x.org)\n```md\n[d](../../Makefile)\n```\n"
    )
