"""The landing pages, for people who open the endpoint in a browser."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from traingauge.core.families import Identity

#: What a browser may do with the page: nothing but show it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#: What a run that can be scraped answers at ``/healthz``.
HEALTHY = "ok\n"

_STYLE = "body{font:16px sans-serif;margin:2em}th{text-align:left;padding-right:1em}"


def landing_page(facts: Mapping[str, str], links: Mapping[str, str]) -> str:
    """HTML with a table of facts, by heading, and a list of links, by title; both are escaped.

    >>> "<td>a &lt;b&gt;</td>" in landing_page({"Model": "a <b>"}, {})
    True
    """
    rows = "".join(
        f"<tr><th>{_escaped(name)}</th><td>{_escaped(fact)}</td></tr>" for name, fact in facts.items()
    )
    own = {
        "Metrics": "metrics",
        "Health": "healthz",
        "Log": "log",
    }  # relative, so that they hold behind a proxy's path
    items = "".join(
        f'<li><a href="{_escaped(to)}">{_escaped(title)}</a></li>' for title, to in {**own, **links}.items()
    )
    return _document(f"<table>{rows}</table><ul>{items}</ul>")


def log_page(records: Iterable[tuple[float, str]]) -> str:
    r"""Text with a line for each record, from its Unix time in seconds and its text.

    >>> log_page([(0.0, "monitoring failed:\nno space left")])
    '1970-01-01T00:00:00Z monitoring failed: no space left\n'
    """
    return "".join(
        f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(when))} {' '.join(text.split())}\n"
        for when, text in records
    )


def list_of_runs(runs: Mapping[str, Identity]) -> str:
    """HTML with a link to the page of each run, by the path of its pages.

    >>> '<a href="churn-r1/">r1</a>' in list_of_runs({"churn-r1": Identity("churn", "r1")})
    True
    """
    rows = "".join(
        f'<tr><th>{_escaped(run.model)}</th><td><a href="{path}/">{_escaped(run.run)}</a></td></tr>'
        for path, run in runs.items()
    )
    return _document(f'<table>{rows}</table><ul><li><a href="metrics">Metrics of all runs</a></li></ul>')


def _document(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>traingauge</title>'
        f"<style>{_STYLE}</style></head><body><h1>traingauge</h1>{body}</body></html>\n"
    )


def _escaped(text: str) -> str:
    """As ``html.escape``, whose module costs more to import than the rest of the server: it loads all entities."""
    for raw, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        text = text.replace(raw, entity)
    return text
