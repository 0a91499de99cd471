"""``python -m docs.site``: build the documentation as a site with search, and fail if a link leads nowhere.

The pages are staged in one folder: those of ``docs``, and what lies next to what it is about, as runbooks do. Links
between staged pages stay links between pages; those to other files of the repository lead to where it can be read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from os.path import relpath
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

#: Where the files of the repository can be read.
FILES = "https://github.com/traingauge/traingauge/blob/main/"

#: Pages outside of ``docs``, by their places in the site.
OTHERS = {
    "deploy/kubernetes/kubernetes.md": "deploy/kubernetes/README.md",
    "deploy/grafana/grafana.md": "deploy/grafana/README.md",
    "deploy/backup/backup.md": "deploy/backup/README.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/security.md": "SECURITY.md",
    "project/architecture.md": "ARCHITECTURE.md",
    "project/contributing.md": "CONTRIBUTING.md",
}

#: The tabs, and the folders whose pages they have; a folder of one tab may be in the folder of another.
TABS = {
    "How to": "how-to",
    "Operate": "how-to/operators",
    "Deploy": "deploy",
    "Reference": "reference",
    "Runbooks": "runbooks",
    "Explanation": "explanation",
    "Dashboards": "dashboards",
    "Examples": "examples",
    "Project": "project",
}

_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_CODE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


class BrokenSiteError(Exception):
    """The site cannot be built without links that lead nowhere."""


def sources() -> dict[str, Path]:
    """The files of the site by their places in it: pages, and what they show."""
    docs = ROOT / "docs"
    kept = (".md", ".png", ".svg", ".py")
    own = [path for path in sorted(docs.rglob("*")) if path.suffix in kept and not _is_code(path, docs)]
    return {
        **{path.relative_to(docs).as_posix(): path for path in own},
        **{f"runbooks/{path.name}": path for path in sorted((ROOT / "alerting/runbooks").glob("*.md"))},
        **{place: ROOT / source for place, source in OTHERS.items()},
    }


def staged(place: str, text: str, files: Mapping[str, Path]) -> str:
    """A page with its links as they are in the site; code stays as it is.

    Args:
        place: Of the page in the site.
        text: In Markdown.
        files: The files of the site.
    """
    places = {path: name for name, path in files.items()}
    parts = _CODE.split(text)
    return "".join(
        part if at % 2 else _LINK.sub(lambda link: _led(link, place, files[place], places), part)
        for at, part in enumerate(parts)
    )


def navigation(files: Mapping[str, Path]) -> list[dict[str, object]]:
    """The pages in order: the tutorial, then each tab with its pages by title."""
    pages = [place for place in files if place.endswith(".md")]
    found: dict[str, list[dict[str, str]]] = {name: [] for name in TABS}
    for place in pages:
        name = max(
            (name for name in TABS if place.startswith(f"{TABS[name]}/")),
            key=lambda name: len(TABS[name]),
            default="",
        )
        if name:
            found[name].append({_title(files[place]): place})
    tabs = [
        {name: sorted(entries, key=lambda entry: next(iter(entry)).lower())}
        for name, entries in found.items()
    ]
    return [{"Home": "index.md"}, {"Tutorial": "tutorial.md"}, *tabs]


def build(folder: Path) -> Path:
    """Build the site in a folder, which is replaced; returns where its pages are.

    Raises:
        BrokenSiteError: A link leads nowhere, or a page is in no tab; says which.
    """
    shutil.rmtree(folder, ignore_errors=True)
    files = sources()
    for place, path in files.items():
        target = folder / "pages" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(staged(place, path.read_text(encoding="utf-8"), files), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "docs_dir": str(folder / "pages"),
        "site_dir": str(folder / "html"),
        "nav": navigation(files),
    }
    (folder / "mkdocs.yml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", folder / "mkdocs.yml"]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BrokenSiteError(
            "\n".join(re.findall(r"^(?:WARNING|ERROR) .*$", done.stderr, re.MULTILINE)) or done.stderr
        )
    return folder / "html"


def _is_code(path: Path, docs: Path) -> bool:
    """Whether it makes pages and is none; the examples are both."""
    return path.suffix == ".py" and path.relative_to(docs).parts[0] != "examples"


def _title(page: Path) -> str:
    found = _HEADING.search(page.read_text(encoding="utf-8"))
    assert found is not None, page
    return found[1].replace("`", "")


def _led(link: re.Match[str], place: str, source: Path, places: Mapping[Path, str]) -> str:
    target = (source.parent / link[1]).resolve()
    anchor = link[2] or ""
    if target in places:
        return relpath(places[target], PurePosixPath(place).parent) + anchor
    return f"{FILES}{target.relative_to(ROOT).as_posix()}{anchor}"


def main() -> int:
    """Build it in ``build/site``."""
    try:
        print(f"the site is in {build(ROOT / 'build/site')}")
    except BrokenSiteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
