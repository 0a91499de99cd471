"""Numbers on a device: each has the value of its step, and many come over together."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from traingauge import ModelMonitor
from traingauge.core.device_numbers import fetched
from traingauge.core.guard import Guard


class Tensor:
    """Like a torch tensor on a device; counts the transfers of its device."""

    is_cpu = False
    ndim = 1

    def __init__(self, values, device, dtype="float32"):
        self.values, self.device, self.dtype = values, device, dtype

    def numel(self):
        return len(self.values)

    def detach(self):
        return self

    def clone(self):
        return Tensor(list(self.values), self.device, self.dtype)

    def reshape(self, shape):
        return self

    def cpu(self):
        self.device.transfers += 1
        return self

    def tolist(self):
        return self.values

    def __float__(self):
        self.device.transfers += 1
        return float(self.values[0])


@pytest.fixture
def device(monkeypatch):
    def stack(tensors):
        assert len({(one.device, one.dtype) for one in tensors}) == 1
        return Tensor([value for one in tensors for value in one.values], tensors[0].device)

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(Tensor=Tensor, stack=stack))

    class Device:
        transfers = 0

    return Device()


def test_a_loss_that_is_overwritten_keeps_the_value_of_each_step(device):
    loss = Tensor([0.0], device)
    with ModelMonitor("m", delivery=[]) as monitor:
        for value in range(5):
            loss.values[0] = float(value)
            monitor.step(loss=loss)
        assert monitor.rows()["loss"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_all_tensors_of_a_device_come_over_in_one_transfer(device):
    with ModelMonitor("m", delivery=[]) as monitor:
        for value in range(100):
            monitor.step(loss=Tensor([float(value)], device), gradient_norm=Tensor([1.0], device))
        assert device.transfers == 0
        assert monitor.rows()["loss"].tolist() == [*map(float, range(100))]
        assert device.transfers == 1


def test_tensors_of_other_dtypes_and_plain_numbers_keep_their_places(device):
    rows = [
        {"loss": Tensor([1.0], device), "rate": 0.5},
        {"loss": 2.0, "entropy": Tensor([3], device, "int64")},
        {},
    ]
    assert fetched(rows, Guard()) == [{"loss": 1.0, "rate": 0.5}, {"loss": 2.0, "entropy": 3.0}, {}]


def test_the_numbers_of_a_whole_pass_come_over_in_one_transfer(device):
    with ModelMonitor("m", delivery=[]) as monitor:
        with monitor.evaluation("validation") as evaluation:
            for value in range(100):
                evaluation.update(
                    loss=Tensor([float(value)], device), entropy=Tensor([1.0], device), samples=8
                )
        assert device.transfers == 1
        assert monitor.rows("validation")["loss"].tolist() == [49.5]
        assert monitor.rows("validation")["entropy"].tolist() == [1.0]


class Lost(Tensor):
    """One that cannot be brought over, such as after an error of CUDA."""

    def clone(self):
        return self

    def __float__(self):
        raise RuntimeError("the device is lost")


@pytest.fixture
def losing(device, monkeypatch):
    """A device that brings nothing over together as long as one of it is lost."""
    stack = sys.modules["torch"].stack

    def strict(tensors):
        if any(isinstance(one, Lost) for one in tensors):
            raise RuntimeError("the device is lost")
        return stack(tensors)

    monkeypatch.setattr(sys.modules["torch"], "stack", strict)
    return device


def test_a_number_that_cannot_be_read_takes_no_other_with_it_and_is_counted_once(losing):
    rows = [
        {"loss": Tensor([1.0], losing), "rate": 0.5},
        {"loss": Lost([2.0], losing), "rate": 0.25},
        {"loss": Tensor([3.0], losing)},
    ]
    guard = Guard()
    assert fetched(rows, guard) == [{"loss": 1.0, "rate": 0.5}, {"rate": 0.25}, {"loss": 3.0}]
    assert guard.errors["digest"] == 1


def test_a_number_whose_device_is_lost_takes_no_other_of_its_pass_with_it(losing):
    device = losing
    with ModelMonitor("m", delivery=[]) as monitor:
        with monitor.evaluation("validation") as evaluation:
            evaluation.update(loss=0.5, entropy=Lost([1.0], device))
        assert monitor.history["val_loss"] == [0.5]
        assert "entropy" not in monitor.rows("validation")


def test_a_score_on_a_device_is_checked_where_it_is_read(device):
    with ModelMonitor("m", delivery=[]) as monitor:
        for value in (0.5, 95.0, 0.75):
            monitor.step(accuracy=Tensor([value], device))
        monitor.evaluate("validation", loss=1.0, accuracy=Tensor([95.0], device))
        assert monitor.rows()["accuracy"].tolist() == [0.5, None, 0.75]
        assert "accuracy" not in monitor.rows("validation")
        (errors,) = (
            dict(zip((key.labels for key in family.keys), family.values, strict=True))
            for family in monitor.collector.families()
            if family.metric.name == "model_monitor_errors_total"
        )
        assert errors["data",] == 2
