"""Keys of families."""

from __future__ import annotations

import requests

from traingauge import ModelMonitor, Scoring
from traingauge.core.families import keys


def test_names_that_differ_in_what_utf_8_cannot_encode_stay_different():
    labels = [key.labels[0] for key in keys(("x\udce9",), ("x\udce8",), ("café",))]
    assert labels == ["x\\udce9", "x\\udce8", "café"]


def test_classes_with_such_names_have_a_series_each():
    with ModelMonitor("m", scoring=Scoring(classes=["x\udce9", "x\udce8", "b"])) as monitor:
        monitor.step(y_true=["b"], y_pred=["x\udce9"])
        text = requests.get(f"{monitor.url}/metrics", timeout=60).text
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and line[0] != "#"]
    assert len(series) == len(set(series))
    assert r'class="x\\udce9"' in text
