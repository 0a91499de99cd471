"""What a panel draws where Grafana would show an exception, or a message of its own, in place of nothing."""

from __future__ import annotations

from dashboards.vocabulary.panels import NOT_APPLICABLE


def or_absent(expr: str, selector: str, label: str, value: float = float("nan")) -> str:
    """An expression, or one series that says that it is not applicable, if there is nothing in the time range.

    Args:
        expr: The expression.
        selector: The series that it needs.
        label: The label that names rows.
        value: What the series is; a NaN draws nothing.

    >>> or_absent("max by (run) (up)", "up", "run").partition(" unless")[0]
    'max by (run) (up) or on () (label_replace(vector(NaN), "run", "n/a", "", "")'
    """
    absent = (
        f'label_replace(vector({str(value).replace("nan", "NaN")}), "{label}", "{NOT_APPLICABLE}", "", "")'
    )
    return f"{expr} or on () ({absent} unless on () {present(selector)})"


def present(selector: str) -> str:
    """Condition that holds throughout the time range if a series is anywhere in it."""
    return f"group(last_over_time({selector}[$__range] @ end()))"
