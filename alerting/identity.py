"""The labels that tell one run from another in the shipped files, in addition to ``model`` and ``run``."""

from __future__ import annotations

from pathlib import Path

import yaml

FILE = Path(__file__).with_name("identity.yml")


def identity() -> list[str]:
    """The labels of ``identity.yml``.

    >>> identity()[:2]
    ['cluster', 'namespace']
    """
    labels: list[str] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return labels
