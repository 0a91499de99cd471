"""What a panel draws where Grafana would show an exception, or a message of its own, in place of nothing."""

from __future__ import annotations


def or_absent(expr: str, selector: str, label: str, says: str, value: float = float("nan")) -> str:
    """An expression, or one series that says why there is none, if there is nothing in the time range.

    Args:
        expr: The expression.
        selector: The series that it needs.
        label: The label that names rows.
        says: Its value: short.
        value: What the series is; a NaN draws nothing.

    >>> or_absent("max by (run) (up)", "up", "run", "no run").partition(" unless")[0]
    'max by (run) (up) or on () (label_replace(vector(NaN), "run", "no run", "", "")'
    """
    absent = f'label_replace(vector({str(value).replace("nan", "NaN")}), "{label}", "{says}", "", "")'
    return f"{expr} or on () ({absent} unless on () {present(selector)})"


def present(selector: str) -> str:
    """Condition that holds throughout the time range if a series is anywhere in it."""
    return f"group(last_over_time({selector}[$__range] @ end()))"
