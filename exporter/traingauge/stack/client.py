"""HTTP to the servers of the stack."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from .signals import signals_held_back


def get(url: str, parameters: Mapping[str, str] | None = None, *, timeout: float = 60.0) -> requests.Response:
    """GET from a server on the loopback, without any proxy that the environment names.

    The default timeout is for a busy machine: a server that died refuses the connection at once.
    """
    # An exception out of a signal handler can leave a lock of the connection pool held, and closing it then never returns.
    with signals_held_back(), requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=parameters, timeout=timeout)
