"""The few of many series that are drawn: conditions for an expression, the same at each moment of the time range."""

from __future__ import annotations


def lowest_now(selector: str, by: str, most: int) -> str:
    """The values of a label that have the lowest values now, or had at the end of a run that is over.

    Args:
        selector: The series.
        by: The label.
        most: How many at most.

    >>> lowest_now("recall", "class", 3)
    'bottomk(3, min by (class) (recall @ end()) or on () min by (class) (last_over_time(recall[$__range] @ end())))'
    """
    now, last = f"{selector} @ end()", f"last_over_time({selector}[$__range] @ end())"
    return f"bottomk({most}, min by ({by}) ({now}) or on () min by ({by}) ({last}))"


def highest(selector: str, by: str, most: int) -> str:
    """The values of one or several labels that reached the highest values in the time range.

    Args:
        selector: The series.
        by: The label or labels.
        most: How many at most.

    >>> highest("drift", "feature", 3)
    'topk(3, max by (feature) (max_over_time(drift[$__range] @ end())))'
    """
    return f"topk({most}, max by ({by}) (max_over_time({selector}[$__range] @ end())))"
