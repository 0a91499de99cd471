"""The page of the package on PyPI: the README, with links that also lead somewhere outside of the repository.

The build reads this (``tool.hatch.metadata.hooks.custom`` in pyproject.toml), so it imports hatchling alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: Where the files of the repository can be read, and where pictures are served.
FILES = "https://github.com/traingauge/traingauge/blob/main/"
PICTURES = "https://raw.githubusercontent.com/traingauge/traingauge/main/"

_LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def absolute(text: str) -> str:
    """Markdown whose links are relative to the root of the repository, with addresses in their place.

    >>> absolute("[![A run](docs/a.png)](docs/a.md#top) and [here](#start)")[:39]
    '[![A run](https://raw.githubusercontent'
    >>> absolute("[a](docs/a.md#top), [here](#start)")
    '[a](https://github.com/traingauge/traingauge/blob/main/docs/a.md#top), [here](#start)'
    """
    return _LINK.sub(
        lambda link: f"]({PICTURES if link[1].endswith(('.png', '.svg')) else FILES}{link[1]})", text
    )


class PackagePage(MetadataHookInterface):
    """Gives the package the README as its description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by the build with the package's metadata."""
        text = absolute((Path(self.root) / "README.md").read_text(encoding="utf-8"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
