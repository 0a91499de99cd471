"""Libraries that only some want, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def needed(module: str, extra: str) -> Any:
    """A module of a library that an extra of ours installs.

    Raises:
        ImportError: It is not installed.

    >>> needed("no_such_library.figures", "plot")
    Traceback (most recent call last):
    ImportError: no_such_library is not installed: pip install 'traingauge[plot]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f"{library} is not installed: pip install 'traingauge[{extra}]'") from error
