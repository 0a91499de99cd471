"""Notebooks: in one that is executed from end to end, the first cell that fails is the end of it.

A person at a notebook sees a cell fail and carries on; nbconvert and papermill shut the kernel down, which then exits in
good order. The difference shows in each request to run a cell: theirs do not let it ask for input.
"""

from __future__ import annotations

import sys
from typing import Any

from traingauge.process.end import End, end_after


class Notebook:
    """Notes how the last cell of an executed notebook ended, between :meth:`install` and :meth:`remove`.

    Attributes:
        end: That of the last cell, if it was left by an exception and the notebook is executed; else ``None``.
    """

    def __init__(self) -> None:
        self.end: End | None = None
        self._shell: Any = None

    def install(self) -> None:
        """Ask IPython, if this process is one, to be called after each cell."""
        self.end = None
        ipython = sys.modules.get("IPython")
        self._shell = None if ipython is None else ipython.get_ipython()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._after)

    def remove(self) -> None:
        """Be called no more."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._after)
            self._shell = None

    def _after(self, result: Any) -> None:
        error = result.error_before_exec or result.error_in_exec
        self.end = None if error is None or self._may_ask() else end_after(error)

    def _may_ask(self) -> bool:
        """Whether a person is there to answer; ipykernel notes it for each cell."""
        return bool(getattr(getattr(self._shell, "kernel", None), "_allow_stdin", True))
