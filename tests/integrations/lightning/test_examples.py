"""The example runs, and needs two lines."""

from __future__ import annotations

from pathlib import Path

import torch

import traingauge
from docs.examples.lightning import digits
from tests.integrations.torch.loops import errors, given
from traingauge import ModelMonitor


def test_a_module_of_lightning_needs_two_lines():
    text = Path(digits.__file__).read_text(encoding="utf-8")
    added = [line for line in text.splitlines() if line.endswith("# traingauge")]
    assert len(added) == 2
    assert [line for line in text.splitlines() if "MonitorCallback" in line] == added


def test_a_module_of_lightning_records_its_fit_and_its_test(monkeypatch):
    runs = []
    original = ModelMonitor

    def open_run(model):
        runs.append(original(model, delivery=[]))
        return runs[-1]

    monkeypatch.setattr(traingauge, "ModelMonitor", open_run)
    torch.manual_seed(0)
    digits.main()
    fit, tested = runs
    assert [run.state for run in runs] == ["finished", "finished"]
    assert fit.rows()["step"].tolist() == list(range(1, 25))
    assert given(fit, "loss")[-1] < given(fit, "loss")[0]
    assert {"learning_rate", "gradient_norm"} <= fit.rows().keys()
    assert len(given(fit, "loss", "validation")) == 2
    assert len(given(tested, "loss", "test")) == 1
    assert errors(fit) == errors(tested) == {}
