"""What runs are called where many share a panel or a table: by their name alone, if that tells them apart."""

from __future__ import annotations

from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.metrics import series

#: The label that holds the name. Prometheus sorts series by their labels, the first of which by name counts first: in each
#: panel runs come in the order of their names, and have the colours that they have in the others.
CALLED = "called"

#: What a legend says for it.
NAME = f"{{{{{CALLED}}}}}"

#: Runs that a panel draws, the newest ones: of more, the colours repeat.
DRAWN = 20

_STARTED = "model_run_start_timestamp_seconds"

#: The label that says where a run is and whose it is.
WHERE = "where"


def named(expr: str, *, known_by: str = _STARTED, newest: int | None = None, among: str = "") -> str:
    """An expression with the name of each run in the label :data:`CALLED`.

    Args:
        expr: Its result has the labels of runs, and maybe others.
        known_by: A metric that each of the runs has in the time range.
        newest: How many of the runs are left, those that started last; all of them if ``None``.
        among: Condition that the runs which are left fulfil throughout the time range. Names are joined at each moment: the
            fewer, the cheaper.
    """
    runs = _runs(known_by, newest)
    several = f"count by (run) ({runs}) > 1"
    short = f'label_replace({runs}, "{CALLED}", "$1", "run", "(.*)") unless on (run) {several}'
    names = f"{short} or on (model, run) {named_in_full(runs)}"
    if among:
        names = f"({names}) and on (model, run) {among}"
    return f"({expr}) * on (model, run) group_left ({CALLED}) ({names})"


def named_in_full(expr: str) -> str:
    """An expression with run, model and where it is in :data:`CALLED`: for what is rare, as it joins nothing."""
    return _joined(expr, CALLED, "run", "model", *IDENTITY)


def newest(most: int) -> str:
    """Condition that holds for the runs that started last, throughout the time range."""
    return _runs(_STARTED, most)


def _runs(known_by: str, newest: int | None) -> str:
    last = f"max by (model, run) (last_over_time({series(known_by)}[$__range] @ end()))"
    return f"group by (model, run) ({last if newest is None else f'topk({newest}, {last})'})"


def where(expr: str) -> str:
    """An expression with where each run is and whose it is in the label :data:`WHERE`, if its labels say so."""
    return _joined(expr, WHERE, *IDENTITY)


def _joined(expr: str, into: str, *labels: str) -> str:
    """An expression with the values of several labels in one, without the blanks around those that are not there."""
    listed = ", ".join(f'"{label}"' for label in labels)
    return (
        f'label_replace(label_join({expr}, "{into}", " ", {listed}), "{into}", "$1", "{into}", " *(.*?) *")'
    )
