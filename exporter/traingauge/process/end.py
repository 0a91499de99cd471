"""How a run ended, from the exception that ended it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: Exceptions by which a framework stops a run on purpose, by module and name.
_ON_PURPOSE = frozenset(
    {
        ("optuna.exceptions", "TrialPruned"),
        ("lightning.pytorch.utilities.exceptions", "SIGTERMException"),
        ("pytorch_lightning.utilities.exceptions", "SIGTERMException"),
    }
)


class End(NamedTuple):
    """A final state.

    Attributes:
        state: ``finished``, ``failed`` or ``interrupted``.
        exception: Name of the exception of a run that failed, else empty.
    """

    state: str
    exception: str = ""


FINISHED, INTERRUPTED = End("finished"), End("interrupted")


def end_after(error: BaseException | None) -> End:
    """The end of a run that an exception has left.

    An ``Exception`` is a failure, and so is ``SystemExit`` with a code. Any other ``BaseException`` is a request to stop:
    ``KeyboardInterrupt``, a cancelled task, a closed generator. What was raised while Ctrl-C was handled, such as the
    ``sys.exit(1)`` of a framework, is still Ctrl-C.

    >>> end_after(ValueError())
    End(state='failed', exception='ValueError')
    >>> end_after(SystemExit(0)).state, end_after(SystemExit(2)).state, end_after(KeyboardInterrupt()).state
    ('finished', 'failed', 'interrupted')
    """
    if error is None:
        return FINISHED
    if any(isinstance(one, KeyboardInterrupt) for one in _chain(error)) or _is_on_purpose(error):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return End("failed", "SystemExit") if error.code else FINISHED
    return End("failed", type(error).__name__) if isinstance(error, Exception) else INTERRUPTED


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, and those that were being handled when it was raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_on_purpose(error: BaseException) -> bool:
    return any((kind.__module__, kind.__name__) in _ON_PURPOSE for kind in type(error).__mro__)
