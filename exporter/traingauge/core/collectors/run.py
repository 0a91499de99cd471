"""Identity and state of the run: info, state, start and end."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from traingauge import validation
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
        started: Unix time of the start of the run, in seconds.
        ended: Unix time of its end; ``None`` while it is running.

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
        """Labels of ``model_run_info``, as a new dictionary."""
        return dict(self._info)

    def describe(self, **labels: str) -> None:
        """Add labels to the info of the run; empty values are ignored.

        Raises:
            UnknownNameError: ``model_run_info`` does not have the label.
        """
        for name in labels:
            if name not in _INFO.labels:
                raise UnknownNameError("label of model_run_info", name, _INFO.labels)
        self._info.update({name: value for name, value in labels.items() if value})
        self._info_keys = self._make_info_keys()

    def end(self, state: str, *, exception: str = "") -> None:
        """End the run in ``state``; only the first call has an effect."""
        validation.choice("final state", state, RUN_STATES[1:])
        if self.ended is None:
            self.state, self.ended = state, time.time()
            self.describe(exception=exception)

    def save(self) -> dict[str, Any]:
        """Start time and info."""
        return {"started": self.started, "info": self.info}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore the start time from :meth:`save`; the run continues in this process, whose info is kept."""
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
