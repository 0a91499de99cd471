"""Which run this is and how it stands: info, state, start and end."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from traingauge.catalog import CATALOG, RUN_STATES
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, Key, keys, single
from traingauge.errors import UnknownNameError
from traingauge.version import __version__

_STATE_KEYS = keys(*((state,) for state in RUN_STATES))
_INFO = CATALOG["model_run_info"]


class RunInfo(Collector):
    """Info, state, start and end of one run.

    Attributes:
        state: One of ``catalog.RUN_STATES``.
        started: Unix time in seconds at which the run began.
        ended: Unix time in seconds at which it ended, ``None`` until then.

    >>> run = RunInfo()
    >>> run.end("failed", exception="ValueError"); run.state
    'failed'
    """

    def __init__(self) -> None:
        self.state = "running"
        self.started = time.time()
        self.ended: float | None = None
        self._info: dict[str, str] = {
            "traingauge_version": __version__,
            "python_version": platform.python_version(),
            "host": socket.gethostname(),
            "pid": str(os.getpid()),
        }
        self._info_keys = self._make_info_keys()

    @property
    def info(self) -> dict[str, str]:
        """What ``model_run_info`` carries, as a new dictionary."""
        return dict(self._info)

    def describe(self, **labels: str) -> None:
        """Add to the run's info; empty values are left out.

        Raises:
            UnknownNameError: A label that ``model_run_info`` does not have.
        """
        for name in labels:
            if name not in _INFO.labels:
                raise UnknownNameError("label of model_run_info", name, _INFO.labels)
        self._info.update({name: value for name, value in labels.items() if value})
        self._info_keys = self._make_info_keys()

    def end(self, state: str, *, exception: str = "") -> None:
        """End the run in ``state``; the first end counts, later ones change nothing."""
        if state not in RUN_STATES[1:]:
            raise UnknownNameError("final state", state, RUN_STATES[1:])
        if self.ended is None:
            self.state, self.ended = state, time.time()
            self.describe(exception=exception)

    def save(self) -> dict[str, Any]:
        """When it began, and the info that says what it is."""
        return {"started": self.started, "info": self.info}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave: the run continues in this process."""
        self.started = saved["started"]

    def families(self) -> Iterator[Family]:
        """``model_run_*``."""
        yield Family(_INFO, self._info_keys, (1.0,))
        values = tuple(float(state == self.state) for state in RUN_STATES)
        yield Family(CATALOG["model_run_state"], _STATE_KEYS, values)
        yield single("model_run_start_timestamp_seconds", self.started)
        if self.ended is not None:
            yield single("model_run_end_timestamp_seconds", self.ended)

    def _make_info_keys(self) -> tuple[Key, ...]:
        return keys(tuple(self._info.get(label) for label in _INFO.labels))
