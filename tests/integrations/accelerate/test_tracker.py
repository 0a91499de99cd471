"""What a script logs with its Accelerator arrives in the run that watches its loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate.state import PartialState
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.errors import InvalidTypeError
from traingauge.integrations.accelerate import MonitorTracker
from traingauge.integrations.torch import watch


def train(accelerator, tracker):
    """Log each update of a loop; the losses of its steps."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    data = [torch.cat(parts) for parts in zip(*batches(10), strict=True)]
    net, optimizer, loader = accelerator.prepare(
        net, optimizer, DataLoader(TensorDataset(*data), batch_size=8)
    )
    micro, losses, window = [], [], accelerator.gradient_accumulation_steps
    with watch(tracker, net, optimizer, criterion, loader, accumulation=window):
        for place, (x, y) in enumerate(loader):
            with accelerator.accumulate(net):
                loss = criterion(net(x), y)
                micro.append(loss.item())
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                if accelerator.sync_gradients:
                    losses.append(sum(micro) / len(micro))
                    micro.clear()
                    accelerator.log({"train/place": place}, step=place)
    return losses


def test_what_is_logged_under_accumulation_belongs_to_the_step_of_the_watched_loop(accelerator, caplog):
    with quiet() as monitor:
        tracker = MonitorTracker(monitor)
        accelerator = accelerator(3, log_with=tracker)
        accelerator.init_trackers("project", config={"lr": 1.0})
        losses = train(accelerator, tracker)
        accelerator.end_training()
        rows = monitor.rows()
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
        assert given(monitor, "train/place") == [2, 5, 8, 9]
        assert rows["step"][~rows["train/place"].mask].tolist() == [1, 2, 3, 4]
        assert monitor.state == "running"
        assert errors(monitor) == {}
        assert caplog.text == ""


def test_numbers_of_any_kind_are_logged_and_what_is_none_is_left_out(accelerator):
    with quiet() as monitor:
        accelerator = accelerator(log_with=MonitorTracker(monitor))
        accelerator.init_trackers("project")
        accelerator.log({"count": 2, "tensor": torch.tensor([0.5]), "note": "text", "on": True})
        accelerator.log({"tensor": torch.ones(2)})
        assert given(monitor, "count") == [2]
        assert given(monitor, "tensor") == [0.5]
        assert not {"note", "on"} & monitor.rows().keys()
        assert errors(monitor) == {}


def test_an_array_of_one_number_is_a_number(accelerator):
    with quiet() as monitor:
        accelerator = accelerator(log_with=MonitorTracker(monitor))
        accelerator.init_trackers("project")
        accelerator.log(
            {"scalar": np.array(3.0), "row": np.array([4]), "more": np.ones(2), "on": np.array(True)}
        )
        assert given(monitor, "scalar") == [3.0]
        assert given(monitor, "row") == [4.0]
        assert not {"more", "on"} & monitor.rows().keys()
        assert errors(monitor) == {}


def test_a_number_that_is_too_large_for_a_float_is_counted_and_the_others_are_recorded(accelerator):
    with quiet() as monitor:
        accelerator = accelerator(log_with=MonitorTracker(monitor))
        accelerator.init_trackers("project")
        accelerator.log({"before": 1.0, "large": 10**400, "after": 2.0})
        assert given(monitor, "before") == [1.0]
        assert given(monitor, "after") == [2.0]
        assert "large" not in monitor.rows()
        assert errors(monitor) == {"integration": 1}


def test_two_names_that_the_script_logs_never_become_one(accelerator):
    with quiet() as monitor:
        accelerator = accelerator(log_with=MonitorTracker(monitor))
        accelerator.init_trackers("project")
        accelerator.log({"loss": 1.0, "logged_loss": 2.0})
        assert given(monitor, "logged_loss") == [1.0]
        assert given(monitor, "logged_logged_loss") == [2.0]


def test_a_number_with_a_name_that_the_run_uses_itself_has_a_prefix(accelerator):
    with quiet() as monitor:
        accelerator = accelerator(log_with=MonitorTracker(monitor))
        accelerator.init_trackers("project")
        accelerator.log({"loss": 1.0, "accuracy": 95.0, "learning_rate": 0.5, "step": 7})
        assert given(monitor, "logged_loss") == [1.0]
        assert given(monitor, "logged_accuracy") == [95.0]
        assert given(monitor, "logged_learning_rate") == [0.5]
        assert given(monitor, "logged_step") == [7]
        assert given(monitor, "loss") == []


def test_a_name_opens_one_run_for_the_loop_and_the_log_and_ends_it_with_the_training(accelerator, opened):
    tracker = MonitorTracker("digits")
    accelerator = accelerator(log_with=tracker)
    accelerator.init_trackers("project")
    losses = train(accelerator, tracker)
    (run,) = opened
    assert accelerator.get_tracker("traingauge", unwrap=True) is run
    assert run.state == "running"
    accelerator.end_training()
    accelerator.log({"late": 1.0})
    assert (run.model, run.state) == ("digits", "finished")
    assert given(run, "loss") == pytest.approx(losses, rel=1e-6)
    assert len(given(run, "train/place")) == len(losses)
    assert "late" not in run.rows()
    accelerator.init_trackers("project")
    assert [run.state for run in opened] == ["finished", "running"]
    accelerator.end_training()


def test_a_process_that_is_not_the_main_one_opens_no_run_and_its_loop_trains(
    accelerator, opened, monkeypatch
):
    tracker = MonitorTracker("digits")
    accelerator = accelerator(log_with=tracker)
    monkeypatch.setattr(PartialState, "use_distributed", property(lambda _: True))
    monkeypatch.setattr(PartialState, "is_main_process", property(lambda _: False))
    accelerator.init_trackers("project")
    assert len(train(accelerator, tracker)) == 10
    tracker.log({"place": 1.0})
    accelerator.end_training()
    assert opened == []
    assert tracker.tracker is None


def test_nothing_is_recorded_where_monitoring_is_turned_off(accelerator, monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    tracker = MonitorTracker("digits")
    accelerator = accelerator(log_with=tracker)
    accelerator.init_trackers("project")
    assert len(train(accelerator, tracker)) == 10
    assert tracker.tracker.rows()["loss"].tolist() == []
    accelerator.end_training()


def test_what_is_no_monitor_is_refused():
    with pytest.raises(InvalidTypeError, match="monitor is a int: expected a ModelMonitor, or the name"):
        MonitorTracker(3)
