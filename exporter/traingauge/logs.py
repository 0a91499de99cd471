"""What the package logs; each record goes through here, as no handler of a script may turn one into an error of training."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any


class _Logger(logging.LoggerAdapter[logging.Logger]):
    """Drops a record that a handler or a filter fails on, such as a handler for a standard error that was closed."""

    def log(self, level: int, msg: object, *args: object, stacklevel: int = 1, **kwargs: Any) -> None:
        with suppress(Exception):
            super().log(level, msg, *args, stacklevel=stacklevel + 1, **kwargs)


#: The only logger of the package.
logger = _Logger(logging.getLogger("traingauge"))  # noqa: TID251 what it wraps
