"""What the package logs; each record goes through here, as no handler of a script may turn one into an error of training."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import suppress
from typing import Any

from traingauge.forks import leave_to_parent_after_fork

#: Records that are kept for ``traingauge logs``, and characters of each.
KEPT, LONGEST = 100, 2_000

#: What this process logged last, the oldest first: Unix time and text.
recent: deque[tuple[float, str]] = deque(maxlen=KEPT)


class _Logger(logging.LoggerAdapter[logging.Logger]):
    """Drops a record that a handler or a filter fails on, such as a handler for a standard error that was closed."""

    def log(self, level: int, msg: object, *args: object, stacklevel: int = 1, **kwargs: Any) -> None:
        with suppress(Exception):
            if level >= logging.WARNING:
                text = str(msg) % args if args else str(msg)
                recent.append((time.time(), text[:LONGEST]))
        with suppress(Exception):
            super().log(level, msg, *args, stacklevel=stacklevel + 1, **kwargs)

    @staticmethod
    def leave_to_parent() -> None:
        """What the parent logged is none of the child's runs."""
        recent.clear()


#: The only logger of the package.
logger = _Logger(logging.getLogger("traingauge"))  # noqa: TID251 what it wraps
leave_to_parent_after_fork(logger)
