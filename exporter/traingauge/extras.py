"""Optional libraries, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def require(module: str, extra: str) -> Any:
    """Import a module of an optional library.

    Args:
        module: Dotted name of the module.
        extra: Extra of traingauge that installs the library.

    Raises:
        ImportError: The library is not installed; the message says how to install it.

    >>> require("no_such_library.figures", "plot")
    Traceback (most recent call last):
    ImportError: no_such_library is not installed: pip install 'traingauge[plot]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if error.name not in (module, library):  # something that the library itself lacks
            raise
        raise ImportError(f"{library} is not installed: pip install 'traingauge[{extra}]'") from error
