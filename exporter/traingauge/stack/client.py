"""HTTP to our own servers."""

from __future__ import annotations

from collections.abc import Mapping

import requests


def get(url: str, parameters: Mapping[str, str] | None = None, *, timeout: float = 10.0) -> requests.Response:
    """GET from a server on the loopback, past any proxy that the environment names."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=parameters, timeout=timeout)
