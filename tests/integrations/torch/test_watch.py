"""From the first hook to the last: what is watched is left as it was, whatever happens."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad
from torch.utils.data import DataLoader, TensorDataset

import traingauge
from tests.integrations.torch.lazy import DEVICE, Waits
from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge import ModelMonitor, Scoring
from traingauge.core.recorder import Recorder
from traingauge.errors import ClosedError, InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.integrations.torch import watch
from traingauge.process.runs import live_runs


@pytest.fixture
def opened(monkeypatch):
    """Runs that were opened by name."""
    runs = []
    original = ModelMonitor

    def open_run(name):
        runs.append(original(name, delivery=[]))
        return runs[-1]

    monkeypatch.setattr(traingauge, "ModelMonitor", open_run)
    return runs


def everything(monitor):
    """A loop with all that can be watched; returns what was, and the weights."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    scaler = torch.amp.GradScaler("cpu")
    x, y = (torch.cat(parts) for parts in zip(*batches(4), strict=True))
    loader = DataLoader(TensorDataset(x, y), batch_size=8)
    with watch(monitor, net, optimizer, criterion, loader, scaler=scaler, gradient_norm=True):
        for _ in range(2):
            net.train()
            for inputs, targets in loader:
                optimizer.zero_grad()
                scaler.scale(criterion(net(inputs), targets)).backward()
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                scaler.step(optimizer)
                scaler.update()
            net.eval()
            with torch.no_grad():
                criterion(net(x), y)
    return (net, criterion, optimizer, scaler, loader), torch.cat([one.flatten() for one in net.parameters()])


def test_a_loop_is_recorded_from_its_first_step_to_its_last_pass():
    with quiet() as monitor:
        everything(monitor)
        assert monitor.rows()["step"].tolist() == [*range(1, 9)]
        assert len(given(monitor, "gradient_norm")) == 8
        assert len(given(monitor, "loss", "validation")) == 2
        assert errors(monitor) == {}


def test_nothing_is_left_of_the_hooks():
    with quiet() as monitor:
        (_, criterion, optimizer, scaler, loader), _ = everything(monitor)
    assert not criterion._forward_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert type(scaler) is torch.amp.GradScaler
    assert type(loader) is DataLoader
    assert clip_grad._get_total_norm is nn.utils.get_total_norm


def test_nothing_is_left_of_the_hooks_after_an_exception():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with (
        quiet() as monitor,
        pytest.raises(ValueError, match="bad batch"),
        watch(monitor, net, optimizer, criterion),
    ):
        raise ValueError("bad batch")
    assert not criterion._forward_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_a_run_that_has_ended_inside_leaves_the_loop_alone():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    monitor = quiet()
    with watch(monitor, net, optimizer, criterion):
        for at, (x, y) in enumerate(batches(4)):
            criterion(net(x), y).backward()
            optimizer.step()
            if at == 1:
                monitor.close()
    assert monitor.rows()["step"].tolist() == [1, 2]
    assert errors(monitor) == {}


@pytest.mark.parametrize("broken", ["record", "encode", "describe", "describe_framework", "agree_on_step"])
def test_a_monitor_that_throws_leaves_the_weights_bit_identical(broken, monkeypatch):
    with quiet() as monitor:
        _, expected = everything(monitor)

    def throw(*args, **kwargs):
        raise RuntimeError("monitoring is broken")

    with quiet() as monitor:
        monkeypatch.setattr(Recorder, broken, throw)
        _, found = everything(monitor)
        assert torch.equal(found, expected)
        assert errors(monitor)["integration"] > 0


def test_watching_leaves_weights_as_they_are_without(monkeypatch):
    with quiet() as monitor:
        _, watched = everything(monitor)
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    with quiet() as monitor:
        _, alone = everything(monitor)
    assert torch.equal(watched, alone)
    assert monitor.rows() == {}


def test_a_name_opens_a_run_that_ends_with_the_with(opened):
    everything("digits")
    assert [(run.model, run.state) for run in opened] == [("digits", "finished")]


def test_a_run_that_was_opened_for_a_name_ends_as_the_loop_did(opened, readings):
    net, optimizer = model(), torch.optim.SGD(model().parameters(), lr=0.1)
    for error, state in ((ValueError(), "failed"), (KeyboardInterrupt(), "interrupted")):
        with pytest.raises(type(error)), watch("digits", net, optimizer):
            raise error
        assert opened[-1].state == state
    names = {
        dict(labels).get("exception") for name, labels in readings(opened[0]) if name == "model_run_info"
    }
    assert names == {"ValueError"}


def test_the_run_of_a_monitor_stays_open():
    with quiet() as monitor:
        everything(monitor)
        assert monitor.state == "running"
    with pytest.raises(ClosedError):
        everything(monitor)


def test_the_training_thread_waits_for_no_device():
    torch.manual_seed(0)
    # Leaves on the device, as the lazy backend has no views, which layers need.
    weight = torch.randn(4, 3).to(DEVICE).requires_grad_()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD([weight], lr=0.1, foreach=False)
    x, y = torch.randn(8, 4).to(DEVICE), torch.randint(3, (8,)).to(DEVICE)
    with quiet() as monitor:
        with watch(monitor, nn.Identity(), optimizer, criterion), Waits() as waits:
            for _ in range(6):
                for _ in range(2):
                    (criterion(x.mm(weight), y) / 2).backward()
                optimizer.step()
                optimizer.zero_grad()
            with torch.no_grad():
                criterion(x.mm(weight), y)
        assert waits.seen == []
        losses = given(monitor, "loss")
        assert len(losses) == 6
        assert losses == sorted(losses, reverse=True)
        assert len(given(monitor, "loss", "validation")) == 1
        monitor.end_epoch()
        assert "accuracy" in monitor.history
        assert "val_accuracy" in monitor.history
        assert errors(monitor) == {}


def test_of_a_distributed_tensor_a_rank_takes_its_own_part(tmp_path, monkeypatch):
    from torch.distributed.tensor import DTensor, Partial, init_device_mesh

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))

        class Distributed(nn.Module):
            def forward(self, z, y):
                return DTensor.from_local(nn.functional.cross_entropy(z, y), mesh, [Partial("avg")])

        def collective(*args, **kwargs):
            raise AssertionError("only one rank is watched")

        net, criterion = model(), Distributed()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with quiet() as monitor:
            with watch(monitor, net, optimizer, criterion):
                ((x, y),) = batches(1)
                loss = criterion(net(x), y)
                with monkeypatch.context() as patched:
                    patched.setattr(DTensor, "full_tensor", collective)
                    loss.to_local().backward()
                    optimizer.step()
            assert errors(monitor) == {}
            assert monitor.rows()["step"].tolist() == [1]
    finally:
        torch.distributed.destroy_process_group()


def test_a_script_that_has_numpy_raise_is_recorded_as_any_other():
    with quiet() as monitor, np.errstate(all="raise"):
        everything(monitor)
        assert len(given(monitor, "loss")) == 8
        assert errors(monitor) == {}


def test_what_is_watched_can_be_copied_and_pickled(tmp_path):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    scaler = torch.amp.GradScaler("cpu")
    loader = DataLoader(TensorDataset(torch.randn(16, 4)), batch_size=8)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, loader, scaler=scaler):
            copies = [copy.deepcopy(one) for one in (net, criterion, optimizer, scaler, loader)]
            copies += [pickle.loads(pickle.dumps(one)) for one in (net, criterion, optimizer, scaler, loader)]
            torch.save(criterion, tmp_path / "criterion.pt")
        assert [type(one) for one in copies] == 2 * [*map(type, (net, criterion, optimizer, scaler, loader))]
        assert errors(monitor) == {}
    code = "import sys, torch; print(torch.load(sys.argv[1], weights_only=False)(torch.ones(2, 3), torch.tensor([0, 1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "criterion.pt"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("tensor(1.09"), done.stderr


def test_an_optimizer_that_takes_no_step_is_reported(caplog):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, other = (torch.optim.SGD(net.parameters(), lr=0.1) for _ in range(2))
    with quiet() as monitor, watch(monitor, net, other, criterion):
        for x, y in batches(2):
            criterion(net(x), y).backward()
            optimizer.step()
    assert "the optimizer that is watched took no step" in caplog.text


def test_data_waits_and_epochs_come_from_the_loader(readings):
    with quiet() as monitor:
        everything(monitor)
        found = {
            name: value for (name, _), value in readings(monitor).items() if "data_wait_seconds_count" in name
        }
        assert found == {"model_data_wait_seconds_count": 8.0}
        (epochs,) = (
            value
            for (name, labels), value in readings(monitor).items()
            if name == "model_epochs_total" and ("split", "train") in labels
        )
        assert epochs == 2


def test_a_loader_that_the_monitor_watches_is_not_timed_twice(readings):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        loader = monitor.watch(DataLoader(TensorDataset(torch.randn(16, 4)), batch_size=8))
        with watch(monitor, net, optimizer, criterion, loader):
            assert len(list(loader)) == len(loader) == 2
        found = [
            value for (name, _), value in readings(monitor).items() if name == "model_data_wait_seconds_count"
        ]
        assert found == [2.0]
        assert type(loader).__name__ == "Watched"


def test_a_watched_loader_that_the_loop_passes_to_the_monitor_is_not_timed_twice(readings):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(torch.randn(16, 4)), batch_size=8)
    with quiet() as monitor, quiet(run="other") as other:
        with watch(monitor, net, optimizer, loader=loader):
            list(monitor.watch(loader))
            list(other.watch(loader))
        counts = [
            value
            for one in (monitor, other)
            for (name, _), value in readings(one).items()
            if name == "model_data_wait_seconds_count"
        ]
        assert counts == [4.0, 2.0]


def test_a_monitor_that_watches_a_loop_refuses_a_second_one():
    net, other = model(), model()
    optimizer, second = (torch.optim.SGD(one.parameters(), lr=0.1) for one in (net, other))
    with quiet() as monitor, watch(monitor, net, optimizer):
        with (
            pytest.raises(InvalidArgumentError, match="monitor watches a loop already"),
            watch(monitor, other, second),
        ):
            pass
        optimizer.step()
        assert monitor.rows()["step"].tolist() == [1]


@pytest.mark.parametrize("shared", ["itself", "compiled"])
def test_a_criterion_that_is_watched_for_one_model_is_refused_for_another(shared):
    net, other, criterion = model(), model(), nn.CrossEntropyLoss()
    optimizer, second = (torch.optim.SGD(one.parameters(), lr=0.1) for one in (net, other))
    same = criterion if shared == "itself" else torch.compile(criterion, backend="eager")
    with quiet() as monitor, quiet(run="other") as elsewhere:
        with (
            watch(monitor, net, optimizer, criterion),
            pytest.raises(InvalidArgumentError, match="CrossEntropyLoss is watched for another model"),
            watch(elsewhere, other, second, same),
        ):
            pass
        with watch(elsewhere, other, second, same):
            pass


def test_an_epoch_that_is_left_early_has_not_ended():
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(torch.randn(16, 4)), batch_size=8)
    with quiet() as monitor, watch(monitor, net, optimizer, loader=loader):
        for _ in loader:
            break
        assert monitor.history == {}


def test_a_loader_with_workers_that_persist_is_watched(readings):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    data = TensorDataset(torch.arange(16.0))
    loader = DataLoader(data, batch_size=8, num_workers=1, persistent_workers=True)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, loader=loader):
            for _ in range(2):
                assert sum(len(batch) for (batch,) in loader) == 16
        found = [
            value for (name, _), value in readings(monitor).items() if name == "model_data_wait_seconds_count"
        ]
        assert found == [4.0]


GOOD = (model(), torch.optim.SGD(model().parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "says"),
    [
        ((3, *GOOD), {}, InvalidTypeError, "monitor is a int"),
        (("m", 3, GOOD[1]), {}, InvalidTypeError, "model is 3: expected a torch.nn.Module"),
        (("m", GOOD[0], 3), {}, InvalidTypeError, "optimizer is 3: expected a torch.optim.Optimizer"),
        (("m", [], GOOD[1]), {}, ValueError, "model is empty"),
        (("m", GOOD[0], []), {}, ValueError, "optimizer is empty"),
        (("m", *GOOD, nn.functional.mse_loss), {}, InvalidTypeError, r"criterion is .*watched\.loss"),
        (("m", *GOOD, None, [1, 2]), {}, InvalidTypeError, r"loader is a list: .*monitor\.watch"),
        (("m", *GOOD, None, iter([1])), {}, InvalidTypeError, "loader is a list_iterator"),
        (("m", *GOOD), {"scaler": 3}, InvalidTypeError, "scaler is 3: expected a torch.amp.GradScaler"),
        (("m", *GOOD), {"split": "train"}, UnknownNameError, "split of an evaluation"),
        (("m", *GOOD), {"gradient_norm": 2}, TypeError, "gradient_norm"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_training(arguments, settings, error, says):
    with pytest.raises(error, match=says):
        watch(*arguments, **settings)
    assert not list(live_runs)


def test_what_cannot_be_hooked_is_said_once_and_the_rest_is_recorded(caplog):
    class Stubborn(nn.CrossEntropyLoss):
        def register_forward_hook(self, *args, **kwargs):
            raise RuntimeError("this module takes no hooks")

    net, criterion = model(), Stubborn()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                optimizer.step()
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
        assert given(monitor, "learning_rate") == [0.1] * 3
    assert caplog.text.count("this module takes no hooks") >= 1
    assert errors(monitor) == {"integration": 1}


def test_a_resumed_model_returns_the_run_to_its_step(tmp_path):
    from traingauge import State

    def train(steps, checkpoint=None):
        net, criterion = model(), nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(net.parameters())
        if checkpoint is not None:
            optimizer.load_state_dict(checkpoint)
        saved = None
        with ModelMonitor("m", run="r", delivery=[], state=State(tmp_path)) as monitor:
            with watch(monitor, net, optimizer, criterion):
                for at, (x, y) in enumerate(batches(steps), start=1):
                    criterion(net(x), y).backward()
                    optimizer.step()
                    if at == 3:
                        saved = copy.deepcopy(optimizer.state_dict())
            return saved, monitor.rows()["step"].tolist()

    checkpoint, _ = train(5)
    _, steps = train(2, checkpoint)
    assert steps == [1, 2, 3, 4, 5]


def test_a_second_watch_of_a_loop_counts_on():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        for _ in range(2):
            with watch(monitor, net, optimizer, criterion):
                for x, y in batches(2):
                    criterion(net(x), y).backward()
                    optimizer.step()
        assert monitor.rows()["step"].tolist() == [1, 2, 3, 4]


def test_scores_are_those_that_the_user_asked_for():
    net, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet(scoring=Scoring(classes=["a", "b", "c"])) as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                optimizer.step()
        monitor.end_epoch()
        assert not math.isnan(monitor.history["accuracy"][0])
        assert errors(monitor) == {}
