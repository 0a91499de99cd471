"""Analysis of an expression: the series that it selects, and the labels that it depends on."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as promql

from dashboards.reading import Expression

#: Variables that stand for a number; all others stand for values of a label.
NUMBERS = {"grid": "10"}


def parse(expression: Expression) -> promql.Expr:
    """Parse an expression of a dashboard; any value stands for each of its variables.

    Raises:
        ValueError: It does not parse.
    """
    return promql.parse(expression.filled_in(dict.fromkeys(expression.variables, ".+") | NUMBERS))


def selectors(tree: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Every selector in an expression.

    >>> [selector.name for selector in selectors(promql.parse("rate(a[5m]) / on (run) b"))]
    ['a', 'b']
    """
    return (node for node in _nodes(tree) if isinstance(node, promql.VectorSelector))


def grouping_labels(tree: promql.Expr) -> set[str]:
    """Labels that aggregations keep and that operators match on.

    >>> sorted(grouping_labels(promql.parse("sum by (split) (a) / on (run) group_left (host) b")))
    ['host', 'run', 'split']
    """
    labels: set[str] = set()
    for node in _nodes(tree):
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            labels |= set(node.modifier.labels)
        if isinstance(node, promql.BinaryExpr) and node.modifier:
            labels |= set(node.modifier.group_labels or ())
            labels |= set(node.modifier.matching.labels if node.modifier.matching else ())
    return labels


def made_labels(tree: promql.Expr) -> set[str]:
    """Labels that an expression makes of others.

    >>> sorted(made_labels(promql.parse('label_join(a, "about", " ", "metric", "split")')))
    ['about']
    """
    made = {"label_join", "label_replace"}
    return {
        node.args[1].val for node in _nodes(tree) if isinstance(node, promql.Call) and node.func.name in made
    }


def _nodes(tree: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(tree, found.append)
    return found
