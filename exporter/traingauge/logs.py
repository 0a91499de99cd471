"""What the package logs; each record goes through here, as no handler of a script may turn one into an error of training."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from contextlib import suppress
from typing import Any

#: Records that are kept for ``traingauge logs``, and characters of each.
KEPT, LONGEST = 100, 2_000

#: What this process logged last, the oldest first: Unix time and text.
recent: deque[tuple[float, str]] = deque(maxlen=KEPT)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=recent.clear)  # what the parent logged is none of the child's runs


class _Logger(logging.LoggerAdapter[logging.Logger]):
    """Drops a record that a handler or a filter fails on, such as a handler for a standard error that was closed."""

    def log(self, level: int, msg: object, *args: object, stacklevel: int = 1, **kwargs: Any) -> None:
        with suppress(Exception):
            if level >= logging.WARNING:
                text = str(msg) % args if args else str(msg)
                recent.append((time.time(), text[:LONGEST]))
        with suppress(Exception):
            super().log(level, msg, *args, stacklevel=stacklevel + 1, **kwargs)


#: The only logger of the package.
logger = _Logger(logging.getLogger("traingauge"))  # noqa: TID251 what it wraps
