"""The pages as HTML. Names come from runs, which may call themselves anything: everything is escaped."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from traingauge.bundle import places
from traingauge.delivery.plain_text import duration

from .drawing import drawn
from .readings import HOURS, Curve, Run

#: Seconds until a browser asks again.
EVERY = 5

#: The runbook of each shipped alert.
RUNBOOKS = {path.stem: path for path in places.RUNBOOKS.glob("*.md")}

_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

_NONE_YET = """<p>No run yet. Train in any terminal of this machine; a run shows here within seconds:</p>
<pre>import time
from traingauge import ModelMonitor

with ModelMonitor("first") as monitor:
    for step in range(120):
        monitor.step(loss=1 / (1 + step))
        time.sleep(0.5)
</pre>"""


def all_runs(runs: Sequence[Run], links: Mapping[str, str], now: float) -> str:
    """The page with every run.

    >>> "a &lt;b&gt;" in all_runs([Run("a <b>", "r", "running", 0.0)], {}, 0.0)
    True
    """
    if not runs:
        return _document("Runs", _NONE_YET, links, now)
    head = "".join(
        f"<th>{name}</th>" for name in ("Model", "Run", "State", "Step", "Loss", "Started", "Alerts")
    )
    rows = "".join(f"<tr>{_row(run, now)}</tr>" for run in runs)
    table = f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return _document("Runs", table, links, now)


def one_run(run: Run, curves: Sequence[Curve], links: Mapping[str, str], now: float) -> str:
    """The page of one run: where it is, what fires, how it went."""
    facts = f"<p>{_state(run)} · step {_step(run)} · loss {_loss(run)} · started {_ago(run.started, now)}</p>"
    figures = "".join(map(drawn, curves)) or '<p class="dim">Nothing was scraped yet.</p>'
    body = f'{facts}{_alerts(run, now)}<h2>Course</h2><div class="figures">{figures}</div>'
    return _document(f"{run.model} / {run.run}", body, {"All runs": "/", **links}, now)


def runbook(alert: str) -> str:
    """The page with the runbook of an alert, as it is written.

    Raises:
        KeyError: The alert is none of the shipped ones.
    """
    text = RUNBOOKS[alert].read_text(encoding="utf-8").partition("\n\n")[2]  # its title is that of the page
    return _page(alert, f'<pre class="text">{escape(text)}</pre>', {"All runs": "/"})


def problem(text: str, links: Mapping[str, str], now: float) -> str:
    """A page that says why there is no other."""
    return _document("Nothing to show", f"<p>{escape(text)}</p>", {"All runs": "/", **links}, now)


def _row(run: Run, now: float) -> str:
    link = f"/run?{urlencode({'model': run.model, 'run': run.run})}"
    worst = escape(next((alert["labels"].get("severity", "") for alert in run.alerts), ""))
    alerts = f'<span class="severity {worst}">{len(run.alerts)} {worst}</span>' if run.alerts else "none"
    cells = (
        escape(run.model),
        f'<a href="{escape(link)}">{escape(run.run)}</a>',
        _state(run),
        _step(run),
        _loss(run),
        _ago(run.started, now),
        alerts,
    )
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _state(run: Run) -> str:
    """In the colour of the state: what fires has a colour of its own, and running is no fault."""
    state = escape(run.state)
    return f'<span class="state {state}">{state}</span>'


def _step(run: Run) -> str:
    if not math.isfinite(run.step):
        return "-"
    if not run.planned > 0:
        return f"{run.step:,.0f}"
    done = min(1.0, run.step / run.planned)
    return f'{run.step:,.0f} of {run.planned:,.0f} <progress max="1" value="{done:.4f}">{done:.0%}</progress>'


def _loss(run: Run) -> str:
    splits = [split for split in ("train", "validation", "test") if split in run.loss]
    return ", ".join(f"{run.loss[split]:.4g} ({split})" for split in splits[:2]) or "-"


def _ago(when: float, now: float) -> str:
    return f"{duration(now - when)} ago" if when else "-"


def _alerts(run: Run, now: float) -> str:
    if not run.alerts:
        return '<h2>Alerts</h2><p class="dim">None fires.</p>'
    rows = "".join(
        '<tr><td><span class="severity {severity}">{severity}</span></td><td>{name}</td>'
        '<td>{since}</td><td class="wrap">{text}</td></tr>'.format(
            severity=escape(alert["labels"].get("severity", "")),
            name=_linked(alert["labels"]["alertname"]),
            since=_ago(datetime.fromisoformat(alert["activeAt"]).timestamp(), now),
            text=escape(alert["annotations"].get("summary", "")) + _about(alert["labels"]),
        )
        for alert in run.alerts
    )
    head = "<tr><th>Severity</th><th>Alert</th><th>Began</th><th>What is wrong</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f'<h2>Alerts</h2><div class="table">{table}</div>'


def _about(labels: Mapping[str, str]) -> str:
    """What tells alerts of one name apart."""
    parts = [labels[name] for name in ("metric", "split", "output", "class", "feature") if labels.get(name)]
    return f' <span class="dim">{escape(", ".join(parts))}</span>' if parts else ""


def _linked(alert: str) -> str:
    """The name of an alert, which leads to its runbook."""
    if alert not in RUNBOOKS:
        return escape(alert)
    link = f"/runbook?{urlencode({'alert': alert})}"
    return f'<a href="{escape(link)}">{escape(alert)}</a>'


def _document(title: str, body: str, links: Mapping[str, str], now: float) -> str:
    seen = time.strftime("%H:%M:%S", time.localtime(now))
    foot = f"As of {seen}, every {EVERY} seconds. Runs of the last {HOURS} hours."
    return _page(
        title, body, links, f'<meta http-equiv="refresh" content="{EVERY}">', f"<footer>{foot}</footer>"
    )


def _page(title: str, body: str, links: Mapping[str, str], head: str = "", foot: str = "") -> str:
    leading = "".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in links.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{head}<title>{escape(title)} · traingauge</title>"
        f"<style>{_STYLE}</style></head>"
        f"<body><header><h1>{escape(title)}</h1>{leading}</header><main>{body}</main>"
        f"{foot}</body></html>\n"
    )
