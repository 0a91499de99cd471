"""The example loops run, and need few lines."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch

import traingauge
from tests.integrations.torch.loops import errors, given
from traingauge import ModelMonitor

FOLDER = Path(__file__).parents[3] / "docs" / "examples" / "pytorch"
LOOPS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "data")

#: Steps that each takes, and columns that it gives in addition to loss and learning rate.
TAKES = {
    "accelerated": (10, {"gradient_norm"}),
    "accumulation": (10, {"gradient_norm"}),
    "amp": (48, set()),
    "classifier": (48, set()),
    "gan": (24, {"loss_discriminator", "loss_generator"}),
    "imagenet": (48, set()),
    "lbfgs": (5, set()),
}


def test_the_page_lists_every_loop():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in LOOPS if f"]({name}.py)" in page] == LOOPS == sorted(TAKES)


@pytest.mark.parametrize("name", LOOPS)
def test_a_usual_loop_needs_at_most_three_lines(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    added = [line for line in text.splitlines() if line.endswith("# traingauge")]
    assert 2 <= len(added) <= 3
    watched = [line for line in text.splitlines() if "traingauge" in line or "watch" in line]
    assert watched == [line for line in added if line in watched]


@pytest.mark.parametrize("name", LOOPS)
def test_a_usual_loop_records_its_steps(name, monkeypatch):
    if name == "accelerated":
        pytest.importorskip("accelerate", reason="make test-integrations installs it")
    runs = []
    original = ModelMonitor

    def open_run(model):
        runs.append(original(model, delivery=[]))
        return runs[-1]

    monkeypatch.setattr(traingauge, "ModelMonitor", open_run)
    torch.manual_seed(0)
    import_module(f"docs.examples.pytorch.{name}").main()
    (run,) = runs
    steps, more = TAKES[name]
    assert run.state == "finished"
    assert run.rows()["step"].tolist()[-1] == steps
    assert len(given(run, "loss")) == steps
    assert name == "gan" or given(run, "loss")[-1] < given(run, "loss")[0]  # a game has no such end
    assert {"learning_rate", *more} <= run.rows().keys()
    assert errors(run) == {}
