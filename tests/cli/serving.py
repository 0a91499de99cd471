"""``traingauge sd`` in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from traingauge.cli.sd import REFRESHES

Start = Callable[..., str]


def listed(url: str) -> list[dict[str, Any]]:
    """What a Prometheus gets."""
    return requests.get(url, headers={REFRESHES: "60"}, timeout=30).json()
