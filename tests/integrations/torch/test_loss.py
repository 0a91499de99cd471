"""The loss of each step is the one that its gradient came from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch


def accumulated(window, batches_in_all, *, divide=True, watched=None):
    """A loop that accumulates gradients over windows of micro-batches; the losses of its steps, by hand."""
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    found, micro = [], []
    with watch(watched, net, optimizer, criterion):
        for at, (x, y) in enumerate(batches(batches_in_all), start=1):
            loss = criterion(net(x), y)
            micro.append(loss.item())
            (loss / window if divide else loss).backward()
            if at % window == 0 or at == batches_in_all:
                optimizer.step()
                optimizer.zero_grad()
                found.append(sum(micro) / len(micro))
                micro.clear()
    return found


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("window", [1, 2, 7])
def test_the_loss_of_a_step_is_the_mean_of_its_micro_batches(window, divide):
    with quiet() as monitor:
        expected = accumulated(window, 17, divide=divide, watched=monitor)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
        assert monitor.rows()["step"].tolist() == list(range(1, len(expected) + 1))
        assert errors(monitor) == {}


def test_every_micro_batch_counts_its_samples_and_its_labels():
    with quiet() as monitor:
        accumulated(7, 14, watched=monitor)
        assert monitor.rows()["samples"].sum() == 14 * 8
        monitor.end_epoch()
        assert "accuracy" in monitor.history


def test_micro_batches_count_as_the_loop_weighs_them():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        losses = []
        with watch(monitor, net, optimizer, criterion):
            for (x, y), weight in zip(batches(2), (0.25, 0.75), strict=True):
                loss = criterion(net(x), y)
                (weight * loss).backward()
                losses.append(weight * loss.item())
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([sum(losses)], rel=1e-6)


def test_losses_of_one_backward_pass_add_up():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            (x, y), (x2, y2) = batches(2)
            loss = criterion(net(x), y) + 0.4 * criterion(net(x2), y2)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_a_loss_that_the_loop_divides_in_place_counts_as_it_was():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            loss = criterion(net(x), y)
            expected = loss.item()
            loss /= 4
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([expected], rel=1e-6)


def test_a_loss_of_each_sample_counts_as_the_loop_masks_it():
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss(reduction="none")
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            mask = torch.tensor([1.0, 0, 1, 0, 0, 1, 0, 0])
            loss = (criterion(net(x), y) * mask).sum() / mask.sum()
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_a_loss_that_trains_nothing_is_no_part_of_the_step():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            (x, y), (x2, y2) = batches(2)
            loss = criterion(net(x), y)
            criterion(net(x2), y2)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_nan_at_a_step_is_recorded_at_that_step():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(6), start=1):
                optimizer.zero_grad()
                criterion(net(x * (math.nan if at == 4 else 1)), y).backward()
                if at == 4:
                    for one in net.parameters():
                        one.grad.zero_()
                optimizer.step()
        rows = monitor.rows()
        assert [
            int(step) for step, loss in zip(rows["step"], rows["loss"], strict=True) if math.isnan(loss)
        ] == [4]


def test_a_loss_of_a_function_is_recorded_as_that_of_a_module_is():
    def train(watched, function):
        net = model()
        optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
        with watch(watched, net, optimizer, None if function else criterion) as loop:
            for x, y in batches(5):
                z = net(x)
                loss = loop.loss(nn.functional.cross_entropy(z, y), y, z) if function else criterion(z, y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()

    losses = []
    for function in (False, True):
        with quiet() as monitor:
            train(monitor, function)
            losses.append(given(monitor, "loss"))
            monitor.end_epoch()
            assert "accuracy" in monitor.history
    assert losses[0] == losses[1]


def test_recomputed_activations_record_nothing_twice():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            loss = torch.utils.checkpoint.checkpoint(lambda: criterion(net(x), y), use_reentrant=False)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [8]
