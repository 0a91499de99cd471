"""The local page: what it shows of runs, and to whom."""

from __future__ import annotations

import html.parser
import math
import re
from html import unescape

import pytest
import requests

from traingauge.stack.overview import html as pages
from traingauge.stack.overview.drawing import drawn
from traingauge.stack.overview.readings import Curve, Run
from traingauge.stack.overview.server import Overview
from traingauge.stack.server import free_port

HOSTILE = "<script>alert(1)</script>\"'&"
ALERT = {
    "labels": {"alertname": "ModelStuck", "severity": "critical"},
    "annotations": {"summary": HOSTILE, "runbook_url": "javascript:alert(1)"},
    "activeAt": "1970-01-01T00:01:30.123456789Z",
}


def tags(text: str) -> set[str]:
    found: set[str] = set()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.add(tag)

    Reader().feed(text)
    return found


def test_what_a_run_calls_itself_is_no_markup() -> None:
    run = Run(HOSTILE, HOSTILE, HOSTILE, 1.0, loss={"train": 1.0}, alerts=(ALERT,))
    curve = Curve(HOSTILE, {HOSTILE: [(0.0, 1.0)]})
    for text in (
        pages.all_runs([run], {}, 2.0),
        pages.one_run(run, [curve], {}, 2.0),
        pages.problem(HOSTILE, {}, 2.0),
    ):
        assert "script" not in tags(text)
        assert 'href="javascript' not in text


def test_an_alert_leads_to_its_runbook_and_one_that_is_not_shipped_nowhere() -> None:
    unknown = {**ALERT, "labels": {"alertname": "../Mine", "severity": "critical"}}
    text = pages.one_run(Run("m", "r", "running", 1.0, alerts=(ALERT, unknown)), [], {}, 2.0)
    (link,) = re.findall(r'href="(/runbook[^"]*)"', text)
    with Overview("http://127.0.0.1:9", {}) as overview:
        page = requests.get(f"{overview.url}{link}", timeout=60)
        beside = requests.get(f"{overview.url}/runbook?alert=../README", timeout=60)
    assert page.status_code == 200
    assert "## Diagnosis" in page.text
    assert "<h1>ModelStuck</h1>" in page.text
    assert beside.status_code == 404


def test_the_link_of_a_run_leads_to_it_whatever_its_name() -> None:
    (link,) = re.findall(
        r'href="(/run\?[^"]*)"', pages.all_runs([Run("a&b", "lr=1e+3", "running", 1.0)], {}, 2.0)
    )
    assert unescape(link) == "/run?model=a%26b&run=lr%3D1e%2B3"


def test_a_value_that_is_not_finite_leaves_a_gap_in_its_line() -> None:
    points = [(0.0, 1.0), (5.0, 2.0), (10.0, math.nan), (15.0, 1.5), (20.0, math.inf), (25.0, 1.0)]
    (line,) = re.findall(r'class="line a" d="([^"]*)"', drawn(Curve("Loss", {"train": points})))
    assert line.count("M") == 3
    assert "nan" not in line


def test_a_stretch_of_values_that_are_not_finite_is_marked_and_named() -> None:
    points = [(0.0, 1.0), (5.0, math.nan), (10.0, math.inf), (15.0, 1.5), (20.0, math.nan)]
    text = drawn(Curve("Loss", {"train": points}))
    bands = [
        (float(x), float(width))
        for x, width in re.findall(r'<rect class="lost" x="([\d.]+)" y="0" width="([\d.]+)"', text)
    ]
    assert bands == [(169.0, 101.0), (472.0, 3.0)]
    assert "NaN or infinite" in text
    assert "NaN or infinite" not in drawn(Curve("Loss", {"train": points[:1]}))


@pytest.mark.parametrize("state", ["running", "finished", "interrupted"])
def test_a_state_keeps_its_colour_while_an_alert_fires(state: str) -> None:
    run = Run("m", "r", state, 1.0, alerts=(ALERT,))
    for text in (pages.all_runs([run], {}, 2.0), pages.one_run(run, [], {}, 2.0)):
        assert f'<span class="state {state}">{state}</span>' in text


def test_an_alert_has_the_colour_of_its_severity() -> None:
    run = Run("m", "r", "running", 1.0, alerts=(ALERT,))
    assert '<span class="severity critical">1 critical</span>' in pages.all_runs([run], {}, 2.0)
    assert '<span class="severity critical">critical</span>' in pages.one_run(run, [], {}, 2.0)


def test_each_loss_is_shown_with_its_split() -> None:
    run = Run("m", "r", "running", 1.0, loss={"validation": 0.5, "train": math.nan})
    for text in (pages.all_runs([run], {}, 2.0), pages.one_run(run, [], {}, 2.0)):
        assert "nan (train), 0.5 (validation)" in text


def test_an_alert_is_shown_with_the_time_since_it_began() -> None:
    run = Run("m", "r", "running", 1.0, alerts=(ALERT,))
    assert "<td>2m 30s ago</td>" in pages.one_run(run, [], {}, 240.5)


@pytest.mark.parametrize("values", [(1.0, 1.0), (-1.7e308, 1.7e308), (0.0, 0.0), (5e-324, 0.0)])
def test_every_range_of_values_is_drawn_within_the_picture(values: tuple[float, float]) -> None:
    text = drawn(Curve("Loss", {"": [(float(at), value) for at, value in enumerate(values)]}))
    (line,) = re.findall(r'class="line a" d="([^"]*)"', text)
    heights = [float(y) for y in re.findall(r" ([\d.-]+)", line)]
    assert all(0 <= y <= 180 for y in heights)


def test_the_longest_number_of_an_axis_has_room_next_to_it() -> None:
    text = drawn(Curve("Learning rate", {"": [(0.0, -1.234e-5), (5.0, 0.000432)]}))
    labels = re.findall(r'<text x="(\d+)" y="[\d.]+" text-anchor="end">(-?\d[\d.e-]*)</text>', text)
    assert "-1.23e-05" in [number for _, number in labels]
    assert all(float(end) >= 6.6 * len(number) for end, number in labels)


def test_nothing_is_drawn_of_a_curve_without_a_finite_value() -> None:
    assert drawn(Curve("Loss", {"train": [(0.0, math.nan)]})) == ""


def test_what_is_shown_before_the_first_run_is_a_script_that_makes_one() -> None:
    (script,) = re.findall(r"<pre>(.*?)</pre>", pages.all_runs([], {}, 0.0), re.DOTALL)
    compile(unescape(script), "first.py", "exec")
    assert 'ModelMonitor("first")' in script


def test_a_prometheus_that_does_not_answer_is_said_to_be_the_problem() -> None:
    with Overview(f"http://127.0.0.1:{free_port(0)}", {}) as overview:
        answer = requests.get(overview.url, timeout=60)
    assert answer.status_code == 502
    assert "Prometheus does not answer" in answer.text


def test_a_host_name_that_a_stranger_may_have_registered_is_refused() -> None:
    with Overview("http://127.0.0.1:9", {}) as overview:
        answer = requests.get(overview.url, headers={"Host": "evil.example:9095"}, timeout=60)
    assert answer.status_code == 421
