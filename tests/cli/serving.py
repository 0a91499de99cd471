"""``traingauge sd`` in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

Start = Callable[..., str]


def listed(url: str) -> list[dict[str, Any]]:
    return requests.get(url, timeout=30).json()
