"""Names of the runs of this process, where the script gives none."""

from __future__ import annotations

import os
import time


class RunNames:
    """The names that runs of this process have had.

    >>> names = RunNames(); names.keep("digits", "job-7")
    >>> names.free("digits", "job-7"), names.free("iris", "job-7"), names.free("digits", None)
    ('job-7-2', 'job-7', None)
    """

    def __init__(self) -> None:
        self._kept: set[tuple[str, str]] = set()

    def free(self, model: str, name: str | None) -> str | None:
        """A name that was set for all runs of the process; a further run of a model gets its number added."""
        if name is None or (model, name) not in self._kept:
            return name
        number = 2
        while (model, f"{name}-{number}") in self._kept:
            number += 1
        return f"{name}-{number}"

    def keep(self, model: str, run: str) -> None:
        """A run of this process has the name."""
        self._kept.add((model, run))


def new_name() -> str:
    """A name for a run that nothing names: unique among the jobs of an array that start at one moment, too."""
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.urandom(5).hex()}"


#: Those of this process.
NAMES = RunNames()
