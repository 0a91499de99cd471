"""How the interpreter comes to its end, as seen from ``atexit``.

``sys.exit`` leaves no trace that an ``atexit`` function could read, so it is wrapped while runs are live, and so are the
``exit`` and ``quit`` that ``site`` adds to the built-in names. An exit that was caught did not end the process: whether the
script returned or was left by an exception shows in its outermost frame. The code of a ``SystemExit`` that is raised without
these functions cannot be read outside of ``with``, and counts as 0.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import wraps
from opcode import opname
from types import FrameType
from typing import Any, NoReturn

from traingauge.process.end import FINISHED, End, end_after


class Exits:
    """Notes exits that the main thread asks for between :meth:`install` and :meth:`remove`."""

    def __init__(self) -> None:
        self._asked: End | None = None
        self._wrappers: dict[
            Any, tuple[Any, str, Any]
        ] = {}  # for each its owner and name, and what was there
        self._last: BaseException | None = None  # that ended an earlier statement
        self._script: FrameType | None = None

    def install(self) -> None:
        """Wrap the functions that exit."""
        self._asked, self._last = None, getattr(sys, "last_value", None)
        self._script = _outermost_frame()
        self._wrap(sys, "exit", lambda status=None: status)
        if (site := sys.modules.get("_sitebuiltins")) is not None:
            self._wrap(site.Quitter, "__call__", lambda quitter, code=None: code)

    def remove(self) -> None:
        """Put back what was there, unless another one has wrapped it meanwhile."""
        for wrapper, (owner, name, before) in self._wrappers.items():
            if getattr(owner, name) is wrapper:
                setattr(owner, name, before)
        self._wrappers = {}
        self._script = self._last = None

    def end(self) -> End:
        """How the script ended; for an ``atexit`` function."""
        if _is_at_prompt() or (self._script is not None and _has_returned(self._script)):
            return FINISHED  # at a prompt an exception ends a statement, not the run
        error = getattr(sys, "last_value", None)
        if error is not None and error is not self._last:
            return end_after(error)
        return self._asked or FINISHED

    def _wrap(self, owner: Any, name: str, status_of: Callable[..., Any]) -> None:
        """Set a new wrapper each time: another library may still call the one that it found at an earlier time."""
        before = getattr(owner, name)

        @wraps(before)
        def wrapper(*given: Any, **named: Any) -> NoReturn:
            if wrapper in self._wrappers and threading.current_thread() is threading.main_thread():
                error = SystemExit(status_of(*given, **named))
                error.__context__ = sys.exc_info()[1]
                self._asked = end_after(error)
            before(*given, **named)
            raise AssertionError

        self._wrappers[wrapper] = owner, name, before
        setattr(owner, name, wrapper)


def _is_at_prompt() -> bool:
    """Whether a person types statements; IPython has a prompt even where it is given a script and shows none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(sys, "ps1") and bool(getattr(getattr(shell, "parent", None), "interact", True))


def _outermost_frame() -> FrameType | None:
    """The frame of the main thread that ends with the script."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _has_returned(frame: FrameType) -> bool:
    """Whether a frame ended by returning, not by an exception; not known without a last instruction."""
    return frame.f_lasti >= 0 and opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")
