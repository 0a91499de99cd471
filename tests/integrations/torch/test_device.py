"""Tensors on a device given to a monitor: nothing waits for the device before the run is read."""

from __future__ import annotations

import pytest
import torch

from tests.integrations.torch.lazy import DEVICE, Waits
from traingauge import ModelMonitor, Scoring
from traingauge.errors import InvalidTypeError


def batches(classes, *, device, steps=12, dtype=torch.float32):
    generator = torch.Generator().manual_seed(classes)
    for _ in range(steps):
        labels = torch.randint(classes, (16,), generator=generator)
        logits = 2 * torch.randn(16, classes, generator=generator).to(dtype)
        yield logits.to(device), labels.to(device)


def recorded(classes, device, **kinds):
    with ModelMonitor("m", delivery=[]) as monitor:
        for logits, labels in batches(classes, device=device, **kinds):
            monitor.step(y_true=labels, y_pred=logits)
        monitor.end_epoch()
        return {name: values[-1] for name, values in monitor.history.items()}


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_step_with_loss_labels_and_logits_on_a_device_waits_for_nothing(classes):
    with ModelMonitor("m", delivery=[]) as monitor:
        for logits, labels in batches(classes, device=DEVICE):
            loss = torch.nn.functional.cross_entropy(logits, labels)
            with Waits() as waits:
                monitor.step(loss=loss, y_true=labels, y_pred=logits, gradient_norm=logits.norm())
            assert waits.seen == []
        assert len(monitor.rows()["loss"]) == 12


def test_a_digest_waits_once_for_each_kind_of_tensor_and_not_for_each_step():
    with ModelMonitor("m", delivery=[]) as monitor:
        for logits, labels in batches(10, device=DEVICE, steps=50):
            monitor.step(loss=logits.sum(), y_true=labels, y_pred=logits)
        with Waits() as waits:
            monitor.rows()
        assert len(waits.seen) == 3  # losses, labels, logits


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_scores_of_tensors_on_a_device_are_those_of_the_same_tensors_on_the_cpu(kind):
    assert recorded(10, DEVICE, dtype=kind) == recorded(10, "cpu", dtype=kind)


def test_of_many_classes_the_scores_of_decisions_are_those_of_the_cpu():
    found, expected = recorded(50, DEVICE), recorded(50, "cpu")
    assert found == {name: expected[name] for name in found}
    assert {"accuracy", "f1", "recall", "precision"} <= found.keys()
    assert expected.keys() - found.keys() == {
        "top_k_accuracy",
        "log_loss",
        "brier_score",
        "calibration_error",
    }


def test_logits_and_labels_that_are_overwritten_count_as_they_were():
    with ModelMonitor("m", scoring=Scoring(task="multiclass", classes=3), delivery=[]) as monitor:
        labels = torch.tensor([0, 1, 2]).to(DEVICE)
        logits = torch.eye(3).to(DEVICE)
        monitor.step(y_true=labels, y_pred=logits)
        logits.fill_(0.0)
        labels.fill_(2)
        monitor.end_epoch()
        assert monitor.history["accuracy"] == [1.0]


def test_a_pass_over_tensors_on_a_device_waits_only_when_it_is_read():
    with ModelMonitor("m", delivery=[]) as monitor:
        with monitor.evaluation("validation") as evaluation, Waits() as waits:
            for logits, labels in batches(10, device=DEVICE):
                evaluation.update(y_true=labels, y_pred=logits)
            assert waits.seen == []
        expected = [
            (logits.argmax(1) == labels).float().mean().item() for logits, labels in batches(10, device="cpu")
        ]
        assert monitor.history["val_accuracy"] == pytest.approx([sum(expected) / len(expected)])


def test_labels_on_a_device_that_do_not_fit_are_counted_and_the_loss_is_kept(caplog):
    with ModelMonitor("m", scoring=Scoring(task="multiclass", classes=3), delivery=[]) as monitor:
        monitor.step(loss=0.5, y_true=torch.tensor([7, 8]).to(DEVICE), y_pred=torch.ones(2, 3).to(DEVICE))
        assert monitor.rows()["loss"].tolist() == [0.5]
    assert "data left out (data)" in caplog.text


def test_what_a_device_holds_for_the_next_digest_is_bounded():
    with ModelMonitor("m", delivery=[]) as monitor:
        labels = torch.zeros(1 << 20, dtype=torch.long).to(DEVICE)
        monitor.step(y_true=labels, y_pred=labels)
        assert monitor._recorder.queue.pending == []


def test_a_number_without_a_value_is_refused_at_its_step():
    with ModelMonitor("m", delivery=[]) as monitor:
        with pytest.raises(InvalidTypeError, match="loss is on the meta device, which keeps no values"):
            monitor.step(loss=torch.empty((), device="meta"))
        monitor.step(loss=torch.tensor(1.0))
        assert monitor.rows()["loss"].tolist() == [1.0]


def test_scores_of_a_step_that_cannot_be_brought_over_take_no_other_with_them(monkeypatch):
    to_host = torch.Tensor.cpu

    def cpu(tensor):
        if len(tensor) % 16:  # the step of 7 samples, alone or together with others
            raise RuntimeError("the device is lost")
        return to_host(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    with ModelMonitor("m", scoring=Scoring(classes=3), delivery=[]) as monitor:
        for size in (16, 7, 16):
            labels = torch.arange(size) % 3
            logits = torch.eye(3)[labels if size == 16 else labels - 1]  # right, but in the lost step
            monitor.step(y_true=labels.to(DEVICE), y_pred=logits.to(DEVICE))
        monitor.end_epoch()
        assert monitor.history["accuracy"] == [1.0]
